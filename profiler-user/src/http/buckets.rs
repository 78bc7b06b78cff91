//! How often each client may do something: a token bucket for each address, in bounded memory. It must not know what is
//! counted.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Most addresses that are told apart; the others share one bucket.
const MOST: usize = 4096;
/// How often a full table is searched for buckets that are full again.
const SWEEP: Duration = Duration::from_secs(1);

/// Whom a limit is for: an IPv4 address, or the 64 bits of an IPv6 address that one customer has; all of loopback is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Client(IpAddr);

impl Client {
    pub(super) fn of(address: IpAddr) -> Client {
        Client(match address.to_canonical() {
            IpAddr::V4(v4) if v4.is_loopback() => IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V6(v6) if !v6.is_loopback() => {
                IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)))
            }
            other => other,
        })
    }

    pub(super) fn is_loopback(self) -> bool {
        self.0.is_loopback()
    }
}

/// How much at once, and how much a second in the long run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Times at once, from 1.
    pub burst: f64,
    /// Times a second in the long run, above 0.
    pub per_second: f64,
}

/// A bucket: what is left in it, and when that was so.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

/// The buckets of all clients.
#[derive(Debug)]
pub(super) struct Buckets {
    rate: Rate,
    of: HashMap<Client, Bucket>,
    others: Bucket,
    swept: Instant,
}

impl Buckets {
    pub(super) fn new(rate: Rate, now: Instant) -> Buckets {
        Buckets { rate, of: HashMap::new(), others: Bucket { left: rate.burst, at: now }, swept: now }
    }

    /// Takes one, or says after how long there will be one.
    pub(super) fn take(&mut self, client: Client, now: Instant) -> Result<(), Duration> {
        let rate = self.rate;
        let bucket = self.bucket(client, now);
        bucket.fill(rate, now);
        if bucket.left >= 1.0 {
            bucket.left -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.left) / rate.per_second))
    }

    /// Whether there is one to take; takes none.
    pub(super) fn check(&self, client: Client, now: Instant) -> Result<(), Duration> {
        // Who has no bucket has a full one, unless there was no room for it.
        let full = self.of.len() >= MOST;
        let Some(mut bucket) = self.of.get(&client).copied().or(full.then_some(self.others)) else {
            return Ok(());
        };
        bucket.fill(self.rate, now);
        if bucket.left >= 1.0 {
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - bucket.left) / self.rate.per_second))
    }

    fn bucket(&mut self, client: Client, now: Instant) -> &mut Bucket {
        let rate = self.rate;
        if self.of.len() >= MOST
            && !self.of.contains_key(&client)
            && now.saturating_duration_since(self.swept) >= SWEEP
        {
            self.swept = now;
            self.of.retain(|_, bucket| {
                bucket.fill(rate, now);
                bucket.left < rate.burst
            });
        }
        if self.of.len() >= MOST && !self.of.contains_key(&client) {
            return &mut self.others;
        }
        self.of.entry(client).or_insert(Bucket { left: rate.burst, at: now })
    }
}

impl Bucket {
    fn fill(&mut self, rate: Rate, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = (self.left + passed * rate.per_second).min(rate.burst);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 3.0, per_second: 2.0 };

    fn client(text: &str) -> Client {
        Client::of(text.parse().unwrap())
    }

    #[test]
    fn a_burst_then_so_many_a_second() {
        let now = Instant::now();
        let mut buckets = Buckets::new(RATE, now);
        let one = client("192.0.2.1");
        for _ in 0..3 {
            assert_eq!(buckets.take(one, now), Ok(()));
        }
        assert_eq!(buckets.check(one, now), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take(one, now), Err(Duration::from_millis(500)));
        assert_eq!(buckets.take(client("192.0.2.2"), now), Ok(()), "another client is not held up");
        let later = now + Duration::from_millis(500);
        assert_eq!((buckets.check(one, later), buckets.take(one, later)), (Ok(()), Ok(())));
        assert!(buckets.take(one, later).is_err());
        assert!(buckets.take(one, now).is_err(), "time that goes back fills nothing");
    }

    #[test]
    fn one_customer_is_one_client() {
        assert_eq!(client("2001:db8:0:1::1"), client("2001:db8:0:1:ffff::2"));
        assert_ne!(client("2001:db8:0:1::1"), client("2001:db8:0:2::1"));
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        assert_eq!(client("127.0.0.1"), client("::1"));
        assert!(client("127.8.8.8").is_loopback() && !client("192.0.2.1").is_loopback());
    }

    #[test]
    fn the_table_is_bounded_and_makes_room() {
        let now = Instant::now();
        let mut buckets = Buckets::new(RATE, now);
        let many = |index: u32| Client::of(IpAddr::V4((0x0a00_0000 + index).into()));
        for index in 0..MOST as u32 + 3 {
            assert_eq!(buckets.take(many(index), now), Ok(()));
        }
        assert_eq!(buckets.of.len(), MOST);
        assert!(buckets.take(many(9999), now).is_err(), "the others share one");
        assert!(buckets.check(many(9999), now).is_err());
        let later = now + Duration::from_secs(10);
        assert_eq!(buckets.take(many(9999), later), Ok(()));
        assert_eq!(buckets.of.len(), 1, "who has been quiet is forgotten");
    }
}
