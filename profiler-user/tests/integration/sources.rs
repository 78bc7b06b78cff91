//! Where code comes from: modules that are run, compiled files without a source, .zip files, strings, standard input, and
//! names as long as a page; imports through the frozen importlib.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use firetower::model::Pid;

use crate::folded::Line;
use crate::program::{Program, Seen};
use crate::pythons::{Process, fixture, python, supported};
use crate::recording::{assert_each, assert_exact, of_process, record, start};

/// How many exact stacks each must have.
const ENOUGH: u64 = 20;

/// A way to run `package_main.py`.
struct Way {
    what: String,
    minor: String,
    process: Process,
    /// How its code objects name their file.
    file: PathBuf,
    /// Whether another file's functions run its `<module>`, those of `runpy`.
    through_runpy: bool,
}

/// A folder with a package `burning`, in which is `__main__.py`.
fn package(folder: &Path) -> PathBuf {
    let package = folder.join("burning");
    fs::create_dir_all(&package).expect("a folder of our own");
    fs::write(package.join("__init__.py"), "").expect("a folder of our own");
    let main = package.join("__main__.py");
    fs::copy(fixture("package_main.py"), &main).expect("a copy");
    main
}

fn run(minor: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(python(minor));
    command.args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Compiles `package_main.py` beside a source that is deleted then; answers the compiled file.
fn compiled_alone(minor: &str, folder: &Path) -> (PathBuf, PathBuf) {
    let source = folder.join("alone.py");
    fs::copy(fixture("package_main.py"), &source).expect("a copy");
    let legacy: &[&str] = if minor == "2.7" { &[] } else { &["-b"] };
    let mut compile = run(minor, &["-m", "compileall", "-q"]);
    let status = compile.args(legacy).arg(&source).status().expect("it starts");
    assert!(status.success(), "{compile:?}");
    fs::remove_file(&source).expect("a copy");
    (folder.join("alone.pyc"), source)
}

/// A .zip file with a `__main__.py`, made by Python itself.
fn zip(minor: &str, folder: &Path) -> PathBuf {
    let archive = folder.join("burning.zip");
    let make = "import sys, zipfile\nz = zipfile.ZipFile(sys.argv[1], 'w')\nz.write(sys.argv[2], '__main__.py')\nz.close()";
    let mut command = run(minor, &["-c", make]);
    let status = command.arg(&archive).arg(fixture("package_main.py")).status().expect("it starts");
    assert!(status.success(), "{command:?}");
    archive
}

fn ways(minor: &str, folder: &Path) -> Vec<Way> {
    let source = fs::read_to_string(fixture("package_main.py")).expect("a fixture");
    let main = package(folder);
    let (compiled, compiled_from) = compiled_alone(minor, folder);
    let archive = zip(minor, folder);
    let way = |what: &str, command: &mut Command, file: &Path, through_runpy| Way {
        what: format!("Python {minor}, {what}"),
        minor: minor.to_owned(),
        process: start(command),
        file: file.to_owned(),
        through_runpy,
    };
    let mut from_input = Command::new("sh");
    from_input.args(["-c", "exec \"$0\" - < \"$1\""]).arg(python(minor)).arg(fixture("package_main.py"));
    vec![
        way("-m", run(minor, &["-m", "burning"]).current_dir(folder), &main, true),
        way("-c", &mut run(minor, &["-c", &source]), "<string>".as_ref(), false),
        way("standard input", from_input.stderr(Stdio::inherit()), "<stdin>".as_ref(), false),
        way("compiled alone", run(minor, &[]).arg(compiled), &compiled_from, false),
        way("zip", run(minor, &[]).arg(&archive), &archive.join("__main__.py"), true),
    ]
}

#[test]
fn every_way_to_start_a_program() {
    let (folder, mut all) = (tempfile::tempdir().expect("a folder"), Vec::new());
    for minor in supported() {
        let folder = folder.path().join(&minor);
        fs::create_dir(&folder).expect("a folder of our own");
        all.extend(ways(&minor, &folder));
    }
    let pids: Vec<Pid> = all.iter().map(|way| way.process.pid()).collect();
    let lines = record(&pids, &[]);
    for way in &all {
        let mut program = Program::of("package_main.py", &way.minor);
        program.file = way.file.clone();
        let lines = of_process(&lines, way.process.pid());
        assert_each(&way.what, &lines, ENOUGH, |stack| {
            let own = stack.iter().position(|frame| program.file.to_str() == Some(&frame.file));
            let (below, own) = stack.split_at(own.ok_or("nothing of its own")?);
            let is_runpy = |frame: &Seen| frame.file.contains("runpy");
            if below.is_empty() == way.through_runpy || !below.iter().all(is_runpy) {
                return Err(format!("below it is {below:?}"));
            }
            program.check(own)
        });
    }
}

/// The one line that each frame has from its root on.
fn functions(line: &Line) -> Vec<String> {
    line.python().unwrap_or_default().into_iter().map(|frame| frame.function).collect()
}

#[test]
fn names_of_four_thousand_characters() {
    let folder = tempfile::tempdir().expect("a folder");
    // ASCII, two bytes and four bytes a character; a path may have 255 bytes in each component.
    let names = ["n".repeat(4000), "ö".repeat(4000), "𠀋".repeat(4000)];
    let deep = folder.path().join("d".repeat(250)).join("e".repeat(250)).join("f".repeat(250));
    fs::create_dir_all(&deep).expect("a folder of our own");
    let file = deep.join("long.py");
    let source = "import sys
names = ['n' * 4000, '\\xf6' * 4000, '\\U0002000b' * 4000]
source = ''
for index, name in enumerate(names):
    source += 'def %s():\\n    %s()\\n' % (name, (names + ['burn'])[index + 1])
burn = lambda: sum(range(1000))
exec(compile(source, __file__, 'exec'))
first = globals()[names[0]]
sys.stdout.write('READY\\n'); sys.stdout.flush()
while True: first()
";
    fs::write(&file, source).expect("a folder of our own");
    for minor in ["3.8", "3.13"] {
        let process = start(Command::new(python(minor)).arg(&file));
        let lines = record(&[process.pid()], &[]);
        let whole: Vec<&str> =
            ["<module>"].into_iter().chain(names.iter().map(String::as_str)).chain(["<lambda>"]).collect();
        for line in &lines {
            let functions = functions(line);
            assert!(
                whole.starts_with(&functions.iter().map(String::as_str).collect::<Vec<_>>()),
                "Python {minor}"
            );
        }
        assert!(lines.iter().any(|line| functions(line) == whole), "Python {minor}");
        let file = file.to_str().expect("UTF-8");
        let of_file = |line: &Line| line.python().unwrap_or_default().iter().all(|frame| frame.file == file);
        assert!(lines.iter().all(of_file), "Python {minor}");
    }
}

#[test]
fn a_module_that_burns_while_it_is_imported() {
    let (folder, mut processes) = (tempfile::tempdir().expect("a folder"), Vec::new());
    fs::copy(fixture("package_main.py"), folder.path().join("imported.py")).expect("a copy");
    let file = folder.path().join("importing.py");
    fs::write(&file, "import imported\n").expect("a folder of our own");
    for minor in supported() {
        processes.push((start(run(&minor, &[]).arg(&file)), minor));
    }
    let pids: Vec<Pid> = processes.iter().map(|(process, _)| process.pid()).collect();
    let lines = record(&pids, &[]);
    for (process, minor) in &processes {
        let mut program = Program::of("package_main.py", minor);
        program.file = folder.path().join("imported.py");
        assert_each(&format!("Python {minor}"), &of_process(&lines, process.pid()), ENOUGH, |stack| {
            let own = stack.iter().position(|frame| program.file.to_str() == Some(&frame.file));
            let (below, own) = stack.split_at(own.ok_or("nothing of its own")?);
            let below: Vec<(&str, &str)> =
                below.iter().map(|frame| (frame.function.as_str(), frame.file.as_str())).collect();
            // 2.7 imports in C.
            let importlib = match below.split_first() {
                Some((("<module>", _), importlib)) => importlib,
                _ => return Err(format!("starts with {below:?}")),
            };
            let frozen = |(_, file): &(&str, &str)| file.starts_with("<frozen importlib._bootstrap");
            let expected = (minor == "2.7" && importlib.is_empty())
                || (importlib.first().is_some_and(|(function, _)| *function == "_find_and_load")
                    && importlib
                        .last()
                        .is_some_and(|(function, _)| *function == "_call_with_frames_removed"));
            if !importlib.iter().all(frozen) || !expected {
                return Err(format!("imported by {importlib:?}"));
            }
            program.check(own)
        });
    }
}

#[test]
fn a_program_that_is_run_by_its_own_name() {
    // Executed by the kernel, by its first line.
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("program");
    let source = fs::read_to_string(fixture("package_main.py")).expect("a fixture");
    let line = format!("#!{}", python("3.11").display());
    // In place of the first line, that every other keeps its number.
    fs::write(&file, source.replacen(source.lines().next().expect("a line"), &line, 1))
        .expect("a folder of our own");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("a file of our own");
    let process = start(&mut Command::new(&file));
    let mut program = Program::of("package_main.py", "3.11");
    program.file = file;
    assert_exact("by its own name", &program, &record(&[process.pid()], &[]), ENOUGH);
}
