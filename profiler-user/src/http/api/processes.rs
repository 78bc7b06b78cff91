//! The processes that are there, and what the service itself is: `/api/v1/processes`, `/api/v1/status`.
//!
//! It must not know how processes are found.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use rustc_hash::FxHashMap;
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Answer, JSON, check_accepted};
use super::compute::brief;
use super::given::Given;
use super::parameters::{MAX_PIDS, MAX_SECONDS};
use super::range::Range;
use super::tree::seconds;
use super::{Pairs, decoded};
use crate::http::error::HttpError;
use crate::http::{App, Live, ProcessInfo, RENDERS, Readiness};
use crate::model::select::{Cancelled, Select};
use crate::model::{Labels, Pid};

/// Seconds over which the share of the CPU is taken.
const SHARE_SECONDS: u64 = 10;

/// The processes that the agent knows.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Processes {
    version: &'static str,
    /// `starting`, `ready` or `failed`.
    status: &'static str,
    /// Why it failed.
    message: Option<String>,
    frequency_hertz: u32,
    retention_seconds: u64,
    /// Seconds over which `cpu_share` is taken.
    share_seconds: u64,
    /// By id.
    processes: Vec<Process>,
}

/// A process.
#[derive(Serialize, ToSchema)]
struct Process {
    pid: u32,
    /// The process that it is a child of, listed here or not; `null` where it has none, or that is not known.
    parent_pid: Option<u32>,
    /// Those listed here whose parent it is.
    children: Vec<u32>,
    command: String,
    service: Option<String>,
    container: Option<String>,
    unit: Option<String>,
    user: Option<String>,
    python_version: Option<String>,
    /// `profiled`, `pending`, `unsupported`, `failed`, …
    state: &'static str,
    /// Label and text of the reason why it is not profiled.
    reason: Option<&'static str>,
    reason_text: Option<&'static str>,
    threads: usize,
    samples: u64,
    cpu_seconds: f64,
    /// CPU seconds a second of late: 1 is one whole CPU.
    cpu_share: f64,
    since_unix_seconds: f64,
    /// Its labels besides pid, command and Python version, by name; those that it has.
    labels: BTreeMap<String, String>,
}

impl Processes {
    fn new(live: &Live, cancelled: &Cancelled) -> Result<Processes, HttpError> {
        let settings = live.settings();
        let (status, message) = match live.readiness() {
            Readiness::Starting => ("starting", None),
            Readiness::Ready => ("ready", None),
            Readiness::Failed(message) => ("failed", Some(message)),
        };
        let shares = shares(live, cancelled)?;
        let known = live.processes();
        let mut children: FxHashMap<Pid, Vec<u32>> = FxHashMap::default();
        for process in known.iter() {
            if let Some(parent) = process.parent {
                children.entry(parent).or_default().push(process.pid.0);
            }
        }
        let process = |process: &ProcessInfo| Process {
            pid: process.pid.0,
            parent_pid: process.parent.map(|parent| parent.0),
            children: children.remove(&process.pid).unwrap_or_default(),
            command: process.command.to_string(),
            service: if_any(&process.labels.service),
            container: if_any(&process.labels.container),
            unit: if_any(&process.labels.unit),
            user: if_any(&process.labels.user),
            python_version: process.python.as_ref().map(|version| version.to_string()),
            state: process.state,
            reason: process.reason.map(|reason| reason.label()),
            reason_text: process.reason.map(|reason| reason.text()),
            threads: process.threads,
            samples: process.samples,
            cpu_seconds: process.cpu_seconds,
            cpu_share: seconds(shares.get(&process.pid).copied().unwrap_or_default()) / SHARE_SECONDS as f64,
            since_unix_seconds: seconds(process.since),
            labels: named(&process.labels),
        };
        Ok(Processes {
            version: env!("CARGO_PKG_VERSION"),
            status,
            message,
            frequency_hertz: settings.frequency,
            retention_seconds: settings.retention,
            share_seconds: SHARE_SECONDS,
            processes: known.iter().map(process).collect(),
        })
    }
}

/// CPU nanoseconds of each process of late.
fn shares(live: &Live, cancelled: &Cancelled) -> Result<FxHashMap<Pid, u64>, HttpError> {
    let range = Range::last(SHARE_SECONDS, live.settings().clock.now());
    let select = Select {
        since: range.since,
        until: range.until,
        by: vec!["pid".into()],
        cancelled: cancelled.clone(),
        ..Select::default()
    };
    // Of memory alone: ten seconds are there, or the service has only just begun.
    let selected = live.aggregate().select(&select)?;
    let mut shares = FxHashMap::default();
    for row in &selected.rows {
        // No number: of processes that found no room, none of which is listed.
        if let Ok(pid) = selected.groups[row.group as usize][0].parse() {
            *shares.entry(Pid(pid)).or_default() += row.weight.nanoseconds;
        }
    }
    Ok(shares)
}

/// A label's value; an empty one is none.
fn if_any(value: &str) -> Option<String> {
    (!value.is_empty()).then(|| value.to_owned())
}

