//! Which functions of a service have a series: the busiest, but so that `rate()` works.
//!
//! A series that comes and goes with every change of the order would show nothing: `rate()` needs it in two scrapes at
//! least. So membership is sticky. A newcomer is looked at for some seconds first, so that what runs once, such as
//! imports, takes no place. While there is room it gets a series then; else it takes the place of a function that has
//! had much less CPU than it for minutes on end. The series of that function stays for some minutes as it is, so that its
//! last value is scraped, and does not come back for as long again: no scraper sees it start anew.
//!
//! To move what a function had into the remainder as its series leaves was rejected: the remainder would jump by hours
//! of CPU time in one scrape, and `rate()` would show them.
//!
//! By total time, the busiest are those that say least: a program's `main`, and the twenty functions of its framework
//! below it, are on every stack. The further from all and from nothing, the more a share can change, so there the
//! places are for those whose share is nearest to a half ([`Rank`]).
//!
//! It must not know where the numbers come from, nor what becomes of those that belong to no series.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use prometheus::{Counter, CounterVec};

use super::labels::FunctionLabels;
use super::recent::Recent;

/// How long after it was seen first a function must still be seen to get a series.
const PROVING: Duration = Duration::from_secs(5);
/// Least share of the service's recent CPU with which a function gets a series.
const LEAST_SHARE: f64 = 0.01;
/// A newcomer needs this many times the worth of the one whose place it takes.
const FACTOR: f64 = 2.0;
/// For how long the latter must have been that far behind, without a break.
const LONG: Duration = Duration::from_secs(300);
/// How long the series of a function that lost its place stays as it is, and how long it is away then at least: several
/// scrapes at the usual intervals of up to a minute, and as far as Prometheus looks back.
pub(super) const KEEP: Duration = Duration::from_secs(300);

/// By what functions are ranked.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rank {
    /// What they used themselves.
    Own,
    /// What they and all that they call used, or what the service used elsewhere if that is less.
    Total,
}

impl Rank {
    /// The worth of a function that used `recent` of the `whole` of its service.
    fn worth(self, recent: f64, whole: f64) -> f64 {
        match self {
            Rank::Own => recent,
            Rank::Total => recent.min(whole - recent).max(0.0),
        }
    }
}

/// The functions of one service in one family of counters.
#[derive(Debug)]
pub(super) struct Functions {
    /// Labels: service, function, file.
    family: CounterVec,
    service: String,
    rank: Rank,
    most: usize,
    /// Recent CPU of the service, as of the last round.
    whole: f64,
    known: HashMap<FunctionLabels, Function>,
}

#[derive(Debug)]
struct Function {
    recent: Recent,
    /// When it used CPU last.
    used: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    /// It has no series.
    Waiting { since: Instant },
    /// What it uses is counted in its series.
    Counted { series: Counter, behind: Option<Instant> },
    /// It lost its place; its series does not change.
    Leaving { series: Counter, since: Instant },
    /// Its series has been removed, and must not come back yet.
    Away { since: Instant },
}

impl Function {
    fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    fn is_counted(&self) -> bool {
        matches!(self.state, State::Counted { .. })
    }
}

impl Functions {
    /// Of this service; `most` of them are counted at a time, and at most twice as many have a series.
    pub fn new(family: CounterVec, service: &str, rank: Rank, most: usize) -> Functions {
        Functions { family, service: service.to_owned(), rank, most, whole: 0.0, known: HashMap::new() }
    }

    /// Adds what a function used. False: it has no series to count it in.
    pub fn add(&mut self, labels: &FunctionLabels, seconds: f64, now: Instant) -> bool {
        if !self.known.contains_key(labels) {
            // Those that are waiting are sorted out at every round, and the busiest come first in between.
            if self.known.len() >= self.most_known() {
                return false;
            }
            let new = Function { recent: Recent::new(now), used: now, state: State::Waiting { since: now } };
            self.known.insert(labels.clone(), new);
        }
        let function = self.known.get_mut(labels).expect("it is there or has just been put there");
        function.recent.add(seconds, now);
        function.used = now;
        if let State::Counted { series, .. } = &function.state {
            series.inc_by(seconds);
            return true;
        }
        false
    }

    /// Decides who has a series, given the recent CPU of the whole service. Call it every few seconds.
    pub fn round(&mut self, whole: f64, now: Instant) {
        self.whole = whole;
        self.sweep(now);
        let newcomers = self.newcomers(now);
        let best = newcomers.first().map_or(0.0, |(worth, _)| *worth).max(self.last_place(now));
        self.note_who_is_behind(best, now);
        for (worth, labels) in newcomers {
            if self.is_leaving(&labels) {
                // Its series is there anyway, so nobody has to go at once.
                if worth > self.least(now) * FACTOR {
                    self.give_series(&labels);
                }
                continue;
            }
            let has_room =
                self.known.values().filter(|function| !function.is_waiting()).count() < 2 * self.most;
            if has_room && (self.counted() < self.most || self.make_room(worth, now)) {
                self.give_series(&labels);
            }
        }
        while self.counted() > self.most && self.make_room(best, now) {}
        self.forget_the_least(now);
    }

    /// Removes all series.
    pub fn clear(&mut self) {
        for (labels, function) in self.known.drain() {
            if matches!(function.state, State::Counted { .. } | State::Leaving { .. }) {
                remove(&self.family, &self.service, &labels);
            }
        }
    }

    /// Most functions that are remembered: those with a series, those that had one, and twice as many besides.
    fn most_known(&self) -> usize {
        4 * self.most + 64
    }

