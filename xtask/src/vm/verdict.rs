//! Judges what a guest said: which interpreters were seen as they are, and what went wrong. It must not know how the
//! guest was started.

use std::fmt;

/// What one kernel's guest showed.
pub struct Verdict {
    /// The kernel's name here.
    pub kernel: &'static str,
    release: String,
    doctor: Outcome,
    /// By interpreter, in the guest's order.
    records: Vec<(String, Outcome)>,
    /// Why the guest's word ends where it ends, unless it came to its end.
    broken_off: Option<String>,
}

/// It worked, in a few words; or what was said instead.
type Outcome = Result<String, String>;

/// How often `guest/busy.py` is in `middle`: with the other frames about as deep as Python's default limit allows.
const DEPTH: usize = 980;
/// How much of a guest's last words is shown.
const LAST_LINES: usize = 15;

impl Verdict {
    /// Judges what the guest said, which was to try so many interpreters.
    pub fn of(kernel: &'static str, said: &str, interpreters: usize) -> Verdict {
        let mut verdict = Verdict {
            kernel,
            release: "?".into(),
            doctor: Err("was not run".into()),
            records: Vec::new(),
            broken_off: Some(last_lines(said)),
        };
        let mut sections = sections(said).into_iter().peekable();
        while let Some(section) = sections.next() {
            match section.words[..] {
                ["kernel", release] => verdict.release = release.to_owned(),
                ["doctor", "0"] => verdict.doctor = Ok("ready".into()),
                ["doctor", code] => verdict.doctor = Err(format!("exit code {code}\n{}", section.text)),
                ["record", code, python] => {
                    let told = sections.next_if(|next| next.words == ["told"]);
                    let told = told.map_or("", |section| section.text);
                    let outcome = match code {
                        "0" => judge(section.text).map_err(|why| format!("{why}\n{told}{}", section.text)),
                        _ => Err(format!("exit code {code}\n{told}")),
                    };
                    let name = python.rsplit('/').next().unwrap_or(python);
                    verdict.records.push((name.to_owned(), outcome));
                }
                ["end"] if verdict.records.len() == interpreters => verdict.broken_off = None,
                _ => {}
            }
        }
        verdict
    }

    /// Whether all of it worked, to the end.
    pub fn works(&self) -> bool {
        self.broken_off.is_none()
            && self.doctor.is_ok()
            && self.records.iter().all(|(_, outcome)| outcome.is_ok())
    }

    fn outcomes(&self) -> impl Iterator<Item = (&str, &Outcome)> {
        let records = self.records.iter().map(|(name, outcome)| (name.as_str(), outcome));
        std::iter::once(("doctor", &self.doctor)).chain(records)
    }
}

/// What works, a line each; of what does not, all that was said.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, outcome) in self.outcomes() {
            match outcome {
                Ok(found) => writeln!(f, "  {what}: {found}")?,
                Err(said) => writeln!(f, "  {what} FAILED: {said}")?,
            }
        }
        match &self.broken_off {
            Some(last) => writeln!(f, "  the guest did not come to its end; its last words:\n{last}"),
            None => Ok(()),
        }
    }
}

/// A line a kernel.
pub fn table(verdicts: &[Verdict]) -> String {
    let mut text = format!("{:<8} {:<30} works\n", "kernel", "release");
    for verdict in verdicts {
        let failed: Vec<&str> =
            verdict.outcomes().filter(|(_, outcome)| outcome.is_err()).map(|(what, _)| what).collect();
        let works = match (verdict.works(), failed.is_empty()) {
            (true, _) => "yes".to_owned(),
            (false, true) => "NO: broken off".to_owned(),
            (false, false) => format!("NO: {}", failed.join(", ")),
        };
        text += &format!("{:<8} {:<30} {works}\n", verdict.kernel, verdict.release);
    }
    text
}

/// A line that starts with `@@`, by words, and the lines up to the next.
struct Section<'a> {
    words: Vec<&'a str>,
    text: &'a str,
}

