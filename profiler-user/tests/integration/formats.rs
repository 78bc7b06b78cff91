//! One profile in every format: the same stacks, threads and samples in each, and what other people's tools make of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use firetower::agent::Agent;
use firetower::aggregate::{Aggregate, Retention};
use firetower::capture::Options;
use firetower::clock::Clock;
use firetower::model::Profile;
use firetower::query::{self, View};
use firetower::render::{Format, render};
use serde_json::Value;

use crate::exports::{self, Stacks, Threads};
use crate::pythons::{Process, fixture, python};
use crate::running::{firetower, run};
use crate::tools::{self, said};

const FREQUENCY: u32 = 499;
/// Nanoseconds of each sample.
const PERIOD: u64 = 1_000_000_000 / FREQUENCY as u64;
/// Samples of a recording, at least.
const SAMPLES: u64 = 400;

/// A real recording in memory: the same samples for every question.
struct Recording {
    aggregate: Aggregate,
    /// From when to when, Unix nanoseconds.
    range: (u64, u64),
}

impl Recording {
    /// Of a fixture that burns CPU.
    fn of(name: &str) -> Recording {
        let process = Process::start(Command::new(python("3.12")).arg(fixture(name)));
        let clock = Clock::new().expect("a clock");
        let started = clock.now();
        let aggregate = Arc::new(Mutex::new(Aggregate::new(Retention::recording(), started)));
        let options = Options { frequency: FREQUENCY, only_targets: true, kernel_stacks: true };
        let mut agent = Agent::new(options, aggregate.clone(), clock).expect("root");
        agent.watch(process.pid(), false).expect("it runs");
        agent.enable().expect("perf events");
        let deadline = Instant::now() + Duration::from_secs(60);
        while agent.accounts().received() < SAMPLES {
            assert!(Instant::now() < deadline, "{} samples", agent.accounts().received());
            agent.run_once(Duration::from_millis(100)).expect("samples");
        }
        agent.finish().expect("the last samples");
        let until = Clock::new().expect("a clock").now() + 1_000_000_000;
        drop(agent);
        let aggregate =
            Arc::into_inner(aggregate).expect("the agent is gone").into_inner().expect("no panic");
        Recording { aggregate, range: (started, until) }
    }

    /// As every format but folded has it, by function.
    fn labelled(&self) -> Profile {
        self.profile(View::default(), true)
    }

    fn profile(&self, view: View, is_labelled: bool) -> Profile {
        named(query::recorded(&self.aggregate, self.range, view, is_labelled).expect("not too large"))
    }

    /// Samples by thread and stack, from folded stacks with thread frames.
    fn truth(&self) -> Threads {
        let view = View { threads: true, ..View::default() };
        let folded = render(Format::Folded, &self.profile(view, false)).expect("samples");
        let truth = exports::folded_by_thread(&String::from_utf8(folded).expect("UTF-8"));
        assert!(exports::total(&truth) >= SAMPLES);
        truth
    }

    fn write(&self, format: Format, folder: &Path) -> String {
        let file = folder.join(format!("x{}", format.endings()[0]));
        std::fs::write(&file, render(format, &self.labelled()).expect("samples")).expect("a folder of ours");
        file.to_str().expect("UTF-8").to_owned()
    }
}

fn named(mut profile: Profile) -> Profile {
    profile.about.frequency = FREQUENCY;
    profile
}

/// Samples by function: its own, and all that have it on their stack. Functions of one name are one.
fn by_function(stacks: &Stacks) -> BTreeMap<String, (u64, u64)> {
    let mut functions: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for (stack, count) in stacks {
        let names: Vec<&str> = stack.split(';').map(name).collect();
        functions.entry(names[names.len() - 1].to_owned()).or_default().0 += count;
        for name in names.into_iter().collect::<std::collections::BTreeSet<_>>() {
            functions.entry(name.to_owned()).or_default().1 += count;
        }
    }
    functions
}

