//! `firetower serve`, as its users see it: started before and after what it profiles, asked over HTTP, ended by a signal.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::Value;

use crate::folded::{self, Line};
use crate::metrics::promtool;
use crate::program::Program;
use crate::pythons::{Process, fixture, python, supported};
use crate::running::{Finished, Running, firetower, run, wait_for};

/// A running `firetower serve`.
pub struct Service {
    pub running: Running,
    pub address: SocketAddr,
}

impl Service {
    /// Starts it on a free port of the loopback interface, and waits until it is ready.
    pub fn start(arguments: &[&str]) -> Service {
        Service::listening("127.0.0.1:0", arguments)
    }

    fn listening(on: &str, arguments: &[&str]) -> Service {
        // Histories are for tests that ask for them: one directory can't be that of several.
        let history = if arguments.contains(&"--store") { None } else { Some("--no-store") };
        let all = ["serve", "--listen", on].into_iter().chain(history).chain(arguments.iter().copied());
        Service::of(&mut firetower(all))
    }

    /// Starts a `firetower serve` that listens on a port of this machine, and waits until it is ready.
    pub fn of(command: &mut Command) -> Service {
        let mut running = Running::start(command);
        let address = wait_for("the address", || {
            running.assert_running();
            let said = running.stderr();
            let (_, rest) = said.split_once("serving on http://")?;
            let (address, _) = rest.split_once('/')?;
            Some(address.parse().expect("an address"))
        });
        let service = Service { running, address };
        wait_for("readiness", || (service.get("/readyz").0 == 200).then_some(()));
        service
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Status and body of an answer.
    pub fn get(&self, path: &str) -> (u16, String) {
        let (status, _, body) = self.ask(path);
        (status, body)
    }

    /// Where it says that the metrics alone are.
    pub fn metrics_address(&self) -> SocketAddr {
        let said = self.running.stderr();
        let (_, rest) = said.split_once("metrics on http://").expect("it says where");
        rest.split_once('/').expect("a path").0.parse().expect("an address")
    }

    /// Status, head and body of an answer.
    fn ask(&self, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)
            .expect("sent");
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).expect("an answer");
        let text = String::from_utf8(bytes).expect("UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, head.to_owned(), body.to_owned())
    }

    fn processes(&self) -> Value {
        let (status, body) = self.get("/api/v1/processes");
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).expect("JSON")
    }

    /// What the service says of a process.
    pub fn process(&self, pid: u32) -> Option<Value> {
        let all = self.processes();
        all["processes"].as_array().expect("an array").iter().find(|process| process["pid"] == pid).cloned()
    }

    /// Waits until the folded stacks of these processes have this many attributed samples, and holds that each stack from
    /// `main` on is one that the program can have: imports before it are not in the program's call graph.
    pub fn exact_stacks(&self, minor: &str, pid: u32) {
        let program = Program::of("shares.py", minor);
        let path = format!("/flamegraph.folded?seconds=60&lines=1&pid={pid}");
        let mut lines = wait_for("stacks", || {
            let (status, body) = self.get(&path);
            let lines = if status == 200 { folded::parse(&body) } else { Vec::new() };
            (folded::with(&lines, &program.name("outer")) >= 10).then_some(lines)
        });
        let main = format!("main ({}:", program.file.display());
        let started = |line: &&mut Line| line.frames.iter().any(|frame| frame.starts_with(&main));
        for line in lines.iter_mut().filter(started) {
            line.frames.retain(|frame| !frame.contains(&format!("(pid {pid})")));
            let stack = line.python().unwrap_or_else(|| panic!("{line:?}"));
            program.check(&stack).unwrap_or_else(|error| panic!("{minor}: {error}: {line:?}"));
        }
    }

    /// Ends it by a signal, and waits for it.
    pub fn terminate(self) -> Finished {
        self.running.signal(Signal::SIGTERM);
        self.running.finish()
    }
}

