//! Source files by the API, of real processes that say of their code whatever they like: shown within the rights of the
//! process, and no further.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::containers::{Inside, prefix};
use crate::http::{Answer, send};
use crate::pythons::{Process, fixture, python, shared};
use crate::running::{firetower, wait_for};
use crate::service::Service;

const TOKEN: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";
/// Whom nothing belongs to but what the tests give: `nobody` of Debian.
const NOBODY: u32 = 65534;
/// A Python that every user may run.
const PYTHON: &str = "/usr/bin/python3";

/// An agent, asked with the token if it has one.
struct Asked {
    service: Service,
    header: String,
}

impl Asked {
    fn start(token: Option<&str>, arguments: &[&str]) -> Asked {
        let all = ["serve", "-F", "199", "--no-store", "--listen", "127.0.0.1:0"];
        let mut command = firetower(all.into_iter().chain(arguments.iter().copied()));
        if let Some(token) = token {
            command.env("FIRETOWER_TOKEN", token);
        }
        let header = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        Asked { service: Service::of(&mut command), header }
    }

    fn get(&self, path: &str) -> Answer {
        let address = self.service.address;
        let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{}", self.header);
        send(address, &format!("{head}\r\n"))
    }

    fn source(&self, pid: u32, file: &str) -> Answer {
        let escaped: String = file.bytes().map(|byte| format!("%{byte:02x}")).collect();
        self.get(&format!("/api/v1/source?pid={pid}&file={escaped}"))
    }

    /// The answer when code of all these files has been seen in the process.
    fn wait_for_code_of(&self, pid: u32, files: &[String]) {
        let unseen = "was seen running";
        wait_for("code of every file", || {
            let all = files.iter().all(|file| {
                let answer = self.source(pid, file);
                answer.status != 404 && !answer.body.contains(unseen) || answer.body.contains("no such file")
            });
            all.then_some(())
        });
    }

