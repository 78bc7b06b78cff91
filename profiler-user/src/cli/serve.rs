//! `firetower serve`: profiles every Python process of this machine, all the time, and shows it over HTTP.

mod access;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::builder::RangedU64ValueParser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

mod store;

use super::exit::{Exit, Failure};
use super::failures;
use crate::agent::labels::{Labeller, Rule};
use crate::agent::sources::ProcessSources;
use crate::agent::{Agent, Publisher};
use crate::allocator;
use crate::capture::Options;
use crate::http::{self, Access, Listeners, Live, LiveSettings, Readiness};
use crate::metrics::{Metrics, MetricsOptions};
use crate::privileges;
use store::StoreArgs;

/// Longest wait for events: how late a sample may show.
const ROUND: Duration = Duration::from_millis(100);
/// How often metrics and the list of processes are brought up to date.
const PUBLISH: Duration = Duration::from_secs(1);
/// How often processes are looked for that no event told of, because they use no CPU.
const DISCOVER: Duration = Duration::from_secs(10);

/// How often memory that is not needed any more goes back to the kernel: a single large picture may take as much as all else.
const GIVE_BACK: Duration = Duration::from_secs(30);
/// Seconds of a window that goes to the store: what a crash can cost.
const WINDOW: u64 = 10;

/// Profile every Python process, all the time, and show it over HTTP
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  firetower serve                                     live flame graph at http://localhost:7070/
  firetower serve --listen 127.0.0.1:8080 -F 49
  curl -s localhost:7070/flamegraph.svg?seconds=60 -o now.svg
  curl -s localhost:7070/metrics | grep firetower_
  firetower serve --listen 0.0.0.0:7070 --token-file /etc/firetower/token
  printf 'Authorization: Bearer %s' \"$(cat /etc/firetower/token)\" | curl -s -H @- node7:7070/metrics
  firetower serve --service-name unit,env,script      services of systemd by their unit

With a token, all of --listen needs it but /healthz and /readyz; --metrics-listen needs none.

Each process is labelled with its service, container, unit and user, and with the attributes of
OTEL_RESOURCE_ATTRIBUTES in its environment. A service's name is that of the first source that has one:
  env        OTEL_SERVICE_NAME, SERVICE_NAME, or service.name of OTEL_RESOURCE_ATTRIBUTES
  unit       the systemd unit: nginx for nginx.service
  container  the container's id, the first 12 characters
  script     the script or module that Python runs: celery for `python -m celery worker`,
             shop/manage.py for `python /srv/shop/manage.py`; the file's name of another program
  command    the file name that the process was called as: python3
Of an environment nothing else is kept or logged.")]
pub struct Args {
    #[command(flatten)]
    access: access::AccessArgs,
    /// Samples a second on each CPU
    #[arg(short = 'F', long, value_name = "HZ", default_value = "19", value_parser = RangedU64ValueParser::<u32>::new().range(1..=9999))]
    frequency: u32,
    /// Seconds to keep in memory
    #[arg(long, value_name = "SECONDS", default_value = "900", value_parser = RangedU64ValueParser::<u64>::new().range(10..=86_400))]
    retention: u64,
    /// Where services have their names from: env, unit, container, script, command, in the order in which they are asked
    #[arg(long, value_name = "RULE", default_value_t)]
    service_name: Rule,
    /// Functions of each service that have Prometheus metrics: K by own CPU time, twice as many by total; 0: none
    #[arg(long, value_name = "K", default_value = "20", value_parser = RangedU64ValueParser::<usize>::new().range(0..=200))]
    metrics_functions: usize,
    /// Have Prometheus metrics by process too, with its pid: a series more for each process that is started
    #[arg(long)]
    metrics_pid: bool,
    #[command(flatten)]
    history: StoreArgs,
    /// Show no source files; else those that their process may read, and without a token only what everybody may read
    #[arg(long)]
    no_source: bool,
    /// Leave kernel frames out
    #[arg(long)]
    no_kernel: bool,
}

