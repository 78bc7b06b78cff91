//! Who has a series, for how long, and what its counter says.

use prometheus::Opts;
use prometheus::core::Collector;

use super::*;

const MOST: usize = 3;
const SECOND: Duration = Duration::from_secs(1);

/// A service whose functions use CPU second by second.
struct Bench {
    functions: Functions,
    whole: Recent,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        Bench::ranked(Rank::Own)
    }

    fn ranked(rank: Rank) -> Bench {
        let family =
            CounterVec::new(Opts::new("cpu", "CPU."), &["service", "function", "file"]).expect("valid");
        let now = Instant::now();
        Bench { functions: Functions::new(family, "app", rank, MOST), whole: Recent::new(now), now }
    }

    /// Lets these functions use so many milliseconds of each second. The answer: the seconds that were in no series.
    fn run(&mut self, seconds: u64, used: &[(&str, u64)]) -> f64 {
        self.run_of(seconds, used.iter().map(|(_, milliseconds)| milliseconds).sum(), used)
    }

    /// The same in a service that uses so many milliseconds of each second, whatever its functions' sum is.
    fn run_of(&mut self, seconds: u64, whole: u64, used: &[(&str, u64)]) -> f64 {
        let mut rest = 0.0;
        for _ in 0..seconds {
            self.now += SECOND;
            self.whole.add(whole as f64 / 1e3, self.now);
            for (name, milliseconds) in used {
                let amount = *milliseconds as f64 / 1e3;
                if !self.functions.add(&labels(name), amount, self.now) {
                    rest += amount;
                }
            }
            self.functions.round(self.whole.at(self.now), self.now);
        }
        rest
    }

    /// The series and their values.
    fn series(&self) -> Vec<(String, f64)> {
        let families = self.functions.family.collect();
        let mut series: Vec<(String, f64)> = families[0]
            .get_metric()
            .iter()
            .map(|metric| {
                let name = metric.get_label().iter().find(|label| label.name() == "function");
                (name.expect("a function").value().to_owned(), metric.get_counter().get_value())
            })
            .collect();
        series.sort_by(|left, right| left.0.cmp(&right.0));
        series
    }

    fn names(&self) -> Vec<String> {
        self.series().into_iter().map(|(name, _)| name).collect()
    }

    fn value(&self, name: &str) -> Option<f64> {
        self.series().into_iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }
}

fn labels(name: &str) -> FunctionLabels {
    FunctionLabels::new(&name.into(), &"app.py".into())
}

const STEADY: [(&str, u64); 3] = [("a", 300), ("b", 200), ("c", 100)];

#[test]
fn what_runs_only_once_gets_no_series() {
    let mut bench = Bench::new();
    bench.run(4, &[("import", 1000)]);
    let rest = bench.run(1, &[("a", 100)]);
    assert!((rest - 0.1).abs() < 1e-9, "what is not known for long yet is in the remainder");
    bench.run(300, &[("a", 100)]);
    assert_eq!(bench.names(), ["a"]);
}

#[test]
fn what_is_below_a_hundredth_of_its_service_gets_no_series() {
    let mut bench = Bench::new();
    bench.run(60, &[("a", 500), ("b", 4), ("c", 6)]);
    assert_eq!(bench.names(), ["a", "c"]);
}

#[test]
fn everything_is_in_a_series_or_in_the_remainder() {
    let mut bench = Bench::new();
    let used = [("a", 300), ("b", 200), ("c", 100), ("d", 90), ("e", 80)];
    let rest = bench.run(60, &used);
    let counted: f64 = bench.series().iter().map(|(_, value)| value).sum();
    assert!((rest + counted - 60.0 * 0.77).abs() < 1e-9, "{rest} + {counted}");
    assert_eq!(bench.names(), ["a", "b", "c"], "the busiest");
}

#[test]
fn by_total_time_what_is_on_every_stack_leaves_its_place_to_what_is_on_some() {
    let stack =
        [("main", 500), ("run", 500), ("serve", 495), ("handle", 480), ("look_up", 95), ("send", 200)];
    let mut bench = Bench::ranked(Rank::Total);
    bench.run_of(60, 500, &stack);
    assert_eq!(bench.names(), ["handle", "look_up", "send"]);
    // Where there is room, all of them are there.
    let mut bench = Bench::ranked(Rank::Total);
    bench.run_of(60, 500, &stack[..3]);
    assert_eq!(bench.names(), ["main", "run", "serve"]);
    // One that comes to be on every stack goes when others need its place.
    bench.run_of(LONG.as_secs() + KEEP.as_secs() + 60, 500, &stack);
    assert_eq!(bench.names(), ["handle", "look_up", "send"]);
}

