//! Processes whose memory or files lie: firetower stays alive, gives a reason for each sample, keeps its accounts, and
//! profiles a Python beside them exactly.

use std::fs;
use std::path::Path;
use std::process::Command;

use firetower::model::Pid;
use firetower::python::versions::{Facts, RELEASES, Release};
use firetower_ebpf::abi::{ABSENT, PyLayout, flags};
use serde_json::Value;

use crate::accounting::assert_sums;
use crate::folded;
use crate::program::Program;
use crate::pythons::{Process, fixture, python};
use crate::recording::{CPU, assert_exact, of_process, record, record_while_busy, start};
use crate::running::firetower;

/// What `liar.c` can do.
const LIES: [&str; 5] = ["frames", "threads", "interpreters", "lengths", "random"];
/// What may be said of it.
const REASONS: [&str; 8] = [
    "[code object not readable]",
    "[code object replaced]",
    "[frame chain inconsistent]",
    "[interpreter starting or finalized]",
    "[no Python frame]",
    "[not a Python thread]",
    "[process memory not readable]",
    "[thread state not found yet]",
];

fn compile(command: &mut Command) {
    let output = command.args(["-O1", "-w"]).output().expect("the C compiler");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The liar that is named and described as this version.
fn liar(release: &Release, folder: &Path) -> std::path::PathBuf {
    let (major, minor) = (release.major, release.minor);
    let name = format!("libpython{major}.{minor}.so.1.0");
    let (library, program) = (folder.join(&name), folder.join(format!("liar{major}.{minor}")));
    let mut command = Command::new("cc");
    command.args(["-shared", "-fPIC", "-pthread", &format!("-Wl,-soname,{name}"), "-o"]).arg(&library);
    // What every Python exports, firetower's way to know one; the structures may start elsewhere (2.7).
    command.arg(format!("-DRUNTIME={}", release.root.symbol()));
    command.arg(format!("-DVERSION=0x{major:02x}{minor:02x}07f0"));
    compile(command.arg(fixture("liar.c")));
    let mut command = Command::new("cc");
    command.arg(fixture("liar_main.c")).arg(&library).arg(format!("-Wl,-rpath,{}", folder.display()));
    compile(command.arg("-o").arg(&program));
    program
}

/// The offsets, in the order of `liar.c`'s `struct layout`.
fn offsets(layout: &PyLayout) -> Vec<String> {
    let is_entry = match layout.flags {
        flags if flags & flags::OWNER_IS_ENTRY != 0 => 1,
        flags if flags & flags::INSTR_IS_POINTER != 0 => 0,
        _ => ABSENT,
    };
    let all = [
        layout.runtime_interpreters_head,
        layout.interp_next,
        layout.interp_threads_head,
        layout.tstate_next,
        layout.tstate_thread_id,
        layout.tstate_frame,
        layout.cframe_current_frame,
        layout.frame_previous,
        layout.frame_code,
        layout.frame_instr,
        layout.frame_owner,
        is_entry,
    ];
    let text = |offset: u32| if offset == ABSENT { "-1".to_owned() } else { offset.to_string() };
    all.map(text).into()
}

/// A Python that does not lie, busy.
fn honest() -> Process {
    let mut process = Process::start(Command::new(python("3.12")).arg(fixture("shares.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

#[test]
fn structures_that_lead_in_circles_to_nowhere_or_are_written_while_they_are_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut liars = Vec::new();
    for release in RELEASES {
        let Facts::Fixed { build, .. } = &release.facts else { continue };
        let program = liar(release, folder.path());
        for lie in LIES {
            let process = start(Command::new(&program).arg(lie).args(offsets(&build.layout)));
            liars.push((format!("{}.{} {lie}", release.major, release.minor), process));
        }
    }
    let honest = honest();
    let file = folder.path().join("all.folded");
    let mut command = firetower(["record", "--lines", "--json", "-F", "1999", "-o"]);
    command.arg(&file).args(["-p", &honest.pid().to_string()]);
    for (_, process) in &liars {
        command.args(["-p", &process.pid().to_string()]);
    }
    let pids: Vec<Pid> = liars.iter().map(|(_, process)| process.pid()).chain([honest.pid()]).collect();
    let finished = record_while_busy(&mut command, &pids, CPU);
    let last = finished.stderr.lines().last().expect("a summary");
    let summary: Value =
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {}", finished.stderr));
    let lines = folded::parse(&fs::read_to_string(&file).expect("stacks"));
    assert_sums(&summary, folded::total(&lines));
    let honest_lines = of_process(&lines, honest.pid());
    assert_exact("beside them", &Program::of("shares.py", "3.12"), &honest_lines, 20);
    for (what, process) in &mut liars {
        let lines = of_process(&lines, process.pid());
        assert!(folded::total(&lines) > 0, "{what} has no samples");
        assert!(lines.iter().all(|line| line.unknown().is_some()), "{what}: {lines:#?}");
        let expected: &[&str] = match what.split_once(' ').expect("two words").1 {
            // A code object without a reference that counts is taken for a freed one, and where versions have shims, a
            // stack that does not end at one is none.
            "frames" => &["[code object not readable]", "[code object replaced]"],
            "lengths" => {
                &["[code object not readable]", "[code object replaced]", "[frame chain inconsistent]"]
            }
            "threads" | "interpreters" => &["[thread state not found yet]"],
            _ => &REASONS,
        };
        let reasons = folded::unknown(&lines);
        assert!(reasons.keys().all(|reason| expected.contains(reason)), "{what}: {reasons:?}");
    }
}

#[test]
fn a_self_description_that_makes_no_sense() {
    let folder = tempfile::tempdir().expect("a folder");
    let described = |release: &&Release| matches!(release.facts, Facts::SelfDescribed(_));
    let release = RELEASES.iter().find(described).expect("3.13");
    let process = start(Command::new(liar(release, folder.path())).args(["frames", "0"]));
    let honest = honest();
    let pids = [process.pid(), honest.pid()];
    let [liar, other] = pids.map(|pid| pid.to_string());
    let mut command = firetower(["record", "--lines", "-F", "999", "-p", &liar, "-p", &other]);
    let finished = record_while_busy(&mut command, &pids, CPU);
    assert!(
        finished.stderr.contains("interpreter not readable (_PyRuntime does not start"),
        "{}",
        finished.stderr
    );
    let lines = folded::parse(&finished.stdout);
    let of_liar = of_process(&lines, process.pid());
    assert_eq!(
        folded::unknown(&of_liar).keys().collect::<Vec<_>>(),
        [&"[interpreter not readable]"],
        "{lines:#?}"
    );
    assert_exact("beside it", &Program::of("shares.py", "3.12"), &of_process(&lines, honest.pid()), 10);
}

/// What is said of a process at the start, and of its samples.
fn what_is_said(process: &Process) -> (String, Vec<String>) {
    let mut command = firetower(["record", "-F", "999", "-p", &process.pid().to_string()]);
    let finished = record_while_busy(&mut command, &[process.pid()], CPU);
    let lines = folded::parse(&finished.stdout);
    (finished.stderr, folded::unknown(&lines).into_keys().map(str::to_owned).collect())
}

#[test]
fn a_library_that_is_no_elf_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let (library, program) = (folder.path().join("libpython3.11.so.1.0"), folder.path().join("app"));
    fs::write(&library, "a text\n".repeat(1000)).expect("a folder of our own");
    compile(Command::new("cc").arg("-DALONE").arg(fixture("liar_main.c")).arg("-o").arg(&program));
    let process = start(Command::new(&program).arg("map").arg(&library));
    let (said, reasons) = what_is_said(&process);
    assert!(said.contains("libpython3.11.so.1.0 is not a 64-bit ELF file"), "{said}");
    assert_eq!(reasons, ["[unsupported Python version]"]);

    // The same in a Python that has mapped a text of that name, and is one all the same.
    let map = format!(
        "import mmap; file = open({library:?}); kept = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | 4, flags=mmap.MAP_PRIVATE)\n\
         exec(compile(open({0:?}).read(), {0:?}, 'exec'))",
        fixture("shares.py")
    );
    let process = start(Command::new(python("3.12")).args(["-c", &map]));
    let lines = record(&[process.pid()], &[]);
    assert!(folded::with(&lines, "inner") > 0 && folded::unknown(&lines).is_empty(), "{lines:#?}");
}

#[test]
fn an_executable_that_is_cut_behind_what_it_needs_to_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("python3.11");
    compile(Command::new("cc").arg("-DALONE").arg(fixture("liar_main.c")).arg("-o").arg(&program));
    // Its symbols and the table of its sections are at its end, and not needed.
    let bytes = fs::read(&program).expect("just made");
    let end = bytes.windows(12).position(|window| window == b"GCC: (Debian").unwrap_or(bytes.len() - 2048);
    fs::write(&program, &bytes[..end]).expect("a folder of our own");
    let process = start(Command::new(&program).arg("nothing"));
    let (said, reasons) = what_is_said(&process);
    assert!(said.contains("python3.11: malformed ELF file"), "{said}");
    assert_eq!(reasons, ["[interpreter not readable]"]);
}
