//! Code objects that are freed and whose memory is used by others like them: never a wrong name, never a wrong line.

use std::process::Command;

use crate::each::each_version;
use crate::folded::{self, Line};
use crate::program::Seen;
use crate::pythons::{Process, fixture, python};
use crate::recording::TORN;
use crate::running::run;

/// The number in a name like `made_0042` or `Made0042.method`; none in a `method` whose class is not named.
fn number(function: &str) -> Option<u32> {
    let digits: String = function.chars().filter(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// How often one of `reused.py`'s pieces was seen calling a `burn_N`. Panics if it is not the one that it calls, or not
/// in the line in which it does.
fn calls(line: &Line, minor: &str) -> u64 {
    let stack = line.python().unwrap_or_default();
    let called = |pair: &&[Seen]| pair[1].function.starts_with("burn_");
    let Some([piece, burn]) = stack.windows(2).find(called) else { return 0 };
    let kind = number(&burn.function).expect("its kind");
    let first = match piece.file.as_str() {
        "function.py" => 3,
        "method.py" => 4,
        other => panic!("Python {minor}: {other} calls it: {line:#?}"),
    };
    assert_eq!(piece.line, first + kind, "Python {minor}: {line:#?}");
    if let Some(number) = number(&piece.function) {
        assert_eq!(number % 7, kind, "Python {minor}: {line:#?}");
    }
    line.count
}

fn code_that_is_freed_and_made_anew_has_its_own_name_and_line_or_none(minor: &str) {
    let mut process = Process::start(Command::new(python(minor)).arg(fixture("reused.py")));
    assert_eq!(process.line().as_deref(), Some("READY"));
    let pid = process.pid().to_string();
    let finished = run(["record", "-p", &pid, "-d", "1.5", "-F", "1999", "--lines"]);
    assert_eq!(finished.code, 0, "Python {minor}: {}", finished.stderr);
    let lines = folded::parse(&finished.stdout);
    let seen: u64 = lines.iter().map(|line| calls(line, minor)).sum();
    // How many come too late depends on how busy the machine is; that none has another's name does not.
    // Nor whether the memory is another's by then, or was given back and is nobody's, nor whether a frame was just changing.
    let is_known = |reason: &str| reason == "[code object replaced]" || TORN.contains(&reason);
    let others = folded::unknown(&lines).into_keys().find(|reason| !is_known(reason));
    assert_eq!(others, None, "Python {minor}: {}", finished.stderr);
    assert!(seen > 50, "Python {minor}: {seen} calls: {}", finished.stderr);
}
each_version!(code_that_is_freed_and_made_anew_has_its_own_name_and_line_or_none);
