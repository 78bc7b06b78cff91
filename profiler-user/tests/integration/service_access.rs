//! Who may ask a running `firetower serve`: its flags, its token, and what it refuses to start with.

use std::fs::Permissions;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::http::send;
use crate::running::{Finished, Running, firetower, run};
use crate::service::Service;

const TOKEN: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// A token file of its own folder.
struct TokenFile {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl TokenFile {
    fn new(text: &str, mode: u32) -> TokenFile {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("it is ours");
        TokenFile { _folder: folder, path }
    }

    fn name(&self) -> &str {
        self.path.to_str().expect("UTF-8")
    }
}

fn status(address: SocketAddr, path: &str, header: &str) -> u16 {
    let head = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{header}");
    send(address, &format!("{head}\r\n")).status
}

#[test]
fn with_a_token_other_machines_may_ask_if_they_show_it() {
    let file = TokenFile::new(&format!("{TOKEN}\n"), 0o600);
    let arguments = ["serve", "--no-store", "--listen", "0.0.0.0:0", "--token-file", file.name()];
    let service =
        Service::of(&mut firetower(arguments.into_iter().chain(["--metrics-listen", "127.0.0.1:0"])));
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    assert_eq!(status(service.address, "/metrics", ""), 401);
    assert_eq!(status(service.address, "/metrics", "Authorization: Bearer 0a1b2c3d4e5f6071\r\n"), 401);
    assert_eq!(status(service.address, "/metrics", &bearer), 200);
    assert_eq!(status(service.address, "/", "Accept: text/html\r\n"), 303);
    let metrics = service.metrics_address();
    assert_eq!(
        (status(metrics, "/metrics", ""), status(metrics, "/readyz", ""), status(metrics, "/", &bearer)),
        (200, 200, 404)
    );
    let arguments =
        std::fs::read_to_string(format!("/proc/{}/cmdline", service.running.pid())).expect("running");
    let finished = service.terminate();
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(!finished.stderr.contains(TOKEN) && !arguments.contains(TOKEN), "{}", finished.stderr);
}

#[test]
fn the_token_of_the_environment_holds_on_loopback_too() {
    let service = Service::of(
        firetower(["serve", "-vvv", "--no-store", "--listen", "127.0.0.1:0"]).env("FIRETOWER_TOKEN", TOKEN),
    );
    assert_eq!(status(service.address, "/api/v1/processes", ""), 401);
    assert_eq!(
        status(service.address, "/api/v1/processes", &format!("Authorization: Bearer {TOKEN}\r\n")),
        200
    );
    let finished = service.terminate();
    assert!(finished.stderr.contains("TRACE") || finished.stderr.contains("DEBUG"), "{}", finished.stderr);
    assert!(finished.code == 0 && !finished.stderr.contains(TOKEN), "the token is in the log");
}

#[test]
fn a_name_is_answered_if_told_so() {
    let service = Service::start(&["--allowed-host", "tower.example"]);
    let ask = |host: &str| {
        send(service.address, &format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
            .status
    };
    assert_eq!((ask("tower.example"), ask("tower.example:80"), ask("other.example")), (200, 200, 421));
}

/// It ends by itself, before it has done anything.
fn refused(arguments: &[&str], token: Option<&str>) -> Finished {
    let mut command =
        firetower(["serve", "--listen", "127.0.0.1:0"].into_iter().chain(arguments.iter().copied()));
    if let Some(token) = token {
        command.env("FIRETOWER_TOKEN", token);
    }
    Running::start(&mut command).finish()
}

#[test]
fn what_is_no_safe_token_is_code_17() {
    let (shared, short) = (TokenFile::new(TOKEN, 0o644), TokenFile::new("too-short\n", 0o600));
    let good = TokenFile::new(TOKEN, 0o600);
    for (file, token, says) in [
        (Some(shared.name()), None, "chmod 600"),
        (Some(short.name()), None, "9 bytes"),
        (Some("/nowhere/token"), None, "No such file"),
        (Some("/proc"), None, "no regular file"),
        (Some(good.name()), Some(TOKEN), "two tokens"),
        (None, Some(""), "0 bytes"),
        (None, Some("short-as-well"), "13 bytes"),
    ] {
        let arguments: Vec<&str> = file.into_iter().flat_map(|file| ["--token-file", file]).collect();
        let finished = refused(&arguments, token);
        assert_eq!(finished.code, 17, "{}", finished.stderr);
        assert!(finished.stderr.contains(says), "{}", finished.stderr);
        let secret =
            ["too-short", "short-as-well", TOKEN].iter().any(|token| finished.stderr.contains(token));
        assert!(!secret && finished.stderr.lines().count() <= 2, "{}", finished.stderr);
    }
}

#[test]
fn metrics_for_other_machines_need_a_word() {
    let finished = refused(&["--metrics-listen", "0.0.0.0:0"], Some(TOKEN));
    assert_eq!(finished.code, 11, "{}", finished.stderr);
    assert!(
        finished.stderr.contains("--allow-remote") && finished.stderr.contains("metrics"),
        "{}",
        finished.stderr
    );
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let finished = refused(&["--metrics-listen", &address], None);
    assert_eq!(finished.code, 10, "{}", finished.stderr);
    assert!(
        finished.stderr.contains(&address) && finished.stderr.contains("--metrics-listen"),
        "{}",
        finished.stderr
    );
    let finished = run(["serve", "--allowed-host", "http://tower.example"]);
    assert_eq!(finished.code, 2, "{}", finished.stderr);
    assert!(finished.stderr.contains("without scheme and port"), "{}", finished.stderr);
}