/// Serves until SIGTERM or SIGINT.
pub fn run(args: &Args) -> Result<u8, Failure> {
    let access = args.access.check()?;
    super::ensure_ready()?;
    let opened = args.access.open(access)?;
    let clock = super::clock()?;
    let settings =
        LiveSettings { frequency: args.frequency, retention: args.retention, started: clock.now(), clock };
    let metrics = Metrics::new(MetricsOptions {
        frequency: args.frequency,
        functions: args.metrics_functions,
        processes: args.metrics_pid,
    });
    let live = Arc::new(Live::with_metrics(settings, metrics));
    if !args.no_source {
        live.set_sources(Arc::new(ProcessSources));
    }
    let options = Options { frequency: args.frequency, only_targets: false, kernel_stacks: !args.no_kernel };
    allocator::share_pool();
    let agent = Agent::new(options, live.shared_aggregate(), clock)
        .map_err(failures::capture)?
        .labelled_by(Labeller::new(args.service_name.clone()))
        .summing_usage(args.metrics_functions > 0);
    allocator::give_back();
    // All that needs more is open by now, and no other thread has been started yet.
    privileges::drop_unneeded()
        .map_err(|error| Failure::new(Exit::Internal, format!("can't drop privileges: {error}")))?;
    // Its thread is the first that is started.
    let store = args.history.open()?;
    let agent = match &store {
        Some(store) => {
            live.aggregate().keep_windows(WINDOW);
            live.set_history(store.clone());
            agent.stored_in(store.clone())
        }
        None => agent,
    };
    let cannot_start = |error| Failure::new(Exit::Internal, format!("can't start the HTTP service: {error}"));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(cannot_start)?;
    let outcome = runtime.block_on(async {
        let main = TcpListener::from_std(opened.main).map_err(cannot_start)?;
        let metrics = opened.metrics.map(TcpListener::from_std).transpose().map_err(cannot_start)?;
        serve(agent, live, (Listeners { main, metrics }, opened.access), args).await
    });
    // Requests that are still being answered hold on to the store.
    drop(runtime);
    match (outcome, store::close(store)) {
        (Err(first), Err(second)) => {
            second.report();
            Err(first)
        }
        (outcome, closed) => outcome.and_then(|code| closed.map(|()| code)),
    }
}

async fn serve(
    agent: Agent,
    live: Arc<Live>,
    (listeners, access): (Listeners, Access),
    args: &Args,
) -> Result<u8, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let profiling = tokio::task::spawn_blocking({
        let (live, stop) = (live.clone(), stop.clone());
        move || profile(agent, &live, &stop)
    });
    announce(&listeners, &access, args);
    tokio::spawn(async {
        loop {
            tokio::time::sleep(GIVE_BACK).await;
            // Without an answer the runtime is ending, and this with it.
            let _ = tokio::task::spawn_blocking(allocator::give_back).await;
        }
    });

    // Whichever comes first ends the service: a signal, or the profiler's own failure.
    let (ended, mut has_ended) = tokio::sync::watch::channel(false);
    let profiling = tokio::spawn(async move {
        let outcome = profiling.await;
        // An error says that the service has ended already.
        let _ = ended.send(true);
        outcome
    });
    let (mut terminate, mut interrupt) = (catch(SignalKind::terminate())?, catch(SignalKind::interrupt())?);
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => tracing::info!("SIGTERM: shutting down"),
            _ = interrupt.recv() => tracing::info!("SIGINT: shutting down"),
            _ = has_ended.wait_for(|ended| *ended) => {}
        }
    };
    http::serve(listeners, live, access, shutdown)
        .await
        .map_err(|error| Failure::new(Exit::Internal, format!("the HTTP service failed: {error}")))?;
    stop.store(true, Ordering::SeqCst);
    match profiling.await {
        Ok(Ok(outcome)) => outcome.map(|()| Exit::Ok.code()),
        Ok(Err(error)) | Err(error) => {
            Err(Failure::new(Exit::Internal, format!("the profiler stopped: {error}")))
        }
    }
}

/// The profiler's thread.
fn profile(mut agent: Agent, live: &Arc<Live>, stop: &AtomicBool) -> Result<(), Failure> {
    let outcome = profile_until(&mut agent, live, stop).map_err(failures::capture);
    if let Err(failure) = &outcome {
        live.set_readiness(Readiness::Failed(failure.message.clone()));
    }
    outcome
}

fn profile_until(
    agent: &mut Agent,
    live: &Arc<Live>,
    stop: &AtomicBool,
) -> Result<(), crate::capture::CaptureError> {
    let mut publisher = Publisher::new(live.clone());
    agent.enable()?;
    agent.discover()?;
    publisher.publish(agent)?;
    live.set_readiness(Readiness::Ready);
    let (mut next_publish, mut next_discover) = (Instant::now() + PUBLISH, Instant::now() + DISCOVER);
    while !stop.load(Ordering::SeqCst) {
        agent.run_once(ROUND)?;
        let now = Instant::now();
        if now >= next_discover {
            agent.discover()?;
            next_discover = now + DISCOVER;
        }
        if now >= next_publish {
            agent.tick()?;
            publisher.publish(agent)?;
            next_publish = now + PUBLISH;
        }
    }
    agent.finish()
}

/// Says where to look, with the ports that the system chose where it was to choose.
fn announce(listeners: &Listeners, access: &Access, args: &Args) {
    let address = listeners.main.local_addr().unwrap_or(args.access.listen);
    let token = if access.token.is_some() { ", with the token" } else { "" };
    eprintln!("firetower: serving on http://{address}/{token}, {} Hz on each CPU", args.frequency);
    let metrics = listeners.metrics.as_ref().and_then(|listener| listener.local_addr().ok());
    if let Some(address) = metrics.or(args.access.metrics_listen) {
        eprintln!("firetower: metrics on http://{address}/metrics");
    }
}

fn catch(kind: SignalKind) -> Result<tokio::signal::unix::Signal, Failure> {
    signal(kind).map_err(|error| Failure::new(Exit::Internal, format!("can't catch signals: {error}")))
}
