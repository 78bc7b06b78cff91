//! Progress of a recording, on a terminal only.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::agent::Accounts;

/// A bar where the end is known, else a spinner; nothing where standard error is no terminal.
pub(super) struct Progress {
    bar: ProgressBar,
}

impl Progress {
    pub(super) fn start(duration: Option<Duration>) -> Progress {
        if !std::io::stderr().is_terminal() {
            return Progress { bar: ProgressBar::hidden() };
        }
        let (bar, template) = match duration {
            Some(duration) => {
                (ProgressBar::new(duration.as_millis() as u64), "recording {bar:30} {msg} (Ctrl-C ends it)")
            }
            None => (ProgressBar::new_spinner(), "recording {spinner} {msg} (Ctrl-C ends it)"),
        };
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
        Progress { bar }
    }

    pub(super) fn update(&self, elapsed: Duration, accounts: &Accounts) {
        self.bar.set_position(elapsed.as_millis() as u64);
        let unattributed = accounts.received() - accounts.attributed();
        self.bar.set_message(format!(
            "{:.0} s, {} samples, {unattributed} unattributed",
            elapsed.as_secs_f64(),
            accounts.received()
        ));
    }

    pub(super) fn end(self) {
        self.bar.finish_and_clear();
    }
}
