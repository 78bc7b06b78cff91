//! CPU seconds by service, container and function: a bounded number of series, and the same CPU in both views.
//!
//! What a service uses is the sum over its containers, and the sum over its functions by their own time: each second's
//! nanoseconds are split without a rest, and a scrape sees both sides of the split or neither. That holds of what is
//! added; when a series leaves, so does its past, on one side only.
//!
//! It must not know where the numbers come from.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::{Counter, CounterVec};

use super::functions::{Functions, Rank};
use super::labels::{FunctionLabels, NAME_CHARACTERS, head};
use super::new::New;
use super::recent::Recent;

/// Most services that have series of their own.
pub const MAX_SERVICES: usize = 100;
/// Most pairs of a service and a container that have a series of their own.
pub const MAX_CONTAINERS: usize = 200;
/// What has no series of its own, in each of the labels.
pub const OTHER: &str = "[other]";
/// Stands for functions whose samples have no whole Python stack, for reasons that are the profiler's.
pub const UNATTRIBUTED: &str = "[unattributed]";
/// Stands for what a Python process runs outside of Python: threads of libraries, the interpreter's start and end.
pub const NO_PYTHON_FRAME: &str = "[no Python frame]";

/// How many times as many functions have a series by total time as by own time: for each one that does the work there
/// are several that only call the next, with the same total.
const TOTAL_FACTOR: usize = 2;

/// How often it is decided which functions have a series.
const ROUND: Duration = Duration::from_secs(2);
/// What used no CPU for this long gives way to what does.
const IDLE: Duration = Duration::from_secs(600);
/// And goes after this long, also if its room is not needed.
const FORGOTTEN: Duration = Duration::from_secs(3600);

/// What one service used in one container, in some time.
#[derive(Clone, Debug, Default)]
pub struct ServiceUsage {
    /// Its name; not empty.
    pub service: Arc<str>,
    /// The container; empty where there is none.
    pub container: Arc<str>,
    /// CPU nanoseconds in all.
    pub nanoseconds: u64,
    /// CPU nanoseconds whose function is not known, though it should be.
    pub unattributed: u64,
    /// CPU nanoseconds outside of any Python function.
    pub no_python_frame: u64,
    /// Of each function, once each.
    pub functions: Vec<FunctionUsage>,
}

/// What one function used.
#[derive(Clone, Debug)]
pub struct FunctionUsage {
    /// Its qualified name.
    pub function: Arc<str>,
    /// Its file.
    pub file: Arc<str>,
    /// CPU nanoseconds in which it was the innermost Python function: what it did itself, and what the kernel did for it.
    pub own: u64,
    /// CPU nanoseconds in which it was on the stack.
    pub total: u64,
}

/// The families of counters.
#[derive(Debug)]
pub(super) struct Families {
    /// Labels: service, container.
    pub services: CounterVec,
    /// Labels: service, function, file. By own time and by total time; `None`: not counted by function.
    pub functions: Option<[CounterVec; 2]>,
}

impl Families {
    /// All of them; functions only if they are to be counted.
    pub fn new(new: &New, by_function: bool) -> Families {
        let services = new.float_counters(
            "firetower_service_cpu_seconds_total",
            "CPU time of a service's Python processes: each sample stands for one sampling period.",
            &["service", "container"],
        );
        let family = |name, help| new.float_counters(name, help, &["service", "function", "file"]);
        let own = "CPU time in which this was the innermost Python function; they sum up to the service.";
        let total = "CPU time in which this Python function was on the stack; they overlap.";
        let functions = by_function.then(|| {
            [
                family("firetower_function_self_cpu_seconds_total", own),
                family("firetower_function_cpu_seconds_total", total),
            ]
        });
        Families { services, functions }
    }
}

/// All services.
#[derive(Debug)]
pub(super) struct Services {
    families: Families,
    most_functions: usize,
    services: HashMap<Arc<str>, Service>,
    next_round: Option<Instant>,
}

#[derive(Debug)]
struct Service {
    containers: HashMap<Arc<str>, Container>,
    recent: Recent,
    used: Instant,
    /// By own time and by total time.
    functions: Option<[Functions; 2]>,
    /// What has no function of its own, by name.
    rest: HashMap<&'static str, Counter>,
}

#[derive(Debug)]
struct Container {
    series: Counter,
    used: Instant,
}

impl Services {
    pub fn new(families: Families, most_functions: usize, now: Instant) -> Services {
        let mut services = Services { families, most_functions, services: HashMap::new(), next_round: None };
        // Always there: it is where what finds no room is counted.
        let other = services.new_service(OTHER, now);
        services.services.insert(OTHER.into(), other);
        services.families.services.with_label_values(&[OTHER, OTHER]);
        services
    }

    /// Adds what was used since the last call.
    pub fn add(&mut self, usage: &[ServiceUsage], now: Instant) {
        for usage in usage {
            let name = self.admit(&head(&usage.service, NAME_CHARACTERS), now);
            let series = self.container(&name, &head(&usage.container, NAME_CHARACTERS), now);
            let seconds = seconds(usage.nanoseconds);
            series.inc_by(seconds);
            let service = self.services.get_mut(&name).expect("it has just been admitted");
            service.used = now;
            service.recent.add(seconds, now);
            service.add_functions(usage, &name, now);
        }
        if self.next_round.is_none_or(|next| now >= next) {
            self.next_round = Some(now + ROUND);
            for service in self.services.values_mut() {
                let whole = service.recent.at(now);
                for functions in service.functions.iter_mut().flatten() {
                    functions.round(whole, now);
                }
            }
        }
    }

