//! Checks of what this process may do: capabilities, and settings that take rights away.

use caps::{CapSet, Capability, CapsHashSet};

use super::{Item, Lack, read};

pub(super) fn cap_bpf() -> Item {
    needed("CAP_BPF", Capability::CAP_BPF, Some(Capability::CAP_SYS_ADMIN), "load eBPF programs")
}

pub(super) fn cap_perfmon() -> Item {
    let purpose = "take samples and read memory from eBPF programs";
    needed("CAP_PERFMON", Capability::CAP_PERFMON, Some(Capability::CAP_SYS_ADMIN), purpose)
}

pub(super) fn cap_sys_ptrace() -> Item {
    needed("CAP_SYS_PTRACE", Capability::CAP_SYS_PTRACE, None, "read the memory of other users' processes")
}

/// Whether this process has a capability in effect, or a wider one that includes it.
fn needed(name: &'static str, wanted: Capability, wider: Option<Capability>, purpose: &str) -> Item {
    match caps::read(None, CapSet::Effective) {
        Ok(effective) => judge(name, (wanted, wider), purpose, &effective),
        Err(error) => {
            Item::failed(name, Lack::Privilege, format!("can't read capabilities: {error}"), "mount /proc")
        }
    }
}

fn judge(
    name: &'static str,
    (wanted, wider): (Capability, Option<Capability>),
    purpose: &str,
    effective: &CapsHashSet,
) -> Item {
    if effective.contains(&wanted) {
        return Item::ok(name, "held");
    }
    match wider.filter(|wider| effective.contains(wider)) {
        Some(wider) => Item::ok(name, format!("included in {wider}")),
        None => Item::failed(
            name,
            Lack::Privilege,
            format!("missing, and needed to {purpose}"),
            format!(
                "run as root, or give the capability (systemd: AmbientCapabilities={name}, docker: --cap-add={name})"
            ),
        ),
    }
}

pub(super) fn map_files() -> Item {
    const NAME: &str = "CAP_CHECKPOINT_RESTORE";
    let purpose = "read executables that were deleted while they run";
    let item = needed(NAME, Capability::CAP_CHECKPOINT_RESTORE, Some(Capability::CAP_SYS_ADMIN), purpose);
    match item.advice {
        Some(advice) if item.is_failed() => Item::warning(NAME, item.found, advice),
        advice => Item { advice, ..item },
    }
}

pub(super) fn perf_event_paranoid() -> Item {
    const NAME: &str = "perf_event_paranoid";
    match read("/proc/sys/kernel/perf_event_paranoid") {
        Ok(level) => Item::ok(NAME, format!("{level}, which does not limit CAP_PERFMON")),
        Err(error) => Item::failed(NAME, Lack::PerfEvents, error, "boot a kernel with CONFIG_PERF_EVENTS"),
    }
}

pub(super) fn ptrace_scope() -> Item {
    ptrace_scope_of(read("/proc/sys/kernel/yama/ptrace_scope").ok().as_deref())
}

/// Judges Yama's setting (Documentation/admin-guide/LSM/Yama.rst); without the file there is no Yama.
fn ptrace_scope_of(scope: Option<&str>) -> Item {
    const NAME: &str = "ptrace_scope";
    match scope {
        None => Item::ok(NAME, "this kernel has no Yama"),
        Some("3") => Item::failed(
            NAME,
            Lack::Privilege,
            "3: no process may read another's memory until the next boot",
            "set kernel.yama.ptrace_scope to 2 or less in /etc/sysctl.d and reboot",
        ),
        Some(scope) => Item::ok(NAME, format!("{scope}, which does not limit CAP_SYS_PTRACE")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn bpf_with(held: &[Capability]) -> Item {
        let effective = held.iter().copied().collect();
        judge(
            "CAP_BPF",
            (Capability::CAP_BPF, Some(Capability::CAP_SYS_ADMIN)),
            "load eBPF programs",
            &effective,
        )
    }

    #[test]
    fn a_capability_or_a_wider_one_will_do() {
        assert_eq!(bpf_with(&[Capability::CAP_BPF]).state, State::Ok);
        let wider = bpf_with(&[Capability::CAP_SYS_ADMIN]);
        assert_eq!((wider.state, wider.found.as_str()), (State::Ok, "included in CAP_SYS_ADMIN"));
    }

    #[test]
    fn a_missing_capability_has_its_purpose_and_what_to_do() {
        let missing = bpf_with(&[Capability::CAP_PERFMON]);
        assert_eq!(missing.state, State::Failed(Lack::Privilege));
        assert_eq!(missing.found, "missing, and needed to load eBPF programs");
        assert!(missing.advice.is_some_and(|advice| advice.contains("--cap-add=CAP_BPF")));
    }

    #[test]
    fn only_the_strictest_ptrace_scope_stands_in_the_way() {
        for scope in [None, Some("0"), Some("1"), Some("2")] {
            assert_eq!(ptrace_scope_of(scope).state, State::Ok, "{scope:?}");
        }
        assert!(ptrace_scope_of(Some("3")).is_failed());
    }
}
