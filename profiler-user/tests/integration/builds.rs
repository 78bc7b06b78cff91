//! The builds in the table of interpreters: each is what the table says, and those that no release build stands for are
//! read as they are.

use std::process::Command;

use crate::pythons::{Kind, Process, build, builds, supported};
use crate::target::{Target, fingerprint};
use firetower::python::code::Code;

/// Says its version, then waits for the end of its input.
const WHICH: &str = "
import sys
print('%d.%d' % sys.version_info[:2])
sys.stdout.flush()
sys.stdin.read()
";

#[test]
fn each_build_is_of_its_version_and_no_loader_stands_before_it() {
    for (known, python) in builds() {
        let mut process = Process::start(Command::new(&python).args(["-c", WHICH]));
        assert_eq!(process.line().as_deref(), Some(known.version), "{}", known.name);
        let exe = format!("/proc/{}/exe", process.pid());
        let exe = std::fs::read_link(exe).expect("it runs");
        assert_eq!(exe, python.canonicalize().expect("it is there"), "{}", known.name);
    }
}

#[test]
fn builds_with_libpython_inside_are_read() {
    let inside = |kind| matches!(kind, Kind::Debian | Kind::Static | Kind::Musl);
    let wanted = builds()
        .filter(|(known, _)| inside(known.kind) && supported().any(|version| version == known.version));
    let mut read = 0;
    for (known, python) in wanted {
        let name = known.name;
        let target = Target::start(&mut Command::new(python));
        let (memory, interpreter) = (target.memory(), target.interpreter());
        assert!(target.codes.len() >= 7, "{name}");
        for said in &target.codes {
            let fingerprint = fingerprint(&memory, &interpreter.objects, said.address);
            let code = Code::read(&memory, &interpreter.objects, said.address, fingerprint)
                .unwrap_or_else(|error| panic!("{name}: {}: {error}", said.name));
            assert_eq!(code.first_line, said.first_line, "{name}: {}", said.name);
        }
        read += 1;
    }
    assert!(read > 0, "the table has no such build of a supported version");
}

#[test]
fn the_debug_build_of_debian_is_read_too() {
    let target = Target::start(&mut Command::new(build("3.11-dbg")));
    assert_eq!(target.interpreter().version.minor, 11);
    assert!(target.codes.len() >= 7);
}
