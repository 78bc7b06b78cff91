//! Each option of pyflame, as scripts have it, and what it does: a table of all of them, and a test for each.

use std::process::Command;

use crate::pyflame::{Line, missed, parse, total, waiting};
use crate::pythons::{Process, fixture, python};
use crate::running::{FIRETOWER, Finished, Running, for_everybody, run, wait_for};

/// Every option that pyflame 1.6.7 documents, and two letters and a name besides: its letter, its name, and whether it has a
/// value.
const OPTIONS: &[(Option<char>, &str, bool)] = &[
    (Some('d'), "dump", false),
    (Some('h'), "help", false),
    (Some('n'), "no-line-numbers", false),
    (Some('o'), "output", true),
    (Some('p'), "pid", true),
    (Some('r'), "rate", true),
    (Some('s'), "seconds", true),
    (Some('t'), "trace", false),
    (Some('v'), "version", false),
    (Some('x'), "exclude-idle", false),
    (Some('L'), "first-line-numbers", false),
    (Some('T'), "threads", false),
    (None, "abi", true),
    (None, "flamechart", false),
];

#[test]
fn every_option_is_in_the_help_and_no_other_is() {
    for arguments in [&["pyflame", "--help"][..], &["pyflame", "-h"], &["help", "pyflame"]] {
        let finished = run(arguments.iter().copied());
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
        let shown: Vec<&str> = finished
            .stdout
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with('-'))
            .map(|line| line.split("  ").next().expect("split gives one"))
            .collect();
        for (letter, name, has_value) in OPTIONS {
            let mut start = letter.map(|letter| format!("-{letter}, ")).unwrap_or_default() + "--" + name;
            if *has_value {
                start += " <";
            }
            assert!(shown.iter().any(|line| line.starts_with(&start)), "{start}: {shown:?}");
        }
        assert_eq!(shown.len(), OPTIONS.len(), "{shown:?}");
    }
    let finished = run([]);
    assert!(finished.stderr.contains("pyflame"), "{}", finished.stderr);
}

