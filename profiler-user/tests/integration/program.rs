//! What can be seen of a program: its call graph with exact lines, read from the comments of its source.
//!
//! In a fixture, each line of code ends in a comment that names the function it is in, and whom it may call there:
//! `caller:callee`, several apart by spaces; `function?` says that some of its instructions have no line. A stack that is no walk through this graph is one that never existed.

use std::collections::HashMap;
use std::path::PathBuf;

use crate::pythons::fixture;

/// A Python frame of folded stacks made with `--lines`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    pub function: String,
    pub file: String,
    /// 0: an instruction that has none, by PEP 626 one that the compiler made up.
    pub line: u32,
}

impl Seen {
    /// `function (file:line)` or `function (file)`; `None` for what is no Python frame.
    pub fn parse(text: &str) -> Option<Seen> {
        let (function, place) = text.strip_suffix(')')?.split_once(" (")?;
        let (file, line) = match place.rsplit_once(':') {
            Some((file, line)) => (file, line.parse().ok()?),
            None => (place, 0),
        };
        Some(Seen { function: function.to_owned(), file: file.to_owned(), line })
    }
}

/// The call graph of a fixture.
pub struct Program {
    pub file: PathBuf,
    /// Line → functions that it is in, each with those that it calls there.
    lines: HashMap<u32, Vec<(String, Vec<String>)>>,
    /// Whether its Python knows qualified names.
    qualified: bool,
}

impl Program {
    /// Of a fixture, as Python `minor` (`3.11`) names functions.
    pub fn of(name: &str, minor: &str) -> Program {
        let file = fixture(name);
        let source = std::fs::read_to_string(&file).expect("a fixture");
        // `co_qualname` is new in 3.11: https://docs.python.org/3/whatsnew/3.11.html
        let qualified = !["2.7", "3.6", "3.7", "3.8", "3.9", "3.10"].contains(&minor);
        let mut program = Program { file, lines: HashMap::new(), qualified };
        for (number, line) in (1..).zip(source.lines()) {
            let Some((_, tags)) = line.rsplit_once("  # ") else { continue };
            for tag in tags.split(' ') {
                let (number, tag) = tag.strip_suffix('?').map_or((number, tag), |function| (0, function));
                let (caller, callee) = tag.split_once(':').unwrap_or((tag, ""));
                let caller = program.name(caller);
                let callee = program.name(callee);
                let functions = program.lines.entry(number).or_default();
                match functions.iter_mut().find(|(function, _)| *function == caller) {
                    Some((_, callees)) => callees.push(callee),
                    None => functions.push((caller, vec![callee])),
                }
            }
        }
        program
    }

    /// A function's name as its Python has it.
    pub fn name(&self, qualified: &str) -> String {
        let short = qualified.rsplit('.').next().expect("rsplit gives at least one");
        if self.qualified { qualified } else { short }.to_owned()
    }

    /// Whether the program can have this stack (root first); else what is wrong with it.
    pub fn check(&self, stack: &[Seen]) -> Result<(), String> {
        let Some(root) = stack.first() else { return Err("no frame".into()) };
        if root.function != "<module>" {
            return Err(format!("starts at {}", root.function));
        }
        self.check_below(stack)
    }

    /// The same for a stack whose root end is missing.
    pub fn check_below(&self, stack: &[Seen]) -> Result<(), String> {
        for (index, frame) in stack.iter().enumerate() {
            if self.file.to_str() != Some(&frame.file) {
                return Err(format!("{frame:?} is of another file"));
            }
            let functions = self.lines.get(&frame.line).map(Vec::as_slice).unwrap_or_default();
            let Some((_, callees)) = functions.iter().find(|(function, _)| *function == frame.function)
            else {
                return Err(format!("{} has no line {}", frame.function, frame.line));
            };
            if let Some(next) = stack.get(index + 1)
                && !callees.contains(&next.function)
            {
                return Err(format!(
                    "{} does not call {} in line {}",
                    frame.function, next.function, frame.line
                ));
            }
        }
        Ok(())
    }
}
