//! Deep stacks, where they are cut, and every form of Python code by its name and exact lines.

use std::process::Command;

use crate::each::{each_version, interpreter};
use crate::folded::{self, Line};
use crate::program::{Program, Seen};
use crate::pythons::{Process, fixture};
use crate::recording::assert_each;
use crate::running::run;

/// Most Python frames of a stack; what is deeper keeps its leaf end.
const KEPT: usize = firetower_ebpf::abi::MAX_PYTHON_FRAMES;
const TRUNCATED: &str = "[truncated]";

/// A fixture, running.
fn start(minor: &str, name: &str, arguments: &[&str]) -> Process {
    let mut process = Process::start(Command::new(interpreter(minor)).arg(fixture(name)).args(arguments));
    assert_eq!(process.line().as_deref(), Some("READY"));
    process
}

/// What is seen of these processes in so many seconds.
fn record(processes: &[Process], seconds: &str) -> Vec<Line> {
    let pids: Vec<String> = processes.iter().map(|process| process.pid().to_string()).collect();
    let pids = pids.iter().flat_map(|pid| ["-p", pid]);
    let finished = run(["record", "-d", seconds, "-F", "999", "--lines"].into_iter().chain(pids));
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    folded::parse(&finished.stdout)
}

/// The functions of `depth.py`'s stack, root first, from where `burn` runs.
fn functions(depth: usize) -> Vec<&'static str> {
    let recursion = (0..=depth).map(|level| if level % 2 == 0 { "even" } else { "odd" });
    std::iter::once("<module>").chain(recursion).chain(["burn"]).collect()
}

/// Recursions that fit, fit just so, are one too deep, and much too deep.
fn deep_recursions(minor: &str) {
    // `<module>` and `burn` are frames too, and so is the function at depth 0.
    let depths = [100, KEPT - 3, KEPT - 2, 2 * KEPT];
    let processes = depths.map(|depth| start(minor, "depth.py", &[&depth.to_string()]));
    let lines = folded::by_process(&record(&processes, "1.2"));
    let program = Program::of("depth.py", minor);
    for (depth, process) in depths.into_iter().zip(&processes) {
        let whole = functions(depth);
        let kept = &whole[whole.len().saturating_sub(KEPT)..];
        let of_it = lines.iter().find(|((pid, _), _)| *pid == process.pid().0);
        let (_, lines) = of_it.unwrap_or_else(|| panic!("Python {minor}, depth {depth}: no samples"));
        for line in lines {
            let cut = line.frames[0] == TRUNCATED;
            assert_eq!(cut, whole.len() > KEPT, "Python {minor}, depth {depth}: {line:#?}");
            let python = Line { frames: line.frames[usize::from(cut)..].to_vec(), ..line.clone() };
            let stack = python.python().unwrap_or_else(|| panic!("Python {minor}: {line:#?}"));
            let names: Vec<&str> = stack.iter().map(|frame| frame.function.as_str()).collect();
            assert_eq!(names, kept, "Python {minor}, depth {depth}");
            program.check_below(&stack).unwrap_or_else(|error| panic!("{error}: {line:#?}"));
        }
        assert!(folded::total(lines) > 20, "Python {minor}, depth {depth}: {lines:#?}");
    }
}

each_version!(deep_recursions);

/// Whether `forms.py` can have this stack. Its generated code, which has no source file with comments, is
/// `<module>` in lines 2 and 6, where it calls `made`, and that calls `burn` in line 4.
fn check_forms(program: &Program, stack: &[Seen]) -> Result<(), String> {
    let generated = |frame: &Seen| frame.file == "generated.py";
    let Some(first) = stack.iter().position(generated) else { return program.check(stack) };
    let (before, rest) = stack.split_at(first);
    let (inside, after) = rest.split_at(rest.iter().take_while(|frame| generated(frame)).count());
    program.check(before)?;
    if before.last().is_none_or(|caller| caller.function != "execute") {
        return Err("generated code is run by execute".into());
    }
    let inside: Vec<(&str, u32)> = inside.iter().map(|frame| (frame.function.as_str(), frame.line)).collect();
    match inside[..] {
        // Before its first line a module has the lines 0 and 1.
        [("<module>", 0..=2 | 6)] if after.is_empty() => Ok(()),
        [("<module>", 6), ("made", 2..=4)] if after.is_empty() => Ok(()),
        [("<module>", 6), ("made", 4)] if after[0].function == "burn" => program.check_below(after),
        _ => Err(format!("{inside:?}")),
    }
}

/// Class bodies, generated code, lambdas, decorators, and Python that C calls, that calls C, that calls Python.
fn every_form_of_code(minor: &str) {
    let process = start(minor, "forms.py", &[]);
    let lines = record(&[process], "1.2");
    let program = Program::of("forms.py", minor);
    assert_each(&format!("Python {minor}"), &lines, 20, |stack| check_forms(&program, stack));
    let functions = |stack: Vec<Seen>| stack.into_iter().map(|frame| frame.function).collect::<Vec<_>>();
    let stacks: Vec<_> = lines.iter().filter_map(Line::python).map(functions).collect();
    let paths: [&[&str]; 6] = [
        &["class_body", "class_body.<locals>.Body", "burn"],
        &["class_body", "class_body.<locals>.Body", "class_body.<locals>.Body.Inner", "burn"],
        &["execute", "<module>", "made", "burn"],
        &["lambdas", "lambdas.<locals>.<lambda>", "lambdas.<locals>.<lambda>", "burn"],
        &["decorate", "twice.<locals>.wrapper", "twice.<locals>.wrapper", "decorated", "burn"],
        &["through_c", "key", "value", "burn"],
    ];
    for path in paths {
        let whole: Vec<String> =
            ["<module>", "main"].iter().chain(path).map(|name| program.name(name)).collect();
        assert!(stacks.contains(&whole), "Python {minor}: {whole:?} was never seen");
    }
}

each_version!(every_form_of_code);

#[test]
fn names_that_are_not_ascii() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("größe имя 𠀋.py");
    std::fs::copy(fixture("unicode.py"), &file).expect("a copy");
    for minor in ["3.8", "3.11", "3.12", "3.13"] {
        let mut process =
            Process::start(Command::new(interpreter(minor)).arg(&file).env("LC_ALL", "C.UTF-8"));
        assert_eq!(process.line().as_deref(), Some("READY"));
        let lines = record(&[process], "0.6");
        let mut program = Program::of("unicode.py", minor);
        program.file = file.clone();
        for line in &lines {
            let stack = line.python().unwrap_or_else(|| panic!("Python {minor}: {line:#?}"));
            program.check(&stack).unwrap_or_else(|error| panic!("Python {minor}: {error}: {line:#?}"));
        }
        assert!(folded::with(&lines, "𠀋") > 20, "Python {minor}: {lines:#?}");
        assert!(folded::with(&lines, &program.name("Größe.名前")) > 20, "Python {minor}: {lines:#?}");
    }
}
