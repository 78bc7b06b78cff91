//! Web servers that run Python applications, under load: their workers are forked all the time, and have threads.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use firetower::model::Pid;
use nix::sys::signal::Signal;

use crate::folded::{self, Line, by_thread};
use crate::program::{Program, Seen};
use crate::pypi::packages;
use crate::pythons::{fixture, python};
use crate::recording::{TORN, start_recording};
use crate::running::{Running, firetower, wait_for};

/// Most requests of one client: what it sends when nobody tells it to stop.
const MOST_REQUESTS: usize = 20_000;
/// Requests that are answered while a server is recorded.
const REQUESTS: usize = 500;
/// A worker is followed by a new one after so many: several are forked meanwhile.
const REQUESTS_PER_WORKER: &str = "120";
/// What is said of a worker that starts or ends: of the bodies of modules, which are freed when they were run, of its
/// last new code, and of when its interpreter is finalized.
const BRIEF: [&str; 4] = [
    "[process not examined yet]",
    "[code object replaced]",
    "[process exited before its code was read]",
    "[interpreter starting or finalized]",
];

/// Sends a request, and answers whether an answer came.
fn request(socket: &Path, path: &str) -> Option<()> {
    let mut stream = UnixStream::connect(socket).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.ends_with("ok\n").then_some(())
}

/// Clients that send one request after the other, until this is dropped.
struct Load {
    over: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(socket: &Path) -> Load {
        let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let client = |path: &'static str| {
            let (over, answered, socket) = (over.clone(), answered.clone(), socket.to_owned());
            std::thread::spawn(move || {
                // One that gets no answer, as its worker ends, just sends the next.
                for _ in (0..MOST_REQUESTS).take_while(|_| !over.load(Ordering::Relaxed)) {
                    answered.fetch_add(request(&socket, path).map_or(0, |()| 1), Ordering::Relaxed);
                }
            })
        };
        let clients = ["/left", "/right", "/left", "/right"].map(client).into();
        Load { over, answered, clients }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.clients.drain(..).for_each(|client| client.join().expect("no panic there"));
    }
}

/// Loads a server that listens on `socket`, and holds that each stack that goes through the application is exact: it
/// is called by the function `caller`, or by C if there is none. Answers the lines that go through it, by thread.
fn profile(what: &str, minor: &str, server: Pid, socket: &Path, caller: Option<&str>) -> Vec<Line> {
    wait_for("an answer", || request(socket, "/left"));
    let load = Load::start(socket);
    let pid = server.to_string();
    let arguments = ["record", "--lines", "--threads", "--subprocesses", "-F", "999", "-p", &pid];
    let recording = start_recording(&mut firetower(arguments));
    let before = load.answered.load(Ordering::Relaxed);
    wait_for("answers", || (load.answered.load(Ordering::Relaxed) > before + REQUESTS).then_some(()));
    recording.signal(Signal::SIGINT);
    let finished = recording.finish();
    drop(load);
    assert_eq!(finished.code, 0, "{what}: {}", finished.stderr);
    let lines = folded::parse(&finished.stdout);
    let program = Program::of("wsgi.py", minor);
    let own = |frame: &Seen| program.file.to_str() == Some(&frame.file);
    let (mut exact, mut unknown) = (0, 0);
    let mut through = Vec::new();
    for Line { frames, count, kernel } in &lines {
        let line = Line { frames: frames[2..].to_vec(), count: *count, kernel: *kernel };
        if let Some(reason) = line.unknown() {
            let known =
                TORN.contains(&reason) || BRIEF.contains(&reason) || reason == "[not a Python thread]";
            assert!(known, "{what}: {frames:?}");
            unknown += count;
            continue;
        }
        let stack = line.python().unwrap_or_else(|| panic!("{what}: {line:#?}"));
        program
            .check_through(&stack, &["Application.__call__", "<module>"])
            .unwrap_or_else(|error| panic!("{what}: {error}: {frames:#?}"));
        exact += count;
        // Its `<module>` is run when a worker loads it.
        let Some(first) = stack.iter().position(|frame| own(frame) && frame.function != "<module>") else {
            continue;
        };
        let called_by =
            first.checked_sub(1).map(|index| stack[index].function.rsplit('.').next().expect("a name"));
        assert_eq!(called_by, caller, "{what}: {frames:#?}");
        through.push(Line { frames: frames[1..].to_vec(), count: *count, kernel: *kernel });
    }
    for function in ["left", "right", "key", "burn"] {
        assert!(folded::with(&through, function) > 0, "{what}: {function} was never seen: {lines:#?}");
    }
    assert!(folded::total(&through) > 50, "{what}: {through:#?}");
    // What a server does in C: accepting requests, ending workers.
    assert!(unknown < exact, "{what}: {exact} exact, of the others {:?}", folded::unknown(&lines));
    through
}

#[test]
fn uwsgi_with_workers_and_threads() {
    let folder = tempfile::tempdir().expect("a folder");
    let socket = folder.path().join("socket");
    let mut command = Command::new("uwsgi-core");
    command.args([
        "--plugin-dir",
        "/usr/lib/uwsgi/plugins",
        "--plugin",
        "python3",
        "--master",
        "--die-on-term",
    ]);
    command.args(["--processes", "2", "--threads", "2", "--enable-threads", "--disable-logging"]);
    command.args(["--max-requests", REQUESTS_PER_WORKER, "--http-socket"]).arg(&socket);
    command.arg("--wsgi-file").arg(fixture("wsgi.py")).env("PYTHONDONTWRITEBYTECODE", "1");
    let server = Running::start(&mut command);
    // Debian 12's Python is 3.11; what is newer names functions alike.
    let lines = profile("uWSGI", "3.11", server.pid(), &socket, None);
    assert!(by_thread(&lines).len() >= 4, "two workers with two threads each: {lines:#?}");
    end(server, &socket);
}

/// Ends a server by a signal, and waits until its workers are gone with it.
fn end(server: Running, socket: &Path) {
    server.signal(Signal::SIGTERM);
    server.finish();
    wait_for("the end of the workers", || UnixStream::connect(socket).is_err().then_some(()));
}

/// gunicorn in one version, with workers of a class.
fn gunicorn(minor: &str, class: &str, caller: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let socket: PathBuf = folder.path().join("socket");
    let mut command = Command::new(python(minor));
    command.args(["-m", "gunicorn.app.wsgiapp", "--workers", "2", "--worker-class", class, "--threads"]);
    command.args([if class == "gthread" { "2" } else { "1" }, "--max-requests", REQUESTS_PER_WORKER]);
    command.arg("--bind").arg(format!("unix:{}", socket.display()));
    command.arg("--chdir").arg(fixture("wsgi.py").parent().expect("a folder")).arg("wsgi:application");
    command.env("PYTHONPATH", packages(minor)).env("PYTHONDONTWRITEBYTECODE", "1");
    let server = Running::start(&mut command);
    profile(&format!("gunicorn, Python {minor}, {class}"), minor, server.pid(), &socket, Some(caller));
    end(server, &socket);
}

#[test]
fn gunicorn_with_processes_python_2_7() {
    gunicorn("2.7", "sync", "handle_request");
}

#[test]
fn gunicorn_with_processes_and_threads_python_3_8() {
    gunicorn("3.8", "gthread", "handle_request");
}

#[test]
fn gunicorn_with_processes_and_threads_python_3_13() {
    gunicorn("3.13", "gthread", "handle_request");
}

#[test]
fn gunicorn_with_greenlets_python_3_12() {
    gunicorn("3.12", "gevent", "handle_request");
}
