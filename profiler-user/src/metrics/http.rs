//! Metrics of the HTTP service: what was asked, what was turned away and why, and whom it hung up on.
//!
//! Every label value is one of a list that the program has: routes, statuses and reasons, never a part of a request. It
//! must not know how requests are answered.

use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge};

use super::New;

macro_rules! labels {
    ($(#[$doc:meta])* $enum:ident { $( $(#[$about:meta])* $name:ident = $label:literal, )+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $enum { $( $(#[$about])* $name, )+ }

        impl $enum {
            /// All of them.
            pub const ALL: &'static [$enum] = &[ $( $enum::$name, )+ ];

            /// As the label `reason` has it.
            pub const fn label(self) -> &'static str {
                match self { $( $enum::$name => $label, )+ }
            }
        }
    };
}

labels! {
    /// Why a request was turned away before it was looked at, or a connection before it could ask.
    Rejection {
        /// Too many profiles were being computed.
        Busy = "busy",
        /// The client has too many connections.
        ClientConnections = "client_connections",
        /// The client asks too often.
        ClientRate = "client_rate",
        /// The `Host` header is not one that is answered.
        Host = "host",
        /// Too many failed logins from this client.
        LoginRate = "login_rate",
        /// Answers that are not taken yet fill the memory that is set aside for them.
        Memory = "memory",
        /// It comes from a page of another origin.
        Origin = "origin",
        /// There is neither a token nor a session with it.
        Unauthenticated = "unauthenticated",
        /// The address is too long.
        UriTooLong = "uri_too_long",
        /// The token is not the one.
        WrongToken = "wrong_token",
    }
}

labels! {
    /// Why the service hung up on a client.
    Cut {
        /// No whole head of a request came in time, or no further request.
        Head = "head",
        /// The client does not read its answer.
        Stalled = "stalled",
        /// What came is no HTTP, or its head is too large, or the connection broke.
        Broken = "broken",
    }
}

/// The metrics of the HTTP service. Every method may be called from any thread.
#[derive(Debug)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    rejected: IntCounterVec,
    cut: IntCounterVec,
    failed_logins: IntCounter,
    panics: IntCounter,
    connections: IntGauge,
    seconds: Histogram,
}

impl HttpMetrics {
    pub(super) fn new(new: &New) -> HttpMetrics {
        let seconds = HistogramOpts::new(
            "firetower_http_request_seconds",
            "Time from a request's head to the head of its answer.",
        );
        let seconds = seconds.buckets(vec![0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0]);
        let metrics = HttpMetrics {
            requests: new.counters(
                "firetower_http_requests_total",
                "Requests that were answered, by route and status; those to no route have the route other.",
                &["route", "status"],
            ),
            rejected: new.counters(
                "firetower_http_requests_rejected_total",
                "Requests and connections that were turned away, by reason.",
                &["reason"],
            ),
            cut: new.counters(
                "firetower_http_connections_cut_total",
                "Connections that were ended before the client ended them, by reason.",
                &["reason"],
            ),
            failed_logins: new
                .counter("firetower_http_failed_logins_total", "Tokens that were tried and are not the one."),
            panics: new.counter(
                "firetower_http_panics_total",
                "Requests whose answer panicked: each is a bug in firetower.",
            ),
            connections: new.gauge("firetower_http_connections", "Connections that are open."),
            seconds: new.register(Histogram::with_opts(seconds)),
        };
        for reason in Rejection::ALL {
            metrics.rejected.with_label_values(&[reason.label()]);
        }
        for reason in Cut::ALL {
            metrics.cut.with_label_values(&[reason.label()]);
        }
        metrics.requests.with_label_values(&["other", "404"]);
        metrics
    }

    /// Counts an answer. `route` is the pattern that matched, not the request's path: there must be few.
    pub fn answered(&self, route: &str, status: u16, took: Duration) {
        // Statuses are digits of a small range, so their number is bounded too.
        self.requests.with_label_values(&[route, &status.to_string()]).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// Counts what was turned away.
    pub fn rejected(&self, reason: Rejection) {
        self.rejected.with_label_values(&[reason.label()]).inc();
    }

    /// Counts a connection that the service ended.
    pub fn cut(&self, reason: Cut) {
        self.cut.with_label_values(&[reason.label()]).inc();
    }

    /// Counts a wrong token.
    pub fn login_failed(&self) {
        self.failed_logins.inc();
    }

    /// Counts a panic.
    pub fn panicked(&self) {
        self.panics.inc();
    }

    /// Counts a connection as open until the guard is dropped.
    #[must_use]
    pub fn connected(&self) -> Connected {
        self.connections.inc();
        Connected(self.connections.clone())
    }
}

/// An open connection, as counted.
#[derive(Debug)]
pub struct Connected(IntGauge);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.dec();
    }
}