fn sections(said: &str) -> Vec<Section<'_>> {
    // SeaBIOS leaves the first marker's line begun.
    said.split("@@")
        .skip(1)
        .map(|section| {
            let (head, text) = section.split_once('\n').unwrap_or((section, ""));
            Section { words: head.split_whitespace().collect(), text }
        })
        .collect()
}

fn last_lines(said: &str) -> String {
    let lines: Vec<&str> = said.lines().collect();
    lines[lines.len().saturating_sub(LAST_LINES)..].join("\n")
}

/// Holds that most samples show the stack of `guest/busy.py` and nothing else. The others may show the kernel's frames
/// upon it, as of timer interrupts.
fn judge(folded: &str) -> Outcome {
    let frames = [vec!["<module>", "outer"], vec!["middle"; DEPTH], vec!["leaf"]].concat();
    let expected = frames.iter().map(|name| format!("{name} (/busy.py)")).collect::<Vec<_>>().join(";");
    let (mut exact, mut all) = (0, 0);
    for line in folded.lines() {
        let weight =
            line.rsplit_once(' ').and_then(|(stack, weight)| Some((stack, weight.parse::<u64>().ok()?)));
        let Some((stack, weight)) = weight else { return Err(format!("no folded stack: {line}")) };
        all += weight;
        exact += if stack == expected { weight } else { 0 };
    }
    if exact * 2 > all {
        Ok(format!("{exact} of {all} samples show the stack exactly"))
    } else {
        Err(format!("only {exact} of {all} samples show the stack exactly"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(middles: usize) -> String {
        format!(
            "<module> (/busy.py);outer (/busy.py){};leaf (/busy.py)",
            ";middle (/busy.py)".repeat(middles)
        )
    }

    fn said(folded: &str, rest: &str) -> String {
        format!(
            "Booting…@@kernel 5.10.0-46\n@@doctor 0\nok\n@@record 0 /p/bin/python3.11\n{folded}@@told\n280 samples\n{rest}"
        )
    }

    #[test]
    fn a_guest_that_shows_the_stack_and_comes_to_its_end_works() {
        let folded = format!("{} 90\n{};tick_[k] 10\n", stack(DEPTH), stack(DEPTH));
        let verdict = Verdict::of("5.10", &said(&folded, "@@end\n"), 1);
        assert!(verdict.works(), "{verdict}");
        let line = "5.10     5.10.0-46                      yes\n";
        assert!(table(&[verdict]).ends_with(line));
        // Fewer interpreters than there are.
        assert!(!Verdict::of("5.10", &said(&folded, "@@end\n"), 2).works());
        assert!(!Verdict::of("5.10", &said(&folded, "Kernel panic"), 1).works());
    }

    #[test]
    fn another_stack_fails_with_all_that_was_said() {
        for folded in [format!("{} 90\n", stack(DEPTH - 1)), String::new(), "garbage\n".into()] {
            let verdict = Verdict::of("6.1", &said(&folded, "@@end\n"), 1);
            assert!(!verdict.works(), "{verdict}");
            assert!(verdict.to_string().contains("280 samples"), "{verdict}");
            assert!(table(&[verdict]).ends_with("NO: python3.11\n"));
        }
    }

    #[test]
    fn what_the_verifier_said_is_shown() {
        let said =
            "@@kernel 6.1.0\n@@doctor 0\n@@record 6 /python3.8\n@@told\ninvalid read from stack\n@@end\n";
        let verdict = Verdict::of("6.1", said, 1);
        assert!(!verdict.works());
        assert!(verdict.to_string().contains("exit code 6\ninvalid read from stack"), "{verdict}");
    }

    #[test]
    fn a_guest_that_says_nothing_fails() {
        let verdict = Verdict::of("6.12", "Kernel panic", 1);
        assert!(!verdict.works());
        assert!(verdict.to_string().contains("last words:\nKernel panic"), "{verdict}");
    }
}