/// A frame's name without its file.
fn name(frame: &str) -> &str {
    frame.rsplit_once(" (").map_or(frame, |(name, _)| name)
}

#[test]
fn every_format_has_the_same_samples_of_the_same_stacks_and_threads() {
    for fixture in ["threads.py", "shares.py"] {
        let recording = Recording::of(fixture);
        let (truth, labelled) = (recording.truth(), recording.labelled());
        for format in [Format::Pprof, Format::Speedscope, Format::Gecko, Format::Json] {
            let bytes = render(format, &labelled).expect("samples");
            assert_eq!(exports::read(format, &bytes, PERIOD), truth, "{format:?}");
        }
        // Without labels there are no threads, and nothing else changes.
        let plain = recording.profile(View::default(), false);
        for format in Format::ALL.into_iter().filter(|format| *format != Format::Svg) {
            let mut read = exports::read(format, &render(format, &plain).expect("samples"), PERIOD);
            if format == Format::Gecko {
                let nobody = read.remove("0").expect("a track");
                read.insert(String::new(), nobody);
            }
            let expected = Threads::from([(String::new(), exports::together(&truth))]);
            assert_eq!(read, expected, "{format:?}");
        }
    }
}

/// What `go tool pprof` says of a file, in samples, with nothing left out.
fn go_pprof(file: &str, report: &str) -> String {
    let mut tool = Command::new(tools::go_pprof());
    tool.args(["-sample_index=samples", "-nodefraction=0", "-edgefraction=0", "-trim=false", report, file]);
    said(&mut tool)
}

#[test]
fn go_tool_pprof_reads_the_same_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    for fixture in ["threads.py", "shares.py"] {
        let recording = Recording::of(fixture);
        let (truth, file) = (recording.truth(), recording.write(Format::Pprof, folder.path()));
        let together = exports::together(&truth);

        let top = go_pprof(&file, "-top");
        let (_, table) = top.split_once("cum%\n").expect("a table");
        let rows = table.lines().map(|line| {
            // flat, flat%, sum%, cum, cum%, name
            let mut words = line.split_whitespace();
            let mut number = || words.next().and_then(|word| word.parse().ok()).expect("a number");
            let flat: u64 = number();
            let cum: u64 = words.nth(2).and_then(|word| word.parse().ok()).expect("a number");
            (words.skip(1).collect::<Vec<_>>().join(" "), (flat, cum))
        });
        assert_eq!(rows.collect::<BTreeMap<_, _>>(), by_function(&together), "{top}");

        let traces = go_pprof(&file, "-traces");
        let mut names = Stacks::new();
        for (stack, count) in &together {
            let stack: Vec<&str> = stack.split(';').map(name).collect();
            *names.entry(stack.join(";")).or_default() += count;
        }
        assert_eq!(traces_of(&traces), names, "{traces}");

        let tags = go_pprof(&file, "-tags");
        let (_, tids) = tags.split_once(" tid: Total").expect("the label");
        let tids = tids.lines().skip(1).take_while(|line| !line.is_empty()).map(|line| {
            // `       69.0 (17.12%): 16871`
            let (count, tid) = line.split_once(": ").expect("a count and a value");
            let count = count.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
            (tid.to_owned(), count.unwrap_or_else(|| panic!("no count: {line}")) as u64)
        });
        let by_tid = truth.iter().map(|(tid, stacks)| (tid.clone(), stacks.values().sum()));
        assert_eq!(tids.collect::<BTreeMap<String, u64>>(), by_tid.collect(), "{tags}");

        let raw = go_pprof(&file, "-raw");
        assert!(raw.contains("PeriodType: cpu nanoseconds\n"), "{raw}");
        assert!(raw.contains(&format!("Period: {PERIOD}\n")), "{raw}");
        assert!(raw.contains("samples/count cpu/nanoseconds[dflt]\n"), "{raw}");
        let values = raw.lines().filter_map(|line| {
            let (values, _) = line.split_once(": ")?;
            let [samples, nanoseconds] = values.split_whitespace().collect::<Vec<_>>()[..] else {
                return None;
            };
            Some((samples.parse::<u64>().ok()?, nanoseconds.parse::<u64>().ok()?))
        });
        let (samples, nanoseconds) = values.fold((0, 0), |sum, value| (sum.0 + value.0, sum.1 + value.1));
        assert_eq!(samples, exports::total(&truth), "{raw}");
        assert_eq!(nanoseconds, samples * PERIOD, "{raw}");
    }
}