fn workload(minor: &str) -> Process {
    let mut process = Process::start(Command::new(python(minor)).arg(fixture("shares.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

#[test]
fn it_sees_processes_from_before_and_from_after_its_start() {
    let before: Vec<(String, Process)> = supported().map(|minor| (minor.clone(), workload(&minor))).collect();
    let service = Service::start(&["-F", "499"]);
    let after: Vec<(String, Process)> = supported().map(|minor| (minor.clone(), workload(&minor))).collect();
    for (minor, process) in before.iter().chain(&after) {
        service.exact_stacks(minor, process.pid().0);
        let told = wait_for("the process", || service.process(process.pid().0));
        let version = told["python_version"].as_str().unwrap_or_else(|| panic!("{told}"));
        assert!(version.starts_with(&format!("{minor}.")) || version == minor, "{minor}: {told}");
        assert_eq!(told["state"], "profiled", "{told}");
    }
    let gone: Vec<u32> = before.iter().map(|(_, process)| process.pid().0).collect();
    drop(before);
    for pid in gone {
        wait_for("the end of a process to show", || service.process(pid).is_none().then_some(()));
    }
    assert!(service.process(after[0].1.pid().0).is_some(), "the others are still there");
}

#[test]
fn a_short_life_leaves_its_functions() {
    let service = Service::start(&["-F", "199"]);
    let code = "import time\ndef brief_work():\n    end = time.time() + 1\n    while time.time() < end: sum(range(1000))\nbrief_work()";
    let mut short = Process::start(Command::new(python("3.13")).args(["-c", code]));
    let pid = short.pid();
    assert_eq!(short.line(), None, "it says nothing and ends");
    drop(short);
    wait_for("its functions", || {
        let (status, body) = service.get(&format!("/flamegraph.folded?seconds=60&pid={pid}"));
        (status == 200 && folded::with(&folded::parse(&body), "brief_work") > 10).then_some(())
    });
    wait_for("its end", || service.process(pid.0).is_none().then_some(()));
    let (_, all) = service.get("/flamegraph.folded?seconds=60");
    assert!(folded::with(&folded::parse(&all), "brief_work") > 10, "{all}");
}

#[test]
fn pages_metrics_and_pictures() {
    let service = Service::start(&["-F", "199", "--metrics-pid"]);
    let process = workload("3.11");
    service.exact_stacks("3.11", process.pid().0);
    let (status, head, page) = service.ask("/");
    assert!(status == 200 && head.contains("text/html") && page.contains("<html"), "{head}\n{page}");
    for source in page.split("src=\"").skip(1).chain(page.split("href=\"").skip(1)) {
        let path = source.split('"').next().expect("a quoted path");
        if path.starts_with('/') {
            assert_eq!(service.get(path).0, 200, "{path}, which the page names");
        }
    }
    let (status, head, svg) = service.ask(&format!("/flamegraph.svg?pid={}", process.pid()));
    assert!(status == 200 && head.contains("image/svg+xml"), "{head}");
    assert!(svg.contains("<svg") && svg.contains("Worker.steps"), "{svg}");
    let (status, tree) = service.get(&format!("/api/v1/profile?pid={}", process.pid()));
    let tree: Value = serde_json::from_str(&tree).expect("JSON");
    assert!(status == 200 && tree.to_string().contains("middle"), "{tree}");
    let series = format!("firetower_process_cpu_seconds_total{{command=\"{} ", python("3.11").display());
    let metrics = wait_for("its CPU time", || {
        let (status, metrics) = service.get("/metrics");
        (status == 200 && metrics.contains(&series)).then_some(metrics)
    });
    let output = promtool(&["check", "metrics"], &metrics);
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{complaints}\n{metrics}");
    assert_eq!(
        (service.get("/readyz").0, service.get("/healthz").0, service.get("/no-such-page").0),
        (200, 200, 404)
    );
}

#[test]
fn a_signal_ends_it() {
    let service = Service::start(&[]);
    let began = Instant::now();
    let finished = service.terminate();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}", began.elapsed());
}

#[test]
fn a_port_in_use_is_code_10() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let finished = run(["serve", "--listen", &address]);
    assert_eq!(finished.code, 10, "{}", finished.stderr);
    assert!(finished.stderr.contains(&address) && finished.stderr.contains("hint: "), "{}", finished.stderr);
}

#[test]
fn other_machines_are_let_in_only_if_told_so() {
    let finished = run(["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(finished.code, 11, "{}", finished.stderr);
    assert!(finished.stderr.contains("--allow-remote"), "{}", finished.stderr);
    let service = Service::listening("0.0.0.0:0", &["--allow-remote"]);
    assert_eq!(service.get("/healthz").0, 200);
    assert_eq!(service.terminate().code, 0);
}
