//! The text of a source file: `/api/v1/source`.
//!
//! Only of a process that is profiled, and only a file that code is of which was seen running in it, as far as memory goes.
//! Who reads it decides whether that process may. It must not know how.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::Serialize;
use tokio::sync::oneshot;
use utoipa::ToSchema;

use super::answer::{Answer, JSON, check_accepted};
use super::compute::brief;
use super::given::Given;
use super::parameters::{FILE, PROCESS, Parameter};
use super::{Pairs, decoded};
use crate::http::error::HttpError;
use crate::http::{App, Live, SourceError, SourceRefusal, SourceText, Sources, Wanted};
use crate::metrics::Rejection;
use crate::model::select::{Cancelled, Select, Selected};
use crate::model::selector::{Comparison, Matcher, Selector};
use crate::model::{FrameKind, Pid};

/// How long a file may take to be read: it may be on a file system that does not answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Files that are read at once. One that never comes keeps its place.
pub(in crate::http) const READERS: usize = 4;

pub(super) const TAKES: [&Parameter; 2] = [&PROCESS, &FILE];
/// What else it may answer than others do.
pub(super) const REFUSALS: [(&str, &str); 6] = [
    (
        "403",
        "The request comes from a page of another origin; or the file is not shown: the process could not read it itself, \
         without a token not everybody could, no code of it was seen running in the process, or --no-source is on.",
    ),
    ("404", "The process is not profiled, or there is no such file."),
    ("409", "The process is ending, or executes another program by now."),
    ("413", "The file is too large."),
    ("415", "The file is no text, or in an encoding that is not known."),
    ("422", "It is no regular file."),
];

/// A source file as a process sees it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct SourceFile {
    pid: u32,
    /// As it was asked for.
    file: String,
    text: String,
    /// Bytes of the file; the text may have another number.
    bytes: usize,
    /// If that is later than the process's start, the text may not be what runs.
    modified_unix_seconds: f64,
}

/// `GET /api/v1/source`.
pub(super) async fn source(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    let given = Given::read(&TAKES, decoded(pairs)?)?;
    let pid = Pid(given.required(&PROCESS, given.integer_if_given(&PROCESS)?)? as u32);
    let file = given.required(&FILE, given.path(&FILE)?)?.to_owned();
    let sources = app.live.sources().ok_or_else(|| {
        let hint = "it was started with --no-source; start it without to see source files";
        HttpError::new(StatusCode::FORBIDDEN, "this firetower shows no source files", hint)
    })?;
    let everybody = app.gate.auth.is_none();
    let name = file.clone();
    let wanted = brief(&app, move |live, cancelled| wanted(live, pid, name, cancelled)).await?;
    let read = read(&app, sources, Wanted { everybody, ..wanted }).await?;
    let SourceText { text, bytes, modified } = read;
    let source = SourceFile { pid: pid.0, file, text, bytes, modified_unix_seconds: modified as f64 };
    Ok(Answer::json(&source, false)?.respond(&headers, &[]))
}

/// The file, if the process is profiled and has run code of it.
fn wanted(live: &Live, pid: Pid, file: String, cancelled: &Cancelled) -> Result<Wanted, HttpError> {
    let profiled = live.processes().iter().find(|process| process.pid == pid).cloned();
    let Some(process) = profiled.filter(|process| process.state == "profiled") else {
        let hint = "/api/v1/processes lists those that are; of a process that has ended no file is shown";
        return Err(HttpError::new(StatusCode::NOT_FOUND, format!("no process {pid} is profiled"), hint));
    };
    if file.starts_with('<') {
        let hint = "names in angle brackets are of code that was made while the program ran, or is part of Python itself";
        return Err(HttpError::new(StatusCode::NOT_FOUND, format!("{file:?} is no file"), hint));
    }
    let matcher =
        Matcher::new("pid", Comparison::Equal, &pid.to_string()).map_err(|_| HttpError::internal())?;
    let select = Select {
        // Not what the process ran before: another program has other rights.
        since: process.executing_since,
        until: u64::MAX,
        selector: Selector { matchers: vec![matcher] },
        stacks: true,
        cancelled: cancelled.clone(),
        ..Select::default()
    };
    let selected = live.aggregate().select(&select)?;
    if !has_code_of(&selected, &file) {
        let error = format!("no code of {file:?} was seen running in process {pid} of late");
        let hint = "only files of code that was seen are shown: name one as the frames of a profile have it; of a process \
                    that has just begun to run nothing may have been seen yet";
        return Err(HttpError::new(StatusCode::FORBIDDEN, error, hint));
    }
    let gone = || HttpError::new(StatusCode::CONFLICT, format!("process {pid} is ending"), "ask for another");
    Ok(Wanted { pid, execution: process.execution.ok_or_else(gone)?, file, everybody: true })
}

/// Whether there is a Python frame of this file.
fn has_code_of(selected: &Selected, file: &str) -> bool {
    selected.stacks.frames().any(|frame| frame.kind == FrameKind::Python && *frame.file == *file)
}

/// Reads it on a thread of its own, which may never end: those of the runtime are waited for at the end of the service.
async fn read(app: &App, sources: Arc<dyn Sources>, wanted: Wanted) -> Result<SourceText, HttpError> {
    let Ok(turn) = app.readers.clone().try_acquire_owned() else {
        app.live.metrics().http().rejected(Rejection::Busy);
        let hint = "try again in a moment; if that does not help, a file system does not answer";
        return Err(HttpError::new(StatusCode::SERVICE_UNAVAILABLE, "too many files are being read", hint));
    };
    let (sender, receiver) = oneshot::channel();
    let reader = std::thread::Builder::new().name("source".to_owned());
    reader
        .spawn(move || {
            let _turn = turn;
            // Nobody waits any more: so be it.
            let _ = sender.send(sources.read(&wanted));
        })
        .map_err(|error| {
            tracing::error!(%error, "no thread to read a file");
            HttpError::internal()
        })?;
    match tokio::time::timeout(PATIENCE, receiver).await {
        Ok(Ok(read)) => read.map_err(HttpError::from),
        Ok(Err(_)) => {
            tracing::error!("reading a source file failed: this is a bug in firetower");
            app.live.metrics().http().panicked();
            Err(HttpError::internal())
        }
        Err(_) => Err(HttpError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the file was not there after {PATIENCE:?}"),
            "the file system that it is on does not answer",
        )),
    }
}

impl From<SourceError> for HttpError {
    fn from(SourceError { refusal, error, hint }: SourceError) -> HttpError {
        let status = match refusal {
            SourceRefusal::Forbidden | SourceRefusal::Failed => StatusCode::FORBIDDEN,
            SourceRefusal::Missing => StatusCode::NOT_FOUND,
            SourceRefusal::Changed => StatusCode::CONFLICT,
            SourceRefusal::NotAFile => StatusCode::UNPROCESSABLE_ENTITY,
            SourceRefusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            SourceRefusal::NoText => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        };
        HttpError::new(status, error, hint)
    }
}
