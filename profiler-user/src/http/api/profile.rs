//! A profile, as a call tree or a file: `/api/v1/profile`, `/flamegraph.svg`, `/flamegraph.folded`.
//!
//! It must not know who answers, nor how a picture is drawn.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use rustc_hash::FxHashSet;

use super::answer::{Answer, check_accepted};
use super::compute::compute;
use super::formats;
use super::given::Given;
use super::parameters::{
    DEPTH, FOCUS, FORMAT, FROM, LEAST_SHARE, LINES, MAX_NODES, PID, PROCESSES, Parameter, QUERY, SEARCH,
    SECONDS, THREADS, UNTIL, ZOOM_X, ZOOM_Y,
};
use super::range::Range;
use super::tree::ProfileTree;
use super::{Pairs, given};
use crate::http::error::HttpError;
use crate::http::{App, Live};
use crate::model::select::{Cancelled, Select};
use crate::model::selector::Selector;
use crate::model::{Pid, Profile};
use crate::query::{self, View};
use crate::render::{self, Format, RenderError};

/// What `/api/v1/profile` takes.
pub(super) const TAKES: [&Parameter; 13] = [
    &SECONDS,
    &FROM,
    &UNTIL,
    &QUERY,
    &PID,
    &LINES,
    &THREADS,
    &PROCESSES,
    &FOCUS,
    &DEPTH,
    &MAX_NODES,
    &LEAST_SHARE,
    &FORMAT,
];
/// What the two files take.
pub(super) const FILES_TAKE: [&Parameter; 15] = [
    &SECONDS,
    &FROM,
    &UNTIL,
    &QUERY,
    &PID,
    &LINES,
    &THREADS,
    &PROCESSES,
    &FOCUS,
    &DEPTH,
    &MAX_NODES,
    &LEAST_SHARE,
    &ZOOM_X,
    &ZOOM_Y,
    &SEARCH,
];

/// Which samples, and how to look at them.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) range: Range,
    pub(super) view: View,
    pub(super) least_share: f64,
    /// Samples are apart by their labels.
    labelled: bool,
    pids: Vec<Pid>,
    selector: Selector,
    /// The selector as it was written.
    written: String,
    focus: Option<String>,
    depth: Option<usize>,
    max_nodes: usize,
}

impl Question {
    pub(super) fn read(given: &Given, live: &Live) -> Result<Question, HttpError> {
        let pids = given.pids(&PID)?;
        let selector = given.series(&QUERY, &pids)?;
        let depth = given.integer_if_given(&DEPTH)?;
        Ok(Question {
            range: Range::read(given, &FROM, &UNTIL, live)?,
            view: View {
                lines: given.switch(&LINES)?.unwrap_or(false),
                threads: given.switch(&THREADS)?.unwrap_or(false),
                processes: given.switch(&PROCESSES)?.unwrap_or(pids.len() != 1),
            },
            least_share: given.number(&LEAST_SHARE)?,
            labelled: false,
            pids,
            selector,
            written: given.written(&QUERY).map(given::shortened).unwrap_or_default(),
            focus: given.short_text(&FOCUS)?.map(str::to_owned),
            depth: depth.map(|depth| depth as usize),
            max_nodes: given.integer(&MAX_NODES)? as usize,
        })
    }

    /// The same question about another range.
    pub(super) fn about(&self, range: Range) -> Question {
        Question { range, ..self.clone() }
    }

    /// The profile, and from when on it is complete (Unix nanoseconds).
    pub(super) fn take(&self, live: &Live, cancelled: &Cancelled) -> Result<(Profile, u64), HttpError> {
        let mut by = match self.labelled {
            true => query::every_label(live.aggregate().extra_labels()),
            false => self.view.labels(),
        };
        if !self.labelled && !self.view.processes && !self.pids.is_empty() {
            // The subject names the process.
            by.extend(["pid", "command"].map(Into::into));
        }
        let select = Select {
            since: self.range.since,
            until: self.range.until,
            selector: self.selector.clone(),
            by,
            step: None,
            stacks: true,
            cancelled: cancelled.clone(),
        };
        let selected = live.source().select(&select)?;
        let mut profile = match self.labelled {
            true => query::labelled(&selected, &select, self.view)?,
            false => query::profile(&selected, &select, self.view)?,
        };
        let place = |name: &str| select.by.iter().position(|by| **by == *name);
        let processes: Option<FxHashSet<(&str, &str)>> =
            place("pid").zip(place("command")).map(|(pid, command)| {
                selected.groups.iter().map(|group| (&*group[pid], &*group[command])).collect()
            });
        profile.about.subject = self.subject(processes);
        // Of a run before this one nobody knows how often it sampled.
        let settings = live.settings();
        if profile.about.start >= settings.started - settings.started % 1_000_000_000 {
            profile.about.frequency = settings.frequency;
        }
        if let Some(function) = &self.focus {
            profile = query::focus(profile, function);
        }
        Ok((query::prune(profile, self.max_nodes, self.depth), selected.complete_since))
    }