/// Samples by stack in what `-traces` prints: blocks of labels, the leaf with its count, and the frames below it.
fn traces_of(traces: &str) -> Stacks {
    let mut stacks = Stacks::new();
    for block in traces.split("-----------+-------------------------------------------------------\n").skip(1)
    {
        let mut lines = block.lines().skip_while(|line| {
            line.split_whitespace().next().is_none_or(|word| word.parse::<u64>().is_err())
        });
        let Some(leaf) = lines.next() else { continue };
        let (count, leaf) = leaf.trim().split_once("   ").expect("a count and a name");
        let mut frames: Vec<&str> = [leaf].into_iter().chain(lines.map(str::trim)).collect();
        frames.reverse();
        *stacks.entry(frames.join(";")).or_default() += count.parse::<u64>().expect("a count");
    }
    stacks
}

#[test]
fn speedscope_files_are_what_its_schema_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = Recording::of("threads.py").write(Format::Speedscope, folder.path());
    let script = "import fastjsonschema, json, sys; \
                  validate = fastjsonschema.compile(json.load(open(sys.argv[1]))); \
                  profile = json.load(open(sys.argv[2])); validate(profile); \
                  profile['profiles'][0]['unit'] = 'fortnights'; \
                  exec('try: validate(profile)\\nexcept fastjsonschema.JsonSchemaException: print(\"checked\")')";
    let mut validate = Command::new(python("3.12"));
    validate.args(["-c", script]).arg(tools::speedscope_schema()).arg(&file);
    assert_eq!(said(validate.env("PYTHONPATH", tools::json_schema())), "checked\n");
}

/// The Firefox Profiler's command line: a daemon that has a profile loaded, ended with its test.
struct FirefoxProfiler {
    home: tempfile::TempDir,
}

impl FirefoxProfiler {
    fn load(file: &str) -> FirefoxProfiler {
        let profiler = FirefoxProfiler { home: tempfile::tempdir().expect("a folder") };
        said(&mut profiler.command(&["load", file]));
        profiler
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("node");
        command.arg(tools::firefox_profiler()).args(arguments);
        // Sessions and their sockets are below the home folder.
        command.env("HOME", self.home.path());
        command
    }

    fn ask(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&said(self.command(arguments).arg("--json"))).expect("JSON")
    }
}

impl Drop for FirefoxProfiler {
    fn drop(&mut self) {
        // If it can't be stopped there is none: `load` failed.
        let _ = self.command(&["stop", "--all"]).output();
    }
}

#[test]
fn the_firefox_profiler_loads_the_same_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    for fixture in ["threads.py", "shares.py"] {
        let recording = Recording::of(fixture);
        let truth = recording.truth();
        let profiler = FirefoxProfiler::load(&recording.write(Format::Gecko, folder.path()));
        let info = profiler.ask(&["profile", "info", "--all"]);
        let processes = info["processes"].as_array().expect("a list");
        let threads = processes.iter().flat_map(|process| process["threads"].as_array().expect("a list"));
        let mut seen = BTreeMap::new();
        for thread in threads {
            let handle = thread["threadHandle"].as_str().expect("a handle");
            let functions = profiler.ask(&["thread", "functions", "--thread", handle, "--limit", "0"]);
            let functions = functions["functions"].as_array().expect("a list").iter().map(|function| {
                let number = |key: &str| function[key].as_f64().expect("a number") as u64;
                let name = function["name"].as_str().expect("a name").to_owned();
                (name, (number("selfSamples"), number("totalSamples")))
            });
            let tid = thread["tid"].as_str().map_or_else(|| thread["tid"].to_string(), str::to_owned);
            seen.insert(tid, functions.collect::<BTreeMap<_, _>>());
        }
        let expected: BTreeMap<_, _> =
            truth.iter().map(|(tid, stacks)| (tid.clone(), by_function(stacks))).collect();
        assert_eq!(seen, expected);
    }
}

