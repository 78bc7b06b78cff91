//! What doctor tells, as text for a terminal. Pure.

use super::{Item, PythonSeen, Report};
use crate::preflight::State;

/// Most characters of a command that are shown.
const COMMAND_WIDTH: usize = 60;

/// The report as lines: the checks, the Python processes, and whether capture would work.
pub(super) fn render(report: &Report, colour: bool) -> String {
    let width = report.checks.iter().map(|item| item.name.len()).max().unwrap_or(0);
    let mut text: String = report.checks.iter().map(|item| check(item, width, colour)).collect();
    text.push_str(&pythons(report));
    let failed = report.checks.iter().filter(|item| item.is_failed()).count();
    text.push_str(&match failed {
        0 => "\nCapture works here.\n".to_owned(),
        1 => "\nCapture would not work here: 1 check failed.\n".to_owned(),
        _ => format!("\nCapture would not work here: {failed} checks failed.\n"),
    });
    text
}

fn check(item: &Item, width: usize, colour: bool) -> String {
    // The colours of ECMA-48: green, yellow, red.
    let (word, code) = match item.state {
        State::Ok => ("ok     ", "32"),
        State::Warning => ("warning", "33"),
        State::Failed(_) => ("FAILED ", "31"),
    };
    let word = if colour { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() };
    let mut line = format!("{word}  {:width$}  {}\n", item.name, item.found);
    if let Some(advice) = &item.advice {
        line.push_str(&format!("{:9}{:width$}  hint: {advice}\n", "", ""));
    }
    line
}

fn pythons(report: &Report) -> String {
    if let Some(error) = &report.pythons_error {
        return format!("\nThe Python processes of this machine are not known: {error}\n");
    }
    if report.pythons.is_empty() {
        return "\nNo Python process is running that firetower can see.\n".to_owned();
    }
    let mut text = String::from("\nPython processes:\n");
    for PythonSeen { pid, command, version, state } in &report.pythons {
        let version = version.as_deref().unwrap_or("?");
        text.push_str(&format!("{pid:>9}  {version:<8}  {state}  {}\n", shortened(command)));
    }
    text
}

/// The command in one line without control characters, which a process could use to write to the terminal.
fn shortened(command: &str) -> String {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = command.chars().take(COMMAND_WIDTH).map(clean).collect();
    if command.chars().nth(COMMAND_WIDTH).is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preflight::Lack;

    fn report(state: State, pythons: Vec<PythonSeen>) -> Report {
        let advice = (state != State::Ok).then(|| "do this".to_owned());
        let checks = vec![Item { name: "BTF", state, found: "what there is".to_owned(), advice }];
        Report { works: state == State::Ok, checks, pythons, pythons_error: None }
    }

    #[test]
    fn a_check_is_a_line_and_its_advice_another() {
        let text = render(&report(State::Failed(Lack::Kernel), Vec::new()), false);
        assert!(text.starts_with("FAILED   BTF  what there is\n              hint: do this\n\n"), "{text}");
        assert!(text.ends_with("Capture would not work here: 1 check failed.\n"), "{text}");
        assert!(render(&report(State::Ok, Vec::new()), false).ends_with("\nCapture works here.\n"));
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        let report = report(State::Warning, Vec::new());
        assert!(render(&report, true).starts_with("\x1b[33mwarning\x1b[0m  BTF"));
        assert!(!render(&report, false).contains('\x1b'));
    }

    #[test]
    fn a_command_can_not_write_to_the_terminal() {
        let seen =
            |command: String| PythonSeen { pid: 42, command, version: None, state: "readable".to_owned() };
        let text = render(
            &report(State::Ok, vec![seen("python\n\x1b[2Jx".to_owned()), seen("p".repeat(100))]),
            false,
        );
        assert!(text.contains("       42  ?         readable  python  [2Jx\n"), "{text}");
        assert!(text.contains(&format!("{}…\n", "p".repeat(COMMAND_WIDTH))), "{text}");
    }

    #[test]
    fn not_knowing_the_processes_is_not_the_same_as_none() {
        let mut report = report(State::Ok, Vec::new());
        assert!(render(&report, false).contains("No Python process"));
        report.pythons_error = Some("can't list /proc".to_owned());
        assert!(render(&report, false).contains("not known: can't list /proc"));
    }
}