    /// What the profile is of, in words.
    fn subject(&self, processes: Option<FxHashSet<(&str, &str)>>) -> String {
        let pids: Option<FxHashSet<&str>> =
            processes.as_ref().map(|processes| processes.iter().map(|(pid, _)| *pid).collect());
        let one = processes.into_iter().flatten().min().filter(|(pid, _)| !pid.is_empty());
        match (one, pids.map_or(0, |pids| pids.len())) {
            (Some((pid, command)), 1) => {
                format!("{} (pid {pid})", if command.is_empty() { "?" } else { command })
            }
            _ if !self.written.is_empty() => self.written.clone(),
            (_, 0) => match self.pids[..] {
                [] => "all processes".to_owned(),
                [pid] => format!("pid {pid}"),
                _ => format!("{} processes", self.pids.len()),
            },
            (_, count) => format!("{count} processes"),
        }
    }

    /// Why there is nothing of a process that was asked for.
    fn explain(&self, live: &Live, error: RenderError) -> HttpError {
        let mut error = HttpError::from(error);
        if error.status != StatusCode::NOT_FOUND {
            return error;
        }
        let [pid] = self.pids[..] else { return error };
        let seconds = self.range.length() / 1_000_000_000;
        error.error = match self.range.until + 2_000_000_000 > live.settings().clock.now() {
            true => format!("no samples of pid {pid} in the last {seconds} s"),
            false => format!("no samples of pid {pid} in the {seconds} s asked for"),
        };
        let processes = live.processes();
        error.hint = match processes.iter().find(|process| process.pid == pid) {
            None => format!("firetower knows no process {pid}; /api/v1/processes lists those it knows"),
            Some(process) => match process.reason {
                Some(reason) => format!("process {pid} is {}: {}", process.state, reason.text()),
                None => "the process used no CPU in that time: ask for more seconds, or wait until it runs"
                    .to_owned(),
            },
        };
        error
    }

    /// The answer in a format. No samples are no error in JSON, unless of processes that nobody knows: a viewer waits for
    /// them.
    pub(super) fn answer(
        &self,
        format: Format,
        live: &Live,
        cancelled: &Cancelled,
    ) -> Result<Answer, HttpError> {
        let (view, labelled) = formats::view(format, self.view);
        let shown = Question { view, labelled, ..self.clone() };
        let (profile, complete_since) = shown.take(live, cancelled)?;
        let complete = complete_since <= self.range.since;
        match format {
            Format::Json => {
                let known = |pid: &Pid| live.processes().iter().any(|process| process.pid == *pid);
                if profile.samples.is_empty() && !self.pids.is_empty() && !self.pids.iter().any(known) {
                    return Err(self.explain(live, RenderError::empty(&profile)));
                }
                Answer::json(&ProfileTree::new(&profile, self.least_share, complete_since), complete)
            }
            Format::Html if !profile.samples.is_empty() => {
                let tree = ProfileTree::new(&profile, self.least_share, complete_since);
                Answer::page(&profile.about.subject, &tree, complete)
            }
            _ => {
                let bytes = render::render(format, &profile).map_err(|error| self.explain(live, error))?;
                Ok(Answer::new(format.content_type(), bytes, complete))
            }
        }
    }
}

async fn respond(
    app: &App,
    headers: &HeaderMap,
    given: &Given,
    format: Format,
) -> Result<Response, HttpError> {
    check_accepted(headers, format.content_type())?;
    let question = Question::read(given, &app.live)?;
    let range = question.range;
    let answer = compute(app, move |live, cancelled| question.answer(format, live, cancelled)).await?;
    Ok(answer.respond(headers, &[range]))
}

/// `GET /api/v1/profile`.
pub(super) async fn profile(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    let given = Given::read(&TAKES, super::decoded(pairs)?)?;
    let name = given.word(&FORMAT)?;
    let format = name.parse().map_err(|_| given::refused(&FORMAT, name))?;
    respond(&app, &headers, &given, format).await
}

/// `GET /flamegraph.svg`.
pub(super) async fn svg(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    let given = Given::read(&FILES_TAKE, super::decoded(pairs)?)?;
    respond(&app, &headers, &given, Format::Svg).await
}

/// `GET /flamegraph.folded`.
pub(super) async fn folded(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    let given = Given::read(&FILES_TAKE, super::decoded(pairs)?)?;
    respond(&app, &headers, &given, Format::Folded).await
}