/// `shares.py` of Python 3.12 at work.
fn busy() -> Process {
    let mut process = Process::start(Command::new(python("3.12")).arg(fixture("shares.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

fn pyflame(process: &Process, options: &[&str]) -> Finished {
    let pid = process.pid().to_string();
    let finished = run(["pyflame"].into_iter().chain(options.iter().copied()).chain(["-p", &pid]));
    assert_eq!(finished.code, 0, "{options:?}: {}", finished.stderr);
    finished
}

fn taken(finished: &Finished) -> u64 {
    total(&parse(&finished.stdout)) + missed(finished)
}

#[test]
fn seconds_and_rate_say_how_many_samples() {
    let process = waiting(python("3.12"));
    for (options, samples) in [
        (&[][..], 100),
        (&["-s", "0"], 1),
        (&["-s", "0.5"], 50),
        (&["--seconds=0.3", "--rate", "0.1"], 3),
        (&["--sec", "0.2", "-r0.05"], 4),
        (&["-s", "0.2", "-r", "0.001"], 200),
    ] {
        let begin = std::time::Instant::now();
        let finished = pyflame(&process, options);
        assert_eq!(taken(&finished), samples, "{options:?}: {}", finished.stderr);
        if options.is_empty() {
            assert!(begin.elapsed().as_millis() >= 990, "the hundredth is 990 ms after the first");
        }
    }
}

#[test]
fn exclude_idle_leaves_out_what_is_idle_alone() {
    let process = waiting(python("3.12"));
    assert_eq!(taken(&pyflame(&process, &["-s", "0.2"])), 20);
    for option in ["-x", "--exclude-idle"] {
        assert_eq!(pyflame(&process, &["-s", "0.2", option]).stdout, "");
        assert_eq!(pyflame(&process, &["-s", "0.2", "--flamechart", option]).stdout, "");
    }
    let finished = pyflame(&busy(), &["-x", "-s", "0.3"]);
    assert!(taken(&finished) >= 15, "{}", finished.stdout);
}

#[test]
fn no_line_numbers_leaves_them_out_and_adds_up() {
    let process = busy();
    let file = fixture("shares.py");
    let frame = |text: &str| format!("{}:{text}", file.display());
    for option in ["-n", "--no-line-numbers"] {
        let inner = ["<module>", "main", "outer", "middle", "inner"].map(frame).to_vec();
        // On a busy machine half a second may be spent in other functions, or waiting.
        wait_for("a function that runs", || {
            let lines = parse(&pyflame(&process, &["-s", "0.5", option]).stdout);
            let found = lines.iter().filter(|line| line.frames == inner).count();
            assert!(found <= 1, "{lines:#?}");
            (found == 1).then_some(())
        });
    }
    let lines = parse(&pyflame(&process, &["-s", "0.5"]).stdout);
    let with_numbers =
        |line: &Line| line.python().is_some_and(|stack| stack.iter().all(|frame| frame.line > 0));
    assert!(lines.iter().all(|line| with_numbers(line) || line.is("(failed)")), "{lines:#?}");
}

#[test]
fn output_is_a_file_and_standard_output_is_empty() {
    let process = busy();
    let folder = tempfile::tempdir().expect("a folder");
    for option in ["-o", "--output"] {
        let file = folder.path().join("x.txt");
        std::fs::write(&file, "what was there before").expect("a file");
        let finished = pyflame(&process, &["-s", "0.2", option, file.to_str().expect("UTF-8")]);
        assert_eq!(finished.stdout, "");
        let lines = parse(&std::fs::read_to_string(&file).expect("it was written"));
        assert_eq!(total(&lines) + missed(&finished), 20, "{lines:?}");
    }
    let pid = process.pid().to_string();
    let missing = folder.path().join("missing/x.txt");
    let finished = run(["pyflame", "-p", &pid, "-o", missing.to_str().expect("UTF-8")]);
    refused(&finished, 8, &["can't write to"]);
}

#[test]
fn threads_takes_each_one() {
    let mut process =
        Process::start(Command::new(python("3.12")).arg(fixture("waits.py")).args(["wait", "3"]));
    for _ in 0..4 {
        process.line().expect("a thread");
    }
    process.write_line();
    for option in ["--threads", "-T"] {
        let lines = wait_for("all of its threads", || {
            let lines = parse(&pyflame(&process, &["-s", "0", "-n", option]).stdout);
            let leaf = |name: &str| {
                lines.iter().any(|line| line.frames.last().is_some_and(|leaf| leaf.ends_with(name)))
            };
            let all = ["sleeps", "locks", "selects", "deep", "<module>"];
            all.into_iter().all(|name| leaf(&format!(":{name}"))).then_some(lines)
        });
        assert_eq!(total(&lines), 5, "{lines:#?}");
        let deep = lines.iter().find(|line| line.frames[0].ends_with(":deep")).expect("it is there");
        assert_eq!(deep.frames.len(), 4);
    }
}

#[test]
fn flamechart_has_a_time_and_a_stack_for_each_sample_and_so_did_its_old_name() {
    let process = busy();
    let now = || std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    for option in ["--flamechart", "--timestamp"] {
        let begin = now().as_micros() as u64;
        let finished = pyflame(&process, &["-s", "0.3", option]);
        let (lines, mut last) = (finished.stdout.lines().collect::<Vec<_>>(), begin);
        assert_eq!(lines.len() as u64, 2 * (30 - missed(&finished)), "{}", finished.stdout);
        for pair in lines.chunks(2) {
            let time: u64 = pair[0].parse().expect("microseconds");
            assert!(time >= last && time <= now().as_micros() as u64, "{time}");
            last = time;
            assert!(pair[1].ends_with(';') || pair[1] == "(idle)", "{}", pair[1]);
        }
    }
    let idle = pyflame(&waiting(python("3.12")), &["-s", "0.05", "--flamechart"]);
    assert_eq!(idle.stdout.lines().nth(1), Some("(idle)"));
}

#[test]
fn first_line_numbers_are_those_of_the_functions() {
    let process = busy();
    let source = std::fs::read_to_string(fixture("shares.py")).expect("a fixture");
    let first = |function: &str| {
        let line = source.lines().position(|line| line.starts_with(&format!("def {function}(")));
        line.map(|line| line as u64 + 1)
    };
    for option in ["-L", "--first-line-numbers"] {
        let lines = wait_for("a function that runs", || {
            let lines = parse(&pyflame(&process, &["-s", "0.5", option]).stdout);
            lines.iter().any(|line| line.frames.len() > 2).then_some(lines)
        });
        let mut compared = 0;
        for frame in lines.iter().flat_map(|line| &line.frames) {
            let mut parts = frame.rsplitn(3, ':');
            let (line, function) = (parts.next(), parts.next());
            if let Some(first) = function.and_then(first) {
                assert_eq!(line, Some(first.to_string().as_str()), "{frame}");
                compared += 1;
            }
        }
        assert!(compared > 0, "{lines:#?}");
    }
    let pid = process.pid().to_string();
    refused(&run(["pyflame", "-L", "-n", "-p", &pid]), 2, &["--no-line-numbers"]);
}

#[test]
fn dump_has_each_thread_and_marks_who_holds_the_gil() {
    let process = Process::start(Command::new(python("3.12")).arg(fixture("waits.py")).args(["hold", "3"]));
    let mut process = process;
    for _ in 0..4 {
        process.line().expect("a thread");
    }
    process.write_line();
    let source = std::fs::read_to_string(fixture("waits.py")).expect("a fixture");
    let line = |text: &str| source.lines().position(|line| line.trim() == text).expect("a line") + 1;
    for option in ["-d", "--dump"] {
        let dump = wait_for("its sum", || {
            let dump = pyflame(&process, &[option]).stdout;
            dump.contains(":holds:").then_some(dump)
        });
        let threads: Vec<Vec<&str>> =
            dump.split("\n\n").map(|thread| thread.trim_end().lines().collect()).collect();
        assert_eq!(threads.len(), 5, "{dump}");
        for thread in &threads {
            let (ident, frames) = thread.split_first().expect("a line");
            let holds = frames[0].contains(":holds:");
            let number =
                ident.strip_suffix(if holds { "*:" } else { ":" }).unwrap_or_else(|| panic!("{dump}"));
            assert!(number.parse::<u64>().is_ok_and(|ident| ident > 0), "{dump}");
        }
        // The newest thread is first, the main one last; its innermost function first.
        let file = fixture("waits.py");
        let main = [
            format!("{}:holds:{}", file.display(), line("sum(iter(int, 1))  # holds")),
            format!("{}:<module>:{}", file.display(), line("holds()  # <module>:holds")),
        ];
        assert_eq!(threads[4][1..], main, "{dump}");
        assert_eq!(
            threads.iter().find(|thread| thread[1].contains(":deep:")).map(Vec::len),
            Some(5),
            "{dump}"
        );
    }
}

#[test]
fn the_version_is_in_the_form_that_pyflame_had() {
    let form = regex::Regex::new(r"^pyflame \d+\.\d+\.\d+ (\(commit \w+\) )?\S+ \S+ \(ABI list: .+\)\n$")
        .expect("a regex");
    for option in ["-v", "--version"] {
        let finished = run(["pyflame", option]);
        assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
        assert!(form.is_match(&finished.stdout), "{}", finished.stdout);
        assert!(finished.stdout.contains(" 27 36 "), "{}", finished.stdout);
    }
}

#[test]
fn abi_is_taken_and_has_no_effect() {
    let process = busy();
    for abi in ["27", "36", "312"] {
        assert_eq!(taken(&pyflame(&process, &["-s", "0.1", "--abi", abi])), 10);
    }
    refused(&run(["pyflame", "--abi=0", "-p", "1"]), 2, &["--abi"]);
}

#[test]
fn the_pid_may_come_last_by_itself() {
    let process = busy();
    let pid = process.pid().to_string();
    let finished = run(["pyflame", "-s", "0.1", "-x", &pid]);
    assert_eq!((finished.code, taken(&finished)), (0, 10), "{}", finished.stderr);
    assert!(finished.stderr.contains(&format!("use -p {pid}")), "{}", finished.stderr);
}

#[test]
fn trace_takes_all_that_follows_and_has_no_duration() {
    let program = python("3.12");
    let program = program.to_str().expect("UTF-8");
    let code = "import sys, time\ntime.sleep(0.3)\nprint(sys.argv)";
    for (options, said) in [(&["-xt"][..], ""), (&["-s", "9", "--trace"], "-s has no effect")] {
        let command = [program, "-c", code, "-p", "--", "-h"];
        let finished = run(["pyflame"].iter().chain(options).copied().chain(command));
        assert_eq!(finished.code, 0, "{}", finished.stderr);
        assert!(finished.stdout.contains("['-c', '-p', '--', '-h']"), "{}", finished.stdout);
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
    }
    // A shell that becomes Python.
    let finished =
        run(["pyflame", "-t", "sh", "-c", &format!("exec {program} -c 'import time; time.sleep(0.3)'")]);
    assert!(finished.code == 0 && taken(&finished) >= 25, "{finished:?}");
}

#[test]
fn a_link_called_pyflame_is_pyflame() {
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("pyflame");
    std::os::unix::fs::symlink(FIRETOWER, &link).expect("a link");
    let process = busy();
    let pid = process.pid().to_string();
    let finished = Running::start(Command::new(&link).args(["-s", "0.2", "-p", &pid])).finish();
    assert_eq!((finished.code, taken(&finished)), (0, 20), "{}", finished.stderr);
    let finished = Running::start(Command::new(&link).arg("-v")).finish();
    assert!(finished.stdout.starts_with("pyflame "), "{}", finished.stdout);
    assert_eq!(Running::start(&mut Command::new(&link)).finish().code, 2);
}

/// Holds that this ends with `code`, a message that has these words, and nothing on stdout.
fn refused(finished: &Finished, code: i32, words: &[&str]) {
    assert_eq!((finished.code, finished.stdout.as_str()), (code, ""), "{}", finished.stderr);
    for word in words {
        assert!(finished.stderr.contains(word), "no {word:?} in: {}", finished.stderr);
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (arguments, words) in [
        (&["-p", "-1"][..], "--pid"),
        (&["-p", "0"], "--pid"),
        (&["-p", "not a pid"], "--pid"),
        (&["foo", "bar"], "unexpected argument"),
        (&["-p", "1", "-t", "true"], "-t and a PID"),
        (&["-d", "-t", "true"], "-t and -d"),
        (&["-t"], "needs a command"),
        (&["-s", "1"], "nothing to sample"),
        (&["-p", "1", "-r", "0"], "--rate"),
        (&["-p", "1", "-s", "nan"], "--seconds"),
        (&["--what"], "--what"),
        (&[], "Usage"),
    ] {
        refused(&run(["pyflame"].iter().chain(arguments).copied()), 2, &[words]);
    }
}

#[test]
fn what_can_not_be_sampled_is_refused() {
    let gone = Process::start(Command::new("sleep").arg("1000")).pid().to_string();
    refused(&run(["pyflame", "-p", &gone]), 3, &["there is no process", "pgrep"]);
    let sleep = Process::start(Command::new("sleep").arg("1000"));
    let pid = sleep.pid().to_string();
    refused(&run(["pyflame", "-p", &pid]), 15, &["runs no Python", "firetower doctor"]);
    refused(&run(["pyflame", "-d", "-p", &pid]), 15, &["runs no Python"]);
    refused(&run(["pyflame", "-t", "true"]), 15, &["true ended and ran no Python"]);
    refused(&run(["pyflame", "-t", "/no/such/file"]), 127, &["can't run /no/such/file"]);
    refused(&run(["pyflame", "-t", "/dev/null"]), 126, &["can't run /dev/null"]);
}

#[test]
fn the_right_to_read_memory_is_all_that_it_takes() {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = for_everybody(folder.path());
    let process = busy();
    let pid = process.pid().to_string();
    let with = |options: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(options).args([&copy, "pyflame", "-s", "0.2", "-p", &pid]);
        Running::start(&mut command).finish()
    };
    refused(
        &with(&["--reuid=65534", "--regid=65534", "--clear-groups"]),
        5,
        &["not permitted", "CAP_SYS_PTRACE"],
    );
    let finished = with(&["--bounding-set=-all,+sys_ptrace", "--inh-caps=-all,+sys_ptrace"]);
    assert_eq!((finished.code, taken(&finished)), (0, 20), "{}", finished.stderr);
}
