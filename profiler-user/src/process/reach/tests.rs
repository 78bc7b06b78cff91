//! A process of our own in every role: its root is this machine's, or a folder under a walk that is told so.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

use super::*;

/// A folder as somebody's root, and a walk in it.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Root {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        Root(folder)
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn link(&self, to: &str, name: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(to, &path).unwrap();
        path
    }

    /// Reads as this user with no groups, who is no root.
    fn read_as(&self, uid: u32, name: &str, everybody: bool) -> Result<Content, Refused> {
        let rights = Rights::of_user(uid);
        let root = open(self.0.path(), OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty()).unwrap();
        let folders = vec![root];
        let mut walk = Walk { rights: &rights, everybody, folders, links: Vec::new(), parts: 0, followed: 0 };
        let (file, stat) = walk.go(Path::new(name))?.ok_or(Refused::NotAFile("a folder"))?;
        walk.read(Path::new(name), &file, &stat)
    }

    fn text(&self, name: &str) -> Result<String, Refused> {
        self.read_as(1000, name, false).map(|content| String::from_utf8(content.bytes).unwrap())
    }
}

#[test]
fn names_lead_to_files_of_the_root_and_never_out_of_it() {
    let root = Root::new();
    root.file("srv/app/main.py", "main", 0o644);
    root.file("etc/passwd", "inside", 0o644);
    root.link("/etc/passwd", "srv/absolute");
    root.link("../../../../etc/passwd", "srv/app/upwards");
    root.link("app", "srv/current");
    for (name, text) in [
        ("/srv/app/main.py", "main"),
        ("srv//app/./main.py", "main"),
        ("/srv/current/main.py", "main"),
        ("/srv/current/../app/main.py", "main"),
        ("/../../../etc/passwd", "inside"),
        ("/srv/absolute", "inside"),
        ("/srv/app/upwards", "inside"),
    ] {
        assert_eq!(root.text(name).unwrap(), text, "{name}");
    }
    for name in
        ["/srv/app/other.py", "/srv/app/main.py/x", "/srv/app/main.py/..", &format!("/{}", "x".repeat(300))]
    {
        assert!(matches!(root.text(name), Err(Refused::Missing)), "{name}: {:?}", root.text(name));
    }
}

#[test]
fn links_and_parts_come_to_an_end() {
    let root = Root::new();
    root.file("file", "x", 0o644);
    root.link("loop", "loop");
    root.link("file", "link0");
    for index in 1..=MAX_LINKS {
        root.link(&format!("link{}", index - 1), &format!("link{index}"));
    }
    assert!(matches!(root.text("/loop"), Err(Refused::Endless)));
    assert_eq!(root.text(&format!("link{}", MAX_LINKS - 1)).unwrap(), "x");
    assert!(matches!(root.text(&format!("link{MAX_LINKS}")), Err(Refused::Endless)));
    assert!(matches!(root.text(&"x/../".repeat(MAX_PARTS)), Err(Refused::Endless)));
}

#[test]
fn only_files_of_a_bounded_size() {
    let root = Root::new();
    let path = |name: &str| root.0.path().join(name);
    nix::unistd::mkfifo(&path("pipe"), Mode::from_bits_truncate(0o666)).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
    fs::create_dir(path("folder")).unwrap();
    root.file("most", &"x".repeat(MAX_BYTES as usize), 0o644);
    root.file("more", &"x".repeat(MAX_BYTES as usize + 1), 0o644);
    // Says that it is larger than any memory, and has nothing in it.
    File::create(path("sparse")).unwrap().set_len(1 << 40).unwrap();
    for (name, what) in
        [("pipe", "a pipe"), ("socket", "a socket"), ("folder", "a folder"), ("/", "a folder")]
    {
        assert!(matches!(root.text(name), Err(Refused::NotAFile(said)) if said == what), "{name}");
    }
    assert_eq!(root.text("most").unwrap().len() as u64, MAX_BYTES);
    assert!(matches!(root.text("more"), Err(Refused::TooLarge(size)) if size == MAX_BYTES + 1));
    fs::set_permissions(path("sparse"), Permissions::from_mode(0o644)).unwrap();
    assert!(matches!(root.text("sparse"), Err(Refused::TooLarge(size)) if size == 1 << 40));
}

