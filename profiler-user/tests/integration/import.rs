//! What other profilers write is read: their own output, of a program whose shares are known.

use std::fs;
use std::path::Path;
use std::process::Command;

use firetower::import::{self, Format, Imported, Measure};
use firetower::model::{Frame, FrameKind};

use crate::pypi;
use crate::pythons::{fixture, python};
use crate::running::{Running, run};

/// The Python that profilers of PyPI are installed for, and that they look at.
const MINOR: &str = "3.11";

/// Runs a profiler of PyPI until it ends by itself.
fn profiled(folder: &Path, tool: &str, arguments: &[&str]) {
    let tool = pypi::packages_of(MINOR, "requirements-profilers.txt").join("bin").join(tool);
    let mut command = Command::new(tool);
    command.current_dir(folder).args(arguments);
    let finished = Running::start(&mut command).finish();
    assert_eq!(finished.code, 0, "{command:?}: {}", finished.stderr);
}

fn read(folder: &Path, name: &str) -> Imported {
    let bytes = fs::read(folder.join(name)).expect("it was written");
    import::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Share of the weight whose stacks have a frame that fits.
fn share(imported: &Imported, fits: impl Fn(&Frame) -> bool) -> f64 {
    let weight = |weight: &firetower::model::Weight| (weight.samples + weight.nanoseconds) as f64;
    let profile = &imported.profile;
    let all: f64 = profile.samples.iter().map(|(_, own)| weight(own)).sum();
    let with = profile.samples.iter().filter(|(stack, _)| profile.stacks.leaf_first(*stack).any(&fits));
    with.map(|(_, own)| weight(own)).sum::<f64>() / all
}

/// Holds that most of the time is in the program's function, with its file and a line.
#[track_caller]
fn is_of_burning(imported: &Imported) {
    let of_program = share(imported, |frame| {
        frame.kind == FrameKind::Python
            && &*frame.function == "burn"
            && frame.file.ends_with("burn.py")
            && (3..=6).contains(&frame.line)
    });
    assert!(of_program > 0.5, "{of_program}: {:?}", imported.profile.stacks.frames().collect::<Vec<_>>());
}

/// Burns CPU in one function for some seconds.
const BURN: &str = "import time
def burn(end):
    total = 0
    while time.process_time() < end:
        for number in range(1000):
            total += number * number
burn(2.0)
";

fn folder_with_program() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("burn.py"), BURN).expect("a file");
    folder
}

#[test]
fn what_py_spy_writes() {
    let folder = folder_with_program();
    let python = python(MINOR);
    let python = python.to_str().expect("UTF-8");
    for (format, name, expected, measure) in [
        ("raw", "raw.txt", Format::Folded, Measure::Samples),
        ("speedscope", "x.json", Format::Speedscope, Measure::Nanoseconds),
    ] {
        let arguments = ["record", "--threads", "-f", format, "-o", name, "--", python, "burn.py"];
        profiled(folder.path(), "py-spy", &arguments);
        let imported = read(folder.path(), name);
        assert_eq!((imported.format, imported.measure, imported.skipped), (expected, measure, 0));
        is_of_burning(&imported);
    }
}

#[test]
fn what_austin_writes() {
    let folder = folder_with_program();
    let python = python(MINOR);
    let python = python.to_str().expect("UTF-8");
    // It waits a tenth of a second for a Python to start unless told otherwise, and a busy machine takes longer.
    let common = ["-t", "60s", "-i", "10ms"];
    for (name, options) in [("wall.txt", &[][..]), ("full.txt", &["-f"])] {
        let last = ["-o", name, python, "burn.py"];
        let arguments: Vec<&str> = common.iter().chain(options).chain(&last).copied().collect();
        profiled(folder.path(), "austin", &arguments);
        let imported = read(folder.path(), name);
        let found = (imported.format, imported.measure, imported.skipped);
        assert_eq!(found, (Format::Austin, Measure::Nanoseconds, 0), "{name}");
        is_of_burning(&imported);
        // It says how long it took, and samples are never longer than that.
        let (total, duration) = (imported.profile.total().nanoseconds, imported.profile.about.duration);
        assert!(total > duration / 2 && total < duration * 11 / 10, "{name}: {total} of {duration}");
    }
    let last = ["-b", "-o", "mojo", python, "burn.py"];
    profiled(folder.path(), "austin", &[&common[..], &last].concat());
    let error = import::read(&fs::read(folder.path().join("mojo")).expect("a file")).expect_err("binary");
    assert!(error.to_string().contains("Austin's binary format"), "{error}");
}

#[test]
fn what_perf_writes() {
    let folder = folder_with_program();
    let run_in = |command: &mut Command| {
        let finished = Running::start(command.current_dir(folder.path())).finish();
        assert_eq!(finished.code, 0, "{command:?}: {}", finished.stderr);
        finished.stdout
    };
    // From 3.12 on, Python tells perf which function each trampoline is of.
    let mut record = Command::new("perf");
    record.args(["record", "-q", "-e", "cpu-clock", "-F", "99", "-g", "-o", "perf.data"]);
    run_in(record.arg(python("3.12")).args(["-X", "perf", "burn.py"]));
    let text = run_in(Command::new("perf").args(["script", "-i", "perf.data"]));
    let imported = import::read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((imported.format, imported.measure, imported.skipped), (Format::Perf, Measure::Both, 0));
    let total = imported.profile.total();
    assert!(total.samples > 100 && total.nanoseconds / total.samples == 10_101_010, "{total:?}");
    let is_command = |frame: &Frame| frame.kind == FrameKind::Process && frame.function.starts_with("python");
    assert!(share(&imported, is_command) == 1.0);
    assert!(share(&imported, |frame| frame.kind == FrameKind::Other) > 0.5);
    let binary =
        import::read(&fs::read(folder.path().join("perf.data")).expect("a file")).expect_err("binary");
    assert!(binary.hint().contains("perf script"), "{binary}");
}

#[test]
fn what_we_write_of_a_real_program_is_drawn() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let (python, program) = (python("3.12"), fixture("shares.py"));
    let (python, program) = (python.to_str().expect("UTF-8"), program.to_str().expect("UTF-8"));
    for name in ["x.folded", "x.pb.gz", "x.speedscope.json", "x.json"] {
        let (profile, svg) = (path(name), path("x.svg"));
        let process = crate::pythons::Process::start(Command::new(python).arg(program));
        let pid = process.pid().to_string();
        let recorded = run(["record", "-p", &pid, "-d", "1", "-F", "499", "--lines", "-o", &profile]);
        assert_eq!(recorded.code, 0, "{}", recorded.stderr);
        let imported = read(folder.path(), name);
        let in_program = share(&imported, |frame| frame.file.ends_with("shares.py") && frame.line > 0);
        assert!(in_program > 0.9, "{name}: {in_program}");
        let drawn = run(["flamegraph", &profile, "-o", &svg]);
        assert_eq!((drawn.code, drawn.stderr.as_str()), (0, ""), "{name}");
        let svg = fs::read_to_string(&svg).expect("an SVG");
        assert!(svg.contains("shares.py:") && svg.contains("</svg>"), "{name}");
    }
}