fn named(labels: &Labels) -> BTreeMap<String, String> {
    let standard = [
        ("service", &labels.service),
        ("namespace", &labels.namespace),
        ("pod", &labels.pod),
        ("container", &labels.container),
        ("unit", &labels.unit),
        ("user", &labels.user),
    ];
    let extra = labels.extra.iter().map(|(name, value)| (&**name, value));
    let all = standard.into_iter().chain(extra).filter(|(_, value)| !value.is_empty());
    all.map(|(name, value)| (name.to_owned(), value.to_string())).collect()
}

/// `GET /api/v1/processes`.
pub(super) async fn processes(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    Given::read(&[], decoded(pairs)?)?;
    let work = |live: &Live, cancelled: &Cancelled| Answer::json(&Processes::new(live, cancelled)?, false);
    Ok(brief(&app, work).await?.respond(&headers, &[]))
}

/// What the service is, what it has, and what may be asked of it.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct ServiceStatus {
    version: &'static str,
    /// `starting`, `ready` or `failed`.
    status: &'static str,
    /// Why it failed.
    message: Option<String>,
    now_unix_seconds: f64,
    started_unix_seconds: f64,
    frequency_hertz: u32,
    memory: Memory,
    /// `null`: nothing is stored.
    store: Option<Stored>,
    /// Whether `/api/v1/source` shows source files: `no`, `public` (those that everybody may read, as nobody is asked for a
    /// token) or `all` (those that their process may read).
    source: &'static str,
    limits: StatusLimits,
    live_streams: LiveStreams,
    /// Whether a token is asked for: then a browser has a session, which `POST /logout` ends.
    login: bool,
}

/// What memory has.
#[derive(Serialize, ToSchema)]
struct Memory {
    retention_seconds: u64,
    /// From this time on everything is there.
    complete_since_unix_seconds: f64,
    entries: usize,
    stack_nodes: usize,
    frames: usize,
    series: usize,
    /// Samples that are kept, though not under their own stack, because tables were full.
    folded_samples: u64,
    /// Samples whose seconds went before their time to make room.
    dropped_samples: u64,
    /// Samples whose milliseconds, which heat maps are made of, went before their time to make room.
    dropped_milliseconds: u64,
    /// Samples that are stored without their milliseconds, for lack of room on the way.
    unstored_milliseconds: u64,
}

/// What is stored.
#[derive(Serialize, ToSchema)]
struct Stored {
    /// From this time on everything is there.
    complete_since_unix_seconds: f64,
}

/// What may be asked for at once.
#[derive(Serialize, ToSchema)]
#[schema(as = Limits)]
struct StatusLimits {
    range_seconds: u64,
    heatmap_seconds: u64,
    /// Seconds times parts.
    heatmap_cells: u64,
    processes: usize,
    computations_at_once: usize,
    computation_seconds: f64,
    live_streams: usize,
}

/// Connections to `/api/v1/live`.
#[derive(Serialize, ToSchema)]
struct LiveStreams {
    open: usize,
    /// That were ended since the start because they did not take what was sent.
    cut_off: u64,
}

/// `GET /api/v1/status`.
pub(super) async fn status(
    State(app): State<App>,
    headers: HeaderMap,
    pairs: Pairs,
) -> Result<Response, HttpError> {
    check_accepted(&headers, JSON)?;
    Given::read(&[], decoded(pairs)?)?;
    let live = app.live.clone();
    let settings = live.settings();
    let (status, message) = match live.readiness() {
        Readiness::Starting => ("starting", None),
        Readiness::Ready => ("ready", None),
        Readiness::Failed(message) => ("failed", Some(message)),
    };
    let memory = {
        let aggregate = live.aggregate();
        let (sizes, overflow) = (aggregate.sizes(), aggregate.overflow());
        Memory {
            retention_seconds: settings.retention,
            complete_since_unix_seconds: seconds(aggregate.complete_since()),
            entries: sizes.entries,
            stack_nodes: sizes.nodes,
            frames: sizes.frames,
            series: sizes.series,
            folded_samples: overflow.folded_samples,
            dropped_samples: overflow.samples_dropped,
            dropped_milliseconds: overflow.ticks_dropped,
            unstored_milliseconds: overflow.ticks_unstored,
        }
    };
    let status = ServiceStatus {
        version: env!("CARGO_PKG_VERSION"),
        status,
        message,
        now_unix_seconds: seconds(settings.clock.now()),
        started_unix_seconds: seconds(settings.started),
        frequency_hertz: settings.frequency,
        memory,
        store: live
            .history()
            .map(|history| Stored { complete_since_unix_seconds: seconds(history.complete_since()) }),
        source: match (live.sources().is_some(), app.gate.auth.is_some()) {
            (false, _) => "no",
            (true, false) => "public",
            (true, true) => "all",
        },
        limits: StatusLimits {
            range_seconds: MAX_SECONDS,
            heatmap_seconds: super::heatmap::MOST_SECONDS,
            heatmap_cells: super::heatmap::MOST_CELLS,
            processes: MAX_PIDS,
            computations_at_once: RENDERS,
            computation_seconds: live.patience().as_secs_f64(),
            live_streams: super::live::STREAMS,
        },
        live_streams: LiveStreams { open: live.streams().open(), cut_off: live.streams().cut_off() },
        login: app.gate.auth.is_some(),
    };
    Ok(Answer::json(&status, false)?.respond(&headers, &[]))
}
