//! Who has logged in: a bounded number of sessions that end by themselves. It must not know HTTP or the token.
//!
//! A session is a random number of 256 bits that the browser keeps in a cookie, and here is its digest with the time of
//! its end. A cookie that is computed from the token under a key was rejected: it needs no memory, but a logout could
//! not end it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

/// Most sessions at once; a further login ends the oldest.
pub(super) const MOST: usize = 256;
/// How long a session lasts: a working day.
pub(super) const LASTS: Duration = Duration::from_secs(12 * 3600);

/// The sessions, by the SHA-256 of their number: looking one up takes as long whatever its bytes, and what this memory
/// holds opens nothing.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    until: HashMap<[u8; 32], Instant>,
}

impl Sessions {
    /// A new session's number, in hex.
    ///
    /// # Errors
    /// If the system has no random bytes.
    pub(super) fn begin(&mut self, now: Instant) -> Result<String, getrandom::Error> {
        let mut number = [0; 32];
        getrandom::fill(&mut number)?;
        self.until.retain(|_, until| *until > now);
        if self.until.len() >= MOST
            && let Some(oldest) = self.until.iter().min_by_key(|(_, until)| **until).map(|(key, _)| *key)
        {
            self.until.remove(&oldest);
        }
        let number = hex::encode(number);
        self.until.insert(key(&number), now + LASTS);
        Ok(number)
    }

    /// Whether this is the number of a session that has not ended.
    pub(super) fn has(&self, number: &str, now: Instant) -> bool {
        self.until.get(&key(number)).is_some_and(|until| *until > now)
    }

    /// Ends a session, if there is one.
    pub(super) fn end(&mut self, number: &str) {
        self.until.remove(&key(number));
    }
}

fn key(number: &str) -> [u8; 32] {
    Sha256::digest(number.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_logout_and_by_time() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let (one, two) = (sessions.begin(now).unwrap(), sessions.begin(now).unwrap());
        assert!(one.len() == 64 && one != two);
        assert!(sessions.has(&one, now) && sessions.has(&two, now) && !sessions.has("", now));
        sessions.end(&one);
        assert!(!sessions.has(&one, now) && sessions.has(&two, now));
        assert!(sessions.has(&two, now + LASTS - Duration::from_secs(1)) && !sessions.has(&two, now + LASTS));
    }

    #[test]
    fn there_are_never_more_than_so_many() {
        let (mut sessions, now) = (Sessions::default(), Instant::now());
        let first = sessions.begin(now).unwrap();
        for after in 1..=MOST as u64 {
            sessions.begin(now + Duration::from_secs(after)).unwrap();
        }
        assert_eq!(sessions.until.len(), MOST);
        assert!(!sessions.has(&first, now), "the oldest has made room");
    }
}