/// Records `shares.py` with these options into a file of `folder`: the file's bytes and the summary.
fn record(folder: &Path, file: &str, options: &[&str]) -> (Vec<u8>, Value) {
    let mut process = Process::start(Command::new(python("3.12")).arg(fixture("shares.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let pid = process.pid().to_string();
    let words = ["record", "-p", &pid, "-d", "0.8", "-F", "499", "--json", "-o", file];
    let mut command = firetower(words.iter().chain(options).copied());
    let output = command.current_dir(folder).output().expect("it runs");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(output.status.success(), "{said}");
    let summary = serde_json::from_str(said.trim()).expect("nothing but the summary");
    (if file == "-" { output.stdout } else { std::fs::read(folder.join(file)).expect("the file") }, summary)
}

/// Holds that a profile of `shares.py` has every sample of the summary and the functions of the program.
fn check(format: Format, bytes: Vec<u8>, summary: &Value) -> Threads {
    if format == Format::Svg {
        let svg = String::from_utf8(bytes).expect("UTF-8");
        assert!(svg.starts_with("<?xml") && svg.contains("Worker.steps"), "{svg}");
        return Threads::new();
    }
    let threads = exports::read(format, &bytes, PERIOD);
    assert_eq!(exports::total(&threads), summary["received"].as_u64().expect("a count"), "{format:?}");
    let functions = by_function(&exports::together(&threads));
    for function in ["<module>", "main", "outer", "inner", "Worker.run", "Worker.steps", "by_hash"] {
        assert!(functions.contains_key(function), "{format:?}: {functions:?}");
    }
    threads
}

#[test]
fn record_writes_the_format_of_the_ending() {
    let folder = tempfile::tempdir().expect("a folder");
    for format in Format::ALL {
        let (bytes, summary) = record(folder.path(), &format!("x{}", format.endings()[0]), &[]);
        let threads = check(format, bytes, &summary);
        // One thread: whose it is, is said where labels are kept without being asked for.
        let named = !threads.contains_key("");
        let labels = matches!(format, Format::Pprof | Format::Gecko | Format::Json);
        assert_eq!(named, labels || format == Format::Svg, "{format:?}");
    }
}

#[test]
fn record_writes_the_format_asked_for_whatever_the_ending_and_to_standard_output() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = ["--format", "speedscope", "--lines", "--threads"];
    let (bytes, summary) = record(folder.path(), "x.jsonl", &options);
    let threads = check(Format::Speedscope, bytes, &summary);
    assert!(threads.len() == 1 && !threads.contains_key(""), "--threads: {threads:?}");
    for format in [Format::Pprof, Format::Json] {
        let (bytes, summary) = record(folder.path(), "-", &["--format", format.name(), "--no-kernel"]);
        check(format, bytes, &summary);
    }
}

#[test]
fn formats_that_cannot_be() {
    let me = std::process::id().to_string();
    for (options, words) in [
        (["--format", "pdf", "-o", "x.svg"], ["pdf", "speedscope"]),
        (["--format", "jsonl", "-o", "-"], ["standard output", "-o x.jsonl"]),
        (["-d", "1", "-o", "x.pb"], ["x.pb", ".pb.gz"]),
    ] {
        let arguments = ["record", "-p", &me].into_iter().chain(options);
        let finished = run(arguments);
        assert_eq!((finished.code, finished.stdout.as_str()), (2, ""), "{}", finished.stderr);
        for word in words {
            assert!(finished.stderr.contains(word), "no {word:?} in: {}", finished.stderr);
        }
    }
}
