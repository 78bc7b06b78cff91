//! How much the service takes from its clients: one table of bounds. It must not know how they are held.

use std::time::Duration;

use super::buckets::Rate;

/// Bounds on connections and requests. The default is what `firetower serve` uses.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections that are open at once; more wait to be accepted.
    pub connections: usize,
    /// For each client that is on another machine.
    pub client: ClientLimits,
    /// For all of loopback: tunnels and proxies end there, so it stands for many.
    pub loopback: ClientLimits,
    /// How long the head of a request may take to arrive, from the connection's begin or the last answer's end: also how
    /// long a connection may be idle.
    pub head: Duration,
    /// How long a client may take nothing of its answer. What it takes gives it time again, by `least_rate`.
    pub stall: Duration,
    /// Bytes a second that a client must take of its answer in the long run.
    pub least_rate: u32,
}

/// Bounds for each client.
#[derive(Clone, Copy, Debug)]
pub struct ClientLimits {
    /// Connections that are open at once; more are hung up on.
    pub connections: usize,
    /// Requests; more are answered by 429.
    pub requests: Rate,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            connections: 512,
            client: ClientLimits { connections: 64, requests: Rate { burst: 200.0, per_second: 50.0 } },
            loopback: ClientLimits { connections: 448, requests: Rate { burst: 4000.0, per_second: 1000.0 } },
            head: Duration::from_secs(15),
            stall: Duration::from_secs(20),
            least_rate: 4096,
        }
    }
}

impl Limits {
    /// For the address that has the metrics alone: nobody but a few scrapers asks there.
    pub(super) fn of_metrics(self) -> Limits {
        Limits { connections: 32, client: ClientLimits { connections: 8, ..self.client }, ..self }
    }
}
