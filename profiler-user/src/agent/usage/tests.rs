//! Whose CPU a stack is.

use super::*;
use crate::aggregate::Retention;
use crate::model::{Frame, Labels, Pid, Tid};

const ONE: Weight = Weight { samples: 1, nanoseconds: 1000 };

fn python(name: &str, line: u32) -> Frame {
    Frame { file: "app.py".into(), line, ..Frame::bare(FrameKind::Python, name) }
}

fn kernel(name: &str) -> Frame {
    Frame::bare(FrameKind::Kernel, name)
}

fn series(command: &str, version: &str, labels: Labels) -> Series {
    Series {
        pid: Pid(4242),
        command: command.into(),
        labels: labels.into(),
        tid: Tid(4242),
        thread: "main".into(),
        python: version.into(),
        interpreter: None,
    }
}

/// What is said of these stacks of one series, one sample each.
fn usage(series: &Series, stacks: &[&[Frame]]) -> Vec<ServiceUsage> {
    let mut aggregate = Aggregate::new(Retention::live(60), 0);
    let mut usage = Usage::new(true);
    let series = aggregate.series(series);
    for stack in stacks {
        let stack = aggregate.intern(stack.to_vec());
        usage.add(series, stack, ONE);
    }
    usage.take(&aggregate)
}

fn app() -> Series {
    series("/usr/bin/python3 /srv/app.py --port 80", "3.12.1", Labels::default())
}

fn own_and_total(usage: &ServiceUsage, name: &str) -> (u64, u64) {
    let named = usage.functions.iter().find(|function| &*function.function == name);
    named.map_or((0, 0), |function| (function.own, function.total))
}

#[test]
fn a_function_counts_once_however_often_it_recurs() {
    let deep = [python("main", 1), python("walk", 5), python("walk", 5), python("walk", 7)];
    let other_line = [python("main", 2), python("walk", 6)];
    let told = usage(&app(), &[&deep, &other_line]);
    assert_eq!(told.len(), 1);
    assert_eq!(own_and_total(&told[0], "walk"), (2000, 2000));
    assert_eq!(own_and_total(&told[0], "main"), (0, 2000));
    assert_eq!((told[0].nanoseconds, told[0].unattributed, told[0].no_python_frame), (2000, 0, 0));
}

#[test]
fn the_kernel_works_for_the_function_that_called_it() {
    let told = usage(
        &app(),
        &[&[python("main", 1), python("load", 3), kernel("do_syscall_64"), kernel("vfs_read")]],
    );
    assert_eq!(own_and_total(&told[0], "load"), (1000, 1000));
}

#[test]
fn what_is_not_known_is_nobodys_function() {
    let broken = [python("main", 1), Frame::unknown(Reason::CodeReplaced), kernel("vfs_read")];
    let native = [Frame::unknown(Reason::NotPythonThread), kernel("vfs_read")];
    let told = usage(&app(), &[&broken, &native, &[kernel("vfs_read")]]);
    assert_eq!(own_and_total(&told[0], "main"), (0, 1000), "what is known of it counts");
    assert_eq!((told[0].unattributed, told[0].no_python_frame, told[0].nanoseconds), (1000, 2000, 3000));
}

#[test]
fn what_is_no_python_is_not_counted() {
    let told = usage(&series("nginx", "", Labels::default()), &[&[Frame::unknown(Reason::NotPython)]]);
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn a_service_has_a_name() {
    let name = |series: &Series, reason| usage(series, &[&[Frame::unknown(reason)]])[0].service.to_string();
    assert_eq!(name(&app(), Reason::CodeReplaced), UNKNOWN);
    let labels = Labels { service: "checkout".into(), container: "c0ffee".into(), ..Labels::default() };
    let labelled = series("python app.py", "3.12.1", labels);
    assert_eq!(name(&labelled, Reason::CodeReplaced), "checkout");
    assert_eq!(&*usage(&labelled, &[&[python("main", 1)]])[0].container, "c0ffee");
    assert_eq!(name(&series("[sh]", "", Labels::default()), Reason::ProcessPending), UNKNOWN);
    let old = series("python2.6 app.py", "", Labels::default());
    assert_eq!(name(&old, Reason::UnsupportedPython), UNKNOWN);
    assert_eq!(name(&series(" ", "3.12.1", Labels::default()), Reason::CodeReplaced), UNKNOWN);
}

#[test]
fn sums_outlive_the_ids_that_they_were_made_of() {
    let mut aggregate = Aggregate::new(Retention { max_nodes: 40, ..Retention::live(10) }, 0);
    let mut usage = Usage::new(true);
    for second in 1..50_u64 {
        let id = aggregate.series(&app());
        let stack = aggregate.intern(vec![python("main", 1), python(&format!("f{second}"), 2)]);
        let reason = aggregate.add(second * 1_000_000_000, id, stack, ONE);
        assert_eq!(reason, None, "second {second}");
        usage.add(id, stack, ONE);
        usage.settle(&aggregate);
        // Far enough on that all is forgotten and the tables are built anew.
        aggregate.maintain((second + 20) * 1_000_000_000);
    }
    assert!(aggregate.generation() > 0, "ids changed");
    let told = usage.take(&aggregate);
    assert_eq!(own_and_total(&told[0], "f7"), (1000, 1000));
    assert_eq!(own_and_total(&told[0], "main"), (0, 49_000));
    assert!(usage.take(&aggregate).is_empty(), "it is taken once");
}