    fn end(self) {
        let finished = self.service.terminate();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
}

/// A folder that every user can reach, with files of all kinds.
struct Files(tempfile::TempDir);

impl Files {
    fn new() -> Files {
        let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("it is ours");
        Files(folder)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    fn add(&self, name: &str, content: &[u8], mode: u32, owner: u32) -> String {
        let path = self.path(name);
        fs::write(&path, content).expect("written");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
        chown(&path, Some(owner), Some(owner)).expect("root may");
        path
    }

    /// The program, where every user can read it.
    fn program(&self, name: &str) -> PathBuf {
        self.add(name, &fs::read(fixture("named_files.py")).expect("the fixture"), 0o644, 0).into()
    }
}

/// The program with code of these files, started by words before it.
fn start(before: &[&str], program: &Path, files: &[String]) -> Process {
    let mut command = Command::new(before[0]);
    command.args(&before[1..]).arg(PYTHON).arg(program).env("FILES", files.join("\n"));
    let mut process = Process::start(&mut command);
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

const AS_NOBODY: [&str; 6] =
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--"];

#[test]
fn within_the_rights_of_the_process() {
    let files = Files::new();
    let program = files.program("app.py");
    let own = program.to_str().expect("UTF-8").to_owned();
    let private = files.add("private.py", b"private = 1\n", 0o600, NOBODY);
    let latin = files.add("latin.py", b"# coding: latin-1\n'\xe4'\n", 0o644, 0);
    let binary = files.add("binary", b"\x7fELF\0", 0o644, 0);
    let large = files.add("large.py", &vec![b'#'; (2 << 20) + 1], 0o644, 0);
    let roots = files.add("roots.py", b"secret = 1\n", 0o640, 0);
    let (deleted, pipe, link) = (files.path("deleted.py"), files.path("pipe"), files.path("link.py"));
    nix::unistd::mkfifo(Path::new(&pipe), nix::sys::stat::Mode::from_bits_truncate(0o666)).expect("a pipe");
    symlink(&own, &link).expect("a link");
    std::os::unix::fs::lchown(&link, Some(1000), None).expect("root may");
    let made_up = "<made up>".to_owned();
    let kernels = "/proc/self/environ".to_owned();
    let shadow = "/etc/shadow".to_owned();
    let all = [&own, &private, &latin, &binary, &large, &roots, &deleted, &pipe, &link, &kernels, &shadow];
    let all = all.map(Clone::clone);
    let mut process = start(&AS_NOBODY, &program, &all);
    let pid = process.pid().0;
    let asked = Asked::start(Some(TOKEN), &[]);
    asked.wait_for_code_of(pid, &all);

    let answer = asked.source(pid, &own);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let source = answer.json();
    let text = fs::read_to_string(&program).expect("the program");
    assert_eq!((source["text"].as_str(), source["bytes"].as_u64()), (Some(&*text), Some(text.len() as u64)));
    assert_eq!((source["pid"].as_u64(), source["file"].as_str()), (Some(pid.into()), Some(&*own)));
    assert!(source["modified_unix_seconds"].as_f64().is_some_and(|seconds| seconds > 1.7e9), "{source}");
    assert_eq!(asked.source(pid, &private).json()["text"], "private = 1\n", "the process may read it");
    assert_eq!(asked.source(pid, &latin).json()["text"], "# coding: latin-1\n'ä'\n");

    for (file, status, error) in [
        (&roots, 403, "the process itself may not get at"),
        (&shadow, 403, "the process itself may not get at"),
        (&link, 403, "a link of user 1000"),
        (&"/etc/passwd".to_owned(), 403, "was seen running in process"),
        (&deleted, 404, "no such file"),
        (&made_up, 404, "is no file"),
        (&large, 413, "2097153 bytes"),
        (&binary, 415, "zero byte"),
        (&pipe, 422, "a pipe"),
        (&kernels, 422, "file system of the kernel's"),
    ] {
        let answer = asked.source(pid, file);
        assert_eq!(answer.status, status, "{file}: {}", answer.body);
        let said = answer.json();
        assert!(said["error"].as_str().is_some_and(|said| said.contains(error)), "{file}: {said}");
        assert!(said["hint"].as_str().is_some_and(|hint| !hint.is_empty()), "{file}: {said}");
    }
    assert_eq!(asked.source(1, &own).status, 404, "not a process that is profiled");
    for path in [
        "/api/v1/source",
        "/api/v1/source?pid=1",
        "/api/v1/source?pid=0&file=x",
        "/api/v1/source?pid=1&file=",
    ] {
        assert_eq!(asked.get(path).status, 400, "{path}");
    }
    assert_eq!(asked.get("/api/v1/status").json()["source"], "all");

    // What was seen before it became another program does not count, though its id and start are the same.
    process.write_line();
    assert_eq!(process.line().as_deref(), Some("READY"));
    wait_for("its new code", || (asked.source(pid, &own).status == 200).then_some(()));
    let before = asked.source(pid, &private);
    assert_eq!((before.status, before.body.contains("was seen running")), (403, true), "{}", before.body);
    asked.end();
}

#[test]
fn without_a_token_only_what_everybody_may_read() {
    let files = Files::new();
    let program = files.program("app.py");
    let own = program.to_str().expect("UTF-8").to_owned();
    let private = files.add("private.py", b"private = 1\n", 0o640, NOBODY);
    let all = [own.clone(), private.clone()];
    let asked = Asked::start(None, &[]);
    let process = start(&AS_NOBODY, &program, &all);
    asked.wait_for_code_of(process.pid().0, &all);
    assert_eq!(asked.source(process.pid().0, &own).status, 200);
    let refused = asked.source(process.pid().0, &private);
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert!(
        refused.body.contains("not every user of this machine may") && refused.body.contains("--token-file")
    );
    assert_eq!(asked.get("/api/v1/status").json()["source"], "public");
    asked.end();
}

#[test]
fn none_if_told_so() {
    let asked = Asked::start(None, &["--no-source"]);
    let refused = asked.source(1, "/etc/passwd");
    assert_eq!((refused.status, refused.body.contains("--no-source")), (403, true), "{}", refused.body);
    assert_eq!(asked.get("/api/v1/status").json()["source"], "no");
    asked.end();
}

#[test]
fn root_of_users_of_its_own_is_not_root() {
    let files = Files::new();
    let program = files.program("app.py");
    let all = [program.to_str().expect("UTF-8").to_owned(), "/etc/shadow".to_owned()];
    let asked = Asked::start(Some(TOKEN), &[]);
    let unshare: Vec<&str> =
        AS_NOBODY.into_iter().chain(["unshare", "--user", "--map-root-user", "--"]).collect();
    let process = start(&unshare, &program, &all);
    asked.wait_for_code_of(process.pid().0, &all);
    assert_eq!(asked.source(process.pid().0, &all[0]).status, 200);
    let refused = asked.source(process.pid().0, &all[1]);
    assert_eq!((refused.status, refused.body.contains("the process itself may not")), (403, true));
    asked.end();
}

#[test]
fn in_a_root_of_its_own() {
    let files = Files::new();
    // What `chroot.sh` runs; inside, the folder is /app.
    let program = files.program("shares.py");
    let text = fs::read_to_string(program).expect("the program");
    for (to, name) in
        [("/app/shares.py", "in.py"), ("/etc/hostname", "out.py"), ("../../../../etc/hostname", "up.py")]
    {
        symlink(to, files.path(name)).expect("a link");
    }
    assert!(Path::new("/etc/hostname").exists(), "out here it is there");
    let names = ["/app/shares.py", "/app/in.py", "/app/out.py", "/app/up.py"].map(str::to_owned);
    let root = tempfile::tempdir().expect("a folder");
    let minor = shared().next().expect("a Python");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--propagation", "private", "sh"]);
    command.arg(fixture("chroot.sh")).arg(root.path()).arg(prefix(&minor));
    command.arg(format!("python{minor}")).arg(files.0.path()).env("FILES", names.join("\n"));
    let inside = Inside::start("chroot", &minor, &mut command);
    let asked = Asked::start(Some(TOKEN), &[]);
    let pid = inside.pid.0;
    asked.wait_for_code_of(pid, &names);
    let statuses = names.each_ref().map(|name| asked.source(pid, name).status);
    assert_eq!(statuses, [200, 200, 404, 404], "links do not lead out");
    assert_eq!(asked.source(pid, &names[1]).json()["text"], Value::String(text));
    asked.end();
    inside.end();
}

/// A Python of root's, in root's folder: root of this machine reads it, and whoever may ask with the token.
#[test]
fn root_may_read_what_is_roots() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("app.py");
    fs::copy(fixture("named_files.py"), &program).expect("copied");
    fs::set_permissions(&program, Permissions::from_mode(0o200)).expect("it is ours");
    chown(&program, Some(1000), None).expect("root may");
    let own = program.to_str().expect("UTF-8").to_owned();
    let mut process = Process::start(Command::new(python("3.13")).arg(&program));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let asked = Asked::start(Some(TOKEN), &[]);
    asked.wait_for_code_of(process.pid().0, std::slice::from_ref(&own));
    assert_eq!(asked.source(process.pid().0, &own).status, 200, "it has the capability to");
    asked.end();
}