    /// Removes what has not been used for long.
    pub fn sweep(&mut self, now: Instant) {
        self.remove_idle(FORGOTTEN, now);
    }

    /// The name under which the service is counted.
    fn admit(&mut self, name: &Arc<str>, now: Instant) -> Arc<str> {
        if self.services.contains_key(name) {
            return name.clone();
        }
        // The overflow service is not counted.
        if self.services.len() > MAX_SERVICES {
            self.remove_idle(IDLE, now);
        }
        if self.services.len() > MAX_SERVICES {
            return OTHER.into();
        }
        let service = self.new_service(name, now);
        self.services.insert(name.clone(), service);
        name.clone()
    }

    fn new_service(&self, name: &str, now: Instant) -> Service {
        let most = self.most_functions;
        let functions = self.families.functions.as_ref().map(|[own, total]| {
            [
                Functions::new(own.clone(), name, Rank::Own, most),
                Functions::new(total.clone(), name, Rank::Total, most * TOTAL_FACTOR),
            ]
        });
        let mut service = Service {
            containers: HashMap::new(),
            recent: Recent::new(now),
            used: now,
            functions,
            rest: HashMap::new(),
        };
        if let Some([own, _]) = &self.families.functions {
            for rest in [OTHER, UNATTRIBUTED, NO_PYTHON_FRAME] {
                service.rest.insert(rest, own.with_label_values(&[name, rest, ""]));
            }
        }
        service
    }

    /// The series of a service's container, or of its containers that have none.
    fn container(&mut self, service: &Arc<str>, container: &Arc<str>, now: Instant) -> Counter {
        let is_known = |services: &Services| {
            services.services.get(service).is_some_and(|known| known.containers.contains_key(container))
        };
        let pairs = |services: &Services| -> usize {
            services.services.values().map(|service| service.containers.len()).sum()
        };
        let mut container = container.clone();
        if **service == *OTHER {
            container = OTHER.into();
        } else if !is_known(self) && pairs(self) >= MAX_CONTAINERS {
            self.remove_idle_containers(IDLE, now);
            if pairs(self) >= MAX_CONTAINERS {
                container = OTHER.into();
            }
        }
        let family = &self.families.services;
        let containers = &mut self.services.get_mut(service).expect("it has been admitted").containers;
        let new = || Container { series: family.with_label_values(&[&**service, &*container]), used: now };
        let known = containers.entry(container.clone()).or_insert_with(new);
        known.used = now;
        known.series.clone()
    }

    fn remove_idle(&mut self, after: Duration, now: Instant) {
        let families = &self.families;
        self.services.retain(|name, service| {
            let keep = **name == *OTHER || now.saturating_duration_since(service.used) < after;
            if !keep {
                service.remove_series(name, families);
            }
            keep
        });
        self.remove_idle_containers(after, now);
    }

    fn remove_idle_containers(&mut self, after: Duration, now: Instant) {
        let family = &self.families.services;
        for (name, service) in &mut self.services {
            service.containers.retain(|container, known| {
                // What overflows comes and goes: its series stays with its service.
                let keep = **container == *OTHER || now.saturating_duration_since(known.used) < after;
                if !keep {
                    remove(family, &[name, container]);
                }
                keep
            });
        }
    }
}

impl Service {
    fn add_functions(&mut self, usage: &ServiceUsage, name: &str, now: Instant) {
        let Some([own, total]) = &mut self.functions else { return };
        let mut rest = usage.nanoseconds.saturating_sub(usage.unattributed + usage.no_python_frame);
        // Of what has no service of its own, functions have no series either.
        for function in busiest(usage, |function| function.own).filter(|_| name != OTHER) {
            let labels = FunctionLabels::new(&function.function, &function.file);
            // A function may be called what the rest is called. It is counted in the rest then.
            let is_rest = labels.file.is_empty() && self.rest.contains_key(&*labels.function);
            if !is_rest && own.add(&labels, seconds(function.own), now) {
                rest = rest.saturating_sub(function.own);
            }
        }
        for function in busiest(usage, |function| function.total).filter(|_| name != OTHER) {
            total.add(&FunctionLabels::new(&function.function, &function.file), seconds(function.total), now);
        }
        for (name, nanoseconds) in
            [(OTHER, rest), (UNATTRIBUTED, usage.unattributed), (NO_PYTHON_FRAME, usage.no_python_frame)]
        {
            self.rest[name].inc_by(seconds(nanoseconds));
        }
    }

    fn remove_series(&mut self, name: &str, families: &Families) {
        for container in self.containers.keys() {
            remove(&families.services, &[name, container]);
        }
        if let Some([own, _]) = &families.functions {
            for rest in self.rest.keys() {
                remove(own, &[name, rest, ""]);
            }
        }
        for functions in self.functions.iter_mut().flatten() {
            functions.clear();
        }
    }
}

/// The functions that used any, the busiest first: it is they who are to be remembered where not all can be.
fn busiest(usage: &ServiceUsage, by: impl Fn(&FunctionUsage) -> u64) -> impl Iterator<Item = &FunctionUsage> {
    let mut functions: Vec<&FunctionUsage> = usage.functions.iter().filter(|used| by(used) > 0).collect();
    functions.sort_by_key(|function| std::cmp::Reverse(by(function)));
    functions.into_iter()
}

fn remove(family: &CounterVec, labels: &[&str]) {
    family.remove_label_values(labels).expect("a series is created with its entry here");
}

fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}

#[cfg(test)]
mod tests;