#[test]
fn each_folder_on_the_way_must_let_the_process_through() {
    let root = Root::new();
    let file = root.file("home/me/app/main.py", "x", 0o644);
    assert!(root.text("home/me/app/main.py").is_ok());
    for (part, mode) in [("home/me", 0o700), ("home/me", 0o754), ("home/me/app/main.py", 0o640)] {
        let path = root.0.path().join(part);
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        let refused = root.text("home/me/app/main.py").unwrap_err();
        assert!(matches!(refused, Refused::Denied { everybody: false, .. }), "{part} {mode:o}: {refused}");
        // Also by a way round.
        assert!(
            matches!(root.text("home/me/app/../app/main.py"), Err(Refused::Denied { .. })),
            "{part} {mode:o}"
        );
        fs::set_permissions(&path, before).unwrap();
    }
    // Its own file in its own folder: others may not.
    chown(&file, Some(1000), None).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert!(root.text("home/me/app/main.py").is_ok());
    let refused = root.read_as(1000, "home/me/app/main.py", true).unwrap_err();
    assert!(matches!(refused, Refused::Denied { everybody: true, .. }), "{refused}");
    assert!(matches!(
        root.read_as(1001, "home/me/app/main.py", true),
        Err(Refused::Denied { everybody: false, .. })
    ));
}

#[test]
fn a_link_of_another_user_leads_only_to_that_users_files() {
    let root = Root::new();
    let (mine, theirs) = (root.file("mine.py", "mine", 0o644), root.file("theirs.py", "theirs", 0o644));
    chown(&mine, Some(1000), None).unwrap();
    chown(&theirs, Some(1001), None).unwrap();
    for (link, owner, to, fine) in [
        ("by-root", 0, "mine.py", true),
        ("by-me", 1000, "theirs.py", true),
        ("by-them", 1001, "theirs.py", true),
        ("bad", 1001, "mine.py", false),
        ("by-way", 1001, "by-root", false),
    ] {
        let path = root.link(to, link);
        std::os::unix::fs::lchown(&path, Some(owner), None).unwrap();
        match root.text(link) {
            Ok(_) => assert!(fine, "{link}"),
            Err(Refused::ForeignLink(1001)) => assert!(!fine, "{link}"),
            Err(error) => panic!("{link}: {error}"),
        }
    }
}

#[test]
fn what_the_kernel_shows_is_no_file() {
    let own = Reach::of(Pid(std::process::id())).unwrap();
    for name in [
        "/proc/self/environ",
        "/proc/1/maps",
        "/proc/self/root/etc/passwd",
        "/sys/kernel/vmcoreinfo",
        "/proc/version",
    ] {
        assert!(matches!(own.read(Path::new(name), false), Err(Refused::Kernels)), "{name}");
    }
    assert!(matches!(own.read(Path::new("/dev/null"), false), Err(Refused::NotAFile("a device"))));
}

#[test]
fn a_relative_name_is_of_the_working_folder() {
    let own = Reach::of(Pid(std::process::id())).unwrap();
    // Tests run in the folder of their package.
    let content = own.read(Path::new("Cargo.toml"), false).unwrap();
    assert_eq!(content.bytes, fs::read("Cargo.toml").unwrap());
    assert!(content.modified > 1_500_000_000);
    assert_eq!(
        own.read(Path::new("../Cargo.toml"), false).unwrap().bytes,
        fs::read("../Cargo.toml").unwrap()
    );
    assert!(own.is_unchanged());
}

#[test]
fn a_process_that_is_gone_has_no_files() {
    let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    let reach = Reach::of(Pid(child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(matches!(reach.read(Path::new("/etc/passwd"), false), Err(Refused::Io(_) | Refused::Missing)));
    assert!(!reach.is_unchanged());
    assert!(Reach::of(Pid(child.id())).is_err());
}
