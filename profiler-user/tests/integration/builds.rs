//! The builds in the table of interpreters: each is what the table says, and those that no release build stands for are
//! read as they are.

use std::process::Command;

use crate::detection::check_frames;
use crate::pythons::{Kind, Process, builds};
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
fn builds_that_are_no_release_builds_are_read() {
    let wanted = builds().filter(|(known, _)| known.kind != Kind::Release);
    let mut kinds = Vec::new();
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
        check_frames(&target);
        kinds.push(known.kind);
    }
    for kind in [Kind::Debian, Kind::Debug, Kind::FreeThreaded, Kind::Static, Kind::Musl] {
        assert!(kinds.contains(&kind), "the table has no build that is {kind:?}");
    }
}
