//! Labels of processes: what they say of themselves, and where they belong, as the service shows it after it has given up
//! its privileges, and as series have it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use firetower::agent::Agent;
use firetower::agent::labels::{Labeller, Rule};
use firetower::aggregate::{Aggregate, Retention};
use firetower::capture::Options;
use firetower::clock::Clock;
use firetower::model::{Labels, Pid};
use serde_json::Value;

use crate::containers::{RUNC, container_named};
use crate::metrics::promtool;
use crate::pythons::{Process, fixture, python};
use crate::recording::start;
use crate::running::{run, wait_for};
use crate::service::Service;

/// The program that burns CPU, in an environment that says nothing.
fn workload(minor: &str) -> Command {
    let mut command = Command::new(python(minor));
    command.arg(fixture("shares.py")).env_clear();
    command
}

/// What the service says of a process once it has a Python.
fn told(service: &Service, pid: Pid) -> Value {
    wait_for("a process that is profiled", || {
        service.process(pid.0).filter(|process| process["state"] == "profiled")
    })
}

fn metric(service: &Service, series: &str) -> Option<f64> {
    let (_, text) = service.get("/metrics");
    text.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[test]
fn what_processes_say_of_themselves() {
    let before = start(workload("3.11").env("OTEL_SERVICE_NAME", "checkout").env("SERVICE_NAME", "no"));
    let service = Service::start(&[]);
    let attributed =
        start(workload("3.12").env("OTEL_RESOURCE_ATTRIBUTES", "a=b,service.name=stock%20keeper"));
    let script = start(&mut workload("3.13"));
    let mut module = Command::new(python("3.9"));
    module
        .args(["-m", "shares"])
        .env_clear()
        .env("PYTHONPATH", fixture(""))
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let module = start(&mut module);
    // Another user's environment: it takes a privilege to read, and the service has given up all but five.
    let mut nobody = Command::new("setpriv");
    nobody.args(["--reuid=65534", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]);
    nobody.arg(python("3.10")).arg(fixture("shares.py")).env_clear().env("SERVICE_NAME", "billing");
    let nobody = start(nobody.env("PATH", "/usr/bin:/bin"));
    let expected = [
        (&before, "checkout", "root"),
        (&attributed, "stock keeper", "root"),
        (&script, "shares.py", "root"),
        (&module, "shares", "root"),
        (&nobody, "billing", "nobody"),
    ];
    for (process, name, user) in expected {
        let told = told(&service, process.pid());
        assert_eq!((&told["service"], &told["user"]), (&name.into(), &user.into()), "{told}");
        assert!(told["container"].is_null(), "{told}");
    }
}

#[test]
fn an_exec_reads_anew_and_children_are_their_parents() {
    let service = Service::start(&[]);
    let code = "import os, sys; os.execve(sys.argv[1], sys.argv[1:], {'OTEL_SERVICE_NAME': 'after'})";
    let mut executes = Command::new(python("3.12"));
    executes.args(["-c", code]).arg(python("3.11")).arg(fixture("shares.py"));
    let executes = start(executes.env_clear().env("OTEL_SERVICE_NAME", "before"));
    wait_for("the name after the exec", || {
        (told(&service, executes.pid())["service"] == "after").then_some(())
    });
    let mut family = Command::new(python("3.12"));
    let mut family = start(family.arg(fixture("family.py")).env_clear());
    let mut child = || Pid(family.line().expect("an id").parse().expect("a number"));
    let (forked, started) = (child(), child());
    for pid in [family.pid(), forked, started] {
        assert_eq!(told(&service, pid)["service"], "family.py", "process {pid} of {}", family.pid());
    }
}

#[test]
fn hostile_environments() {
    let service = Service::start(&[]);
    let mut long = workload("3.11");
    for number in 0..16 {
        // A megabyte, in the order of the names: what comes last is beyond what is read.
        long.env(format!("A{number}"), "x".repeat(64 << 10));
    }
    let long = start(long.env("SERVICE_NAME", "beyond"));
    let nasty = b"a\xff\x1b[31m\n;\"b\"\\";
    let nasty = start(workload("3.12").env("OTEL_SERVICE_NAME", OsStr::from_bytes(nasty)));
    let endless = start(workload("3.13").env("SERVICE_NAME", "y".repeat(10_000)));
    let mut odd = workload("3.10");
    odd.env("OTEL_RESOURCE_ATTRIBUTES", "no,=,pod=mine,a-b=c,%zz=%zz,service.name=%");
    let odd = start(&mut odd);
    assert_eq!(told(&service, long.pid())["service"], "shares.py");
    assert_eq!(told(&service, nasty.pid())["service"], "a\u{fffd} [31m ;\"b\"\\");
    assert_eq!(told(&service, endless.pid())["service"], format!("{}…", "y".repeat(127)));
    assert_eq!(told(&service, odd.pid())["service"], "%");
    let reasons = [
        ("environment_too_long", 1.0),
        ("malformed_attribute", 2.0),
        ("reserved_name", 1.0),
        ("invalid_name", 2.0),
    ];
    for (reason, least) in reasons {
        let series = format!("firetower_labels_refused_total{{reason=\"{reason}\"}}");
        wait_for(reason, || metric(&service, &series).filter(|count| *count >= least));
    }
    let output = promtool(&["check", "metrics"], &service.get("/metrics").1);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn past_the_bound_values_are_other_and_counted() {
    // Of a label that no other test has: their services see these processes, too.
    let crowd: Vec<Process> = (0..520)
        .map(|number| {
            let mut command = Command::new("/bin/cat");
            let attribute = format!("test.crowd={number}");
            Process::start(command.env_clear().env("OTEL_RESOURCE_ATTRIBUTES", attribute))
        })
        .collect();
    let service = Service::start(&[]);
    let series = "firetower_label_overflow_total{label=\"test_crowd\"}";
    let overflow =
        wait_for("the overflow to show", || metric(&service, series).filter(|count| *count >= 20.0));
    assert!(overflow <= 520.0, "{overflow}");
    assert_eq!(metric(&service, "firetower_label_overflow_total{label=\"service\"}"), Some(0.0));
    drop(crowd);
}

/// A control group of the unified hierarchy, gone with its parents when dropped, as far as they are empty.
struct Group {
    top: PathBuf,
    path: PathBuf,
}

impl Group {
    fn make(path: &str) -> Group {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("mounts");
        let of_version_2 = |line: &str| {
            let mut fields = line.split(' ');
            let place = fields.nth(1)?;
            (fields.next() == Some("cgroup2")).then(|| PathBuf::from(place))
        };
        let top =
            mounts.lines().find_map(of_version_2).expect("a mounted cgroup2: `mount -t cgroup2 none FOLDER`");
        let path = top.join(path);
        fs::create_dir_all(&path).expect("a control group can be made by root");
        Group { top, path }
    }

    /// Starts a command in it.
    fn start(&self, command: &Command) -> Process {
        let mut inside = Command::new("/bin/sh");
        inside.args(["-c", "echo $$ > \"$0\" && exec \"$@\""]).arg(self.path.join("cgroup.procs"));
        inside.arg(command.get_program()).args(command.get_args()).env_clear();
        start(&mut inside)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for path in self.path.ancestors().take_while(|path| *path != self.top) {
            // Another test may be in one of its parents.
            if fs::remove_dir(path).is_err() {
                break;
            }
        }
    }
}

/// 64 characters in hexadecimal that no other test has.
fn container_id() -> String {
    format!("{:064x}", u128::from(std::process::id()) << 64 | 0xf17e_70e4)
}

#[test]
fn units_and_containers() {
    let name = format!("firetower-test-{}", std::process::id());
    let of_system = Group::make(&format!("system.slice/{name}.service/workers"));
    let of_user =
        Group::make(&format!("user.slice/user-1000.slice/user@1000.service/app.slice/{name}@1.service"));
    let in_docker = Group::make(&format!("system.slice/docker-{}.scope", container_id().replace('f', "e")));
    let system = of_system.start(&workload("3.11"));
    let user = of_user.start(&workload("3.12"));
    let docker = in_docker.start(&workload("3.13"));
    let folder = tempfile::tempdir().expect("a folder");
    let inside = container_named(&container_id(), "3.12", RUNC, folder.path());
    let service = Service::start(&["--service-name", "unit,container,script"]);

    let told_of = |process: &Process| told(&service, process.pid());
    let (system_told, user_told, docker_told) = (told_of(&system), told_of(&user), told_of(&docker));
    assert_eq!(system_told["unit"], format!("{name}.service"), "{system_told}");
    assert_eq!(system_told["service"], name, "{system_told}");
    assert_eq!(user_told["unit"], format!("{name}@1.service"), "{user_told}");
    assert_eq!(docker_told["container"], container_id().replace('f', "e"), "{docker_told}");
    assert!(docker_told["unit"].is_null(), "{docker_told}");
    let container_told = told(&service, inside.pid);
    assert_eq!(container_told["container"], container_id(), "{container_told}");
    assert_eq!(container_told["service"], container_id()[..12], "{container_told}");
    // Not `nobody`: the container has users of its own.
    assert_eq!(container_told["user"], "65534", "{container_told}");
    drop((system, user, docker));
    inside.end();
}

#[test]
fn series_have_their_process_labels() {
    let mut command = workload("3.12");
    command
        .env("SERVICE_NAME", "checkout")
        .env("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=prod,b=2");
    let process = start(&mut command);
    let clock = Clock::new().expect("a clock");
    let options = Options { frequency: 999, only_targets: true, kernel_stacks: false };
    let labels_with = |labeller: Option<Labeller>| -> Vec<Arc<Labels>> {
        let aggregate = Arc::new(Mutex::new(Aggregate::new(Retention::recording(), clock.now())));
        let mut agent = Agent::new(options, aggregate.clone(), clock).expect("capture");
        if let Some(labeller) = labeller {
            agent = agent.labelled_by(labeller);
        }
        agent.watch(process.pid(), false).expect("it is there");
        agent.enable().expect("capture");
        let found = wait_for("samples", || {
            agent.run_once(Duration::from_millis(10)).expect("capture");
            let aggregate = aggregate.lock().expect("no panic");
            let series = aggregate.weights(0, u64::MAX).map(|(id, ..)| aggregate.series_of(id));
            let labels: Vec<Arc<Labels>> = series
                .filter(|series| series.pid == process.pid())
                .map(|series| series.labels.clone())
                .collect();
            (labels.len() > 1).then_some(labels)
        });
        agent.finish().expect("capture");
        found
    };
    let plain = labels_with(None);
    assert!(plain.iter().all(|labels| **labels == Labels::default()), "{plain:?}");
    let labelled = labels_with(Some(Labeller::new(Rule::default())));
    let labels = labelled.iter().find(|labels| ***labels != Labels::default()).expect("labels");
    assert_eq!((&*labels.service, &*labels.user), ("checkout", "root"));
    let extra: Vec<(&str, &str)> = labels.extra.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(extra, [("b", "2"), ("deployment_environment", "prod")]);
    assert!(
        labelled.iter().filter(|other| **other == *labels).all(|other| Arc::ptr_eq(other, labels)),
        "one copy"
    );
}

#[test]
fn a_rule_that_is_none_is_told_apart() {
    for rule in ["pod", "", "env,env"] {
        let finished = run(["serve", "--service-name", rule]);
        assert_eq!(finished.code, 2, "{}", finished.stderr);
        assert!(finished.stderr.contains("--service-name"), "{}", finished.stderr);
    }
    let finished = run(["serve", "--service-name", "pod"]);
    assert!(finished.stderr.contains("env, unit, container, script, command"), "{}", finished.stderr);
}