    fn counted(&self) -> usize {
        self.known.values().filter(|function| function.is_counted()).count()
    }

    fn is_leaving(&self, labels: &FunctionLabels) -> bool {
        self.known.get(labels).is_some_and(|function| matches!(function.state, State::Leaving { .. }))
    }

    /// What a function is worth now, by its recent CPU. Not a method of all: it is asked while functions are changed.
    fn worth_at(&self, now: Instant) -> impl Fn(&Recent) -> f64 + use<> {
        let (rank, whole) = (self.rank, self.whole);
        move |recent| rank.worth(recent.at(now), whole)
    }

    /// The least worth of those that are counted.
    fn least(&self, now: Instant) -> f64 {
        let worth = self.worth_at(now);
        let counted = self.known.values().filter(|function| function.is_counted());
        counted.map(|function| worth(&function.recent)).fold(f64::INFINITY, f64::min)
    }

    /// Where more are counted than should be: the worth of the last one that should.
    fn last_place(&self, now: Instant) -> f64 {
        let worth = self.worth_at(now);
        let counted = self.known.values().filter(|function| function.is_counted());
        let mut worths: Vec<f64> = counted.map(|function| worth(&function.recent)).collect();
        if worths.len() <= self.most {
            return 0.0;
        }
        worths.sort_by(|left, right| right.total_cmp(left));
        worths[self.most - 1]
    }

    fn sweep(&mut self, now: Instant) {
        let over = |since: Instant| now.saturating_duration_since(since) >= KEEP;
        for (labels, function) in &mut self.known {
            match function.state {
                State::Leaving { since, .. } if over(since) => {
                    remove(&self.family, &self.service, labels);
                    function.state = State::Away { since: now };
                }
                State::Away { since } if over(since) => function.state = State::Waiting { since },
                _ => {}
            }
        }
    }

    /// Those that would have a series if there were room for all, with their worth, the greatest first.
    fn newcomers(&self, now: Instant) -> Vec<(f64, FunctionLabels)> {
        let worth = self.worth_at(now);
        let enough = |recent: f64| recent > 0.0 && recent >= self.whole * LEAST_SHARE;
        let mut newcomers: Vec<(f64, FunctionLabels)> = self
            .known
            .iter()
            .filter(|(_, function)| match function.state {
                State::Waiting { since } => function.used.saturating_duration_since(since) >= PROVING,
                State::Leaving { .. } => true,
                State::Counted { .. } | State::Away { .. } => false,
            })
            .filter(|(_, function)| enough(function.recent.at(now)))
            .map(|(labels, function)| (worth(&function.recent), labels.clone()))
            .collect();
        newcomers.sort_by(|(left, left_labels), (right, right_labels)| {
            right.total_cmp(left).then_with(|| left_labels.cmp(right_labels))
        });
        newcomers
    }

    fn note_who_is_behind(&mut self, best: f64, now: Instant) {
        let worth = self.worth_at(now);
        for function in self.known.values_mut() {
            if let State::Counted { behind, .. } = &mut function.state {
                match worth(&function.recent) * FACTOR < best {
                    true => *behind = behind.or(Some(now)),
                    false => *behind = None,
                }
            }
        }
    }

    /// Takes the place of the function that has the least, if it has been behind for long and is far behind this one.
    fn make_room(&mut self, newcomer: f64, now: Instant) -> bool {
        let worth = self.worth_at(now);
        let long = |behind: &Option<Instant>| {
            behind.is_some_and(|behind| now.saturating_duration_since(behind) >= LONG)
        };
        let least = self
            .known
            .iter_mut()
            .filter(|(_, function)| matches!(&function.state, State::Counted { behind, .. } if long(behind)))
            .map(|(labels, function)| (worth(&function.recent), labels, function))
            .filter(|(least, ..)| least * FACTOR < newcomer)
            .min_by(|(left, left_labels, _), (right, right_labels, _)| {
                left.total_cmp(right).then_with(|| left_labels.cmp(right_labels))
            });
        let Some((_, _, function)) = least else { return false };
        if let State::Counted { series, .. } = &function.state {
            function.state = State::Leaving { series: series.clone(), since: now };
        }
        true
    }

    fn give_series(&mut self, labels: &FunctionLabels) {
        let Some(function) = self.known.get_mut(labels) else { return };
        let series = match &function.state {
            State::Leaving { series, .. } => series.clone(),
            // It starts at 0 before anything is added: `rate()` sees the first increase.
            _ => self.family.with_label_values(&[&self.service, &*labels.function, &*labels.file]),
        };
        function.state = State::Counted { series, behind: None };
    }

    /// Makes room for others to be looked at: of those that are waiting the better half stays.
    fn forget_the_least(&mut self, now: Instant) {
        if self.known.len() < self.most_known() {
            return;
        }
        let worth = self.worth_at(now);
        let mut waiting: Vec<(f64, FunctionLabels)> = self
            .known
            .iter()
            .filter(|(_, function)| function.is_waiting())
            .map(|(labels, function)| (worth(&function.recent), labels.clone()))
            .collect();
        waiting.sort_by(|(left, _), (right, _)| right.total_cmp(left));
        for (_, labels) in waiting.drain(waiting.len() / 2..) {
            self.known.remove(&labels);
        }
    }
}

fn remove(family: &CounterVec, service: &str, labels: &FunctionLabels) {
    let values = [service, &*labels.function, &*labels.file];
    family.remove_label_values(&values).expect("a series is created when its function gets a place");
}

#[cfg(test)]
mod tests;