#[test]
fn a_series_starts_at_0_before_anything_is_added() {
    let mut bench = Bench::new();
    bench.run(6, &[("a", 100)]);
    assert_eq!(bench.value("a"), Some(0.0));
    bench.run(1, &[("a", 100)]);
    assert!((bench.value("a").expect("a series") - 0.1).abs() < 1e-9);
}

#[test]
fn a_change_of_the_order_changes_no_series() {
    let mut bench = Bench::new();
    bench.run(30, &STEADY);
    for turn in 0..20 {
        let (busy, idle) = if turn % 2 == 0 { ("d", "c") } else { ("c", "d") };
        bench.run(60, &[("a", 300), ("b", 200), (busy, 150), (idle, 1)]);
        assert_eq!(bench.names(), ["a", "b", "c"], "turn {turn}");
    }
}

#[test]
fn a_newcomer_replaces_who_has_been_far_behind_for_long() {
    let mut bench = Bench::new();
    bench.run(30, &STEADY);
    let before = bench.value("c").expect("a series");
    let after_deploy = [("a", 300), ("b", 200), ("new", 400)];
    bench.run(LONG.as_secs() - 60, &after_deploy);
    assert_eq!(bench.names(), ["a", "b", "c"], "not before its time");
    bench.run(150, &after_deploy);
    assert_eq!(bench.names(), ["a", "b", "c", "new"], "both, so that the last value is scraped");
    assert_eq!(bench.value("c"), Some(before));
    bench.run(KEEP.as_secs(), &after_deploy);
    assert_eq!(bench.names(), ["a", "b", "new"]);
}

#[test]
fn who_comes_back_before_its_series_went_goes_on_with_it() {
    let mut bench = Bench::new();
    bench.run(30, &STEADY);
    bench.run(LONG.as_secs() + 100, &[("a", 300), ("b", 200), ("new", 400)]);
    let value = bench.value("c").expect("it is leaving");
    bench.run(60, &[("a", 300), ("new", 400), ("c", 900)]);
    assert!(bench.value("c").is_some_and(|now| now > value), "{:?}", bench.series());
    assert_eq!(bench.names(), ["a", "b", "c", "new"]);
    bench.run(LONG.as_secs() + KEEP.as_secs() + 60, &[("a", 300), ("new", 400), ("c", 900)]);
    assert_eq!(bench.names(), ["a", "c", "new"], "the one that idles has gone for it");
}

#[test]
fn a_series_that_went_stays_away_for_a_while() {
    let mut bench = Bench::new();
    bench.run(30, &STEADY);
    let mut last_seen = bench.now;
    let mut reappeared = None;
    // `c` idles until its series is gone, and is the busiest of all from then on.
    for _ in 0..3000 {
        let is_there = bench.value("c").is_some();
        if is_there && reappeared.is_none() && bench.now - last_seen > SECOND {
            reappeared = Some(bench.now - last_seen);
        }
        if is_there {
            last_seen = bench.now;
        }
        let is_gone = !is_there && bench.now > last_seen;
        let used: &[(&str, u64)] = match is_gone {
            false => &[("a", 300), ("b", 200), ("new", 400)],
            true => &[("a", 300), ("b", 2), ("new", 400), ("c", 900)],
        };
        bench.run(1, used);
        if reappeared.is_some() {
            break;
        }
    }
    let away = reappeared.expect("it is back in the end");
    assert!(away >= KEEP, "{away:?}");
}

#[test]
fn whatever_a_service_runs_it_takes_bounded_memory_and_series() {
    let mut bench = Bench::new();
    for number in 0..2000 {
        let names: Vec<String> = (0..20).map(|part| format!("made_up_{number}_{part}")).collect();
        let used: Vec<(&str, u64)> = names.iter().map(|name| (&**name, 10)).collect();
        bench.run(1, &[&[("hot", 100)], &used[..]].concat());
        assert!(bench.functions.known.len() <= bench.functions.most_known());
        assert!(bench.series().len() <= 2 * MOST, "{:?}", bench.series());
    }
    assert!(bench.value("hot").is_some_and(|value| value > 100.0), "{:?}", bench.series());
}

#[test]
fn clearing_leaves_no_series() {
    let mut bench = Bench::new();
    bench.run(LONG.as_secs() + 300, &STEADY);
    bench.run(LONG.as_secs() + 100, &[("a", 300), ("b", 200), ("new", 400)]);
    assert_eq!(bench.names().len(), 4);
    bench.functions.clear();
    assert!(bench.series().is_empty());
}
