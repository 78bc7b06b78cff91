//! Checks of the kernel: its version, what it was built with and how it is set.

use std::os::unix::fs::MetadataExt;

use btf_rs::Btf;
use nix::sys::resource::{Resource, getrlimit};

use super::{Item, Lack, read};
use crate::locked_memory;

/// The oldest kernel that the eBPF programs are written for: ring buffers came with 5.8, 5.10 is the first that lasted.
const OLDEST: (u32, u32) = (5, 10);
/// From this release on, eBPF maps are charged to the cgroup, not to RLIMIT_MEMLOCK (commit d5299b67dd59).
const NO_MEMLOCK: (u32, u32) = (5, 11);
/// Bytes that must be lockable before that: the maps and some room.
const LOCKED_BYTES: u64 = 256 << 20;
const BTF: &str = "/sys/kernel/btf/vmlinux";
/// What the kernel calls the type of each tracepoint's arguments, for those that the agent attaches to.
const TRACEPOINTS: [&str; 3] = ["sched_process_fork", "sched_process_exec", "sched_process_exit"];
/// `PROC_PID_INIT_INO` of include/linux/proc_ns.h: the initial pid namespace's inode, the same on every boot.
const INITIAL_PID_NAMESPACE: u64 = 0xEFFF_FFFC;

pub(super) fn version() -> Item {
    match read("/proc/sys/kernel/osrelease") {
        Ok(release) => version_of(&release),
        Err(error) => Item::failed("kernel", Lack::Kernel, error, "mount /proc"),
    }
}

fn version_of(release: &str) -> Item {
    let advice = format!("boot Linux {}.{} or newer", OLDEST.0, OLDEST.1);
    match parse_release(release) {
        Some(version) if version >= OLDEST => Item::ok("kernel", release),
        Some(_) => Item::failed("kernel", Lack::Kernel, format!("{release} is too old"), advice),
        None => Item::failed("kernel", Lack::Kernel, format!("`{release}` is no Linux release"), advice),
    }
}

/// The first two numbers of a release like `6.1.0-18-amd64`.
fn parse_release(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

pub(super) fn architecture() -> Item {
    match nix::sys::utsname::uname() {
        Ok(names) => architecture_of(&names.machine().to_string_lossy()),
        Err(error) => Item::failed("architecture", Lack::Kernel, format!("uname failed: {error}"), X86_64),
    }
}

const X86_64: &str = "run it on an x86-64 machine: no other is supported yet";

/// The kernel's own word: this program may be x86-64 and run on another machine under an emulator.
fn architecture_of(machine: &str) -> Item {
    match machine {
        "x86_64" => Item::ok("architecture", machine),
        other => Item::failed("architecture", Lack::Kernel, format!("{other} is not supported"), X86_64),
    }
}

pub(super) fn btf() -> Item {
    const ADVICE: &str = "boot a kernel that was built with CONFIG_DEBUG_INFO_BTF and CONFIG_BPF_EVENTS";
    // Read at once: from the file, the parser asks for its position a hundred thousand times.
    let read = std::fs::read(BTF).map_err(|error| error.to_string());
    let btf = match read.and_then(|bytes| Btf::from_bytes(&bytes).map_err(|error| error.to_string())) {
        Ok(btf) => btf,
        Err(error) => return Item::failed("BTF", Lack::Kernel, format!("can't read {BTF}: {error}"), ADVICE),
    };
    let missing =
        TRACEPOINTS.iter().find(|name| btf.resolve_ids_by_name(&format!("btf_trace_{name}")).is_err());
    match missing {
        None => Item::ok("BTF", format!("{BTF}, with the tracepoints of fork, exec and exit")),
        Some(name) => Item::failed("BTF", Lack::Kernel, format!("{BTF} has no tracepoint {name}"), ADVICE),
    }
}

pub(super) fn pid_namespace() -> Item {
    const ADVICE: &str = "run it on the host, or in a container that shares the host's pids (docker: --pid=host, \
                          Kubernetes: hostPID: true)";
    // Follows the link: the metadata is the namespace's own.
    match std::fs::metadata("/proc/self/ns/pid").map(|namespace| namespace.ino()) {
        Ok(INITIAL_PID_NAMESPACE) => Item::ok("pid namespace", "the initial one"),
        Ok(_) => Item::failed(
            "pid namespace",
            Lack::PidNamespace,
            "not the initial one: the kernel's process ids are not those seen here",
            ADVICE,
        ),
        Err(error) => Item::failed(
            "pid namespace",
            Lack::PidNamespace,
            format!("can't read /proc/self/ns/pid: {error}"),
            ADVICE,
        ),
    }
}

pub(super) fn lockdown() -> Item {
    lockdown_of(read("/sys/kernel/security/lockdown").ok().as_deref())
}

/// Judges the text of the lockdown file, `none [integrity] confidentiality`; without the file there is no lockdown.
fn lockdown_of(text: Option<&str>) -> Item {
    let mode = text.and_then(|text| Some(text.split_once('[')?.1.split_once(']')?.0));
    match mode {
        Some("confidentiality") => Item::failed(
            "lockdown",
            Lack::Kernel,
            "confidentiality: eBPF programs must not read memory",
            "boot with lockdown=integrity or none",
        ),
        Some(mode) => Item::ok("lockdown", mode),
        None => Item::ok("lockdown", "none"),
    }
}

pub(super) fn locked_memory() -> Item {
    let release = read("/proc/sys/kernel/osrelease").ok().and_then(|release| parse_release(&release));
    // As far as capture gets.
    let _lifted = locked_memory::lift();
    match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((soft, _)) => locked_memory_of(release, soft),
        Err(error) => Item::warning("locked memory", format!("getrlimit failed: {error}"), MEMLOCK),
    }
}

const MEMLOCK: &str = "raise it: CAP_SYS_RESOURCE lets firetower do so, else `ulimit -l unlimited`, or LimitMEMLOCK=infinity in a \
                       systemd unit";

fn locked_memory_of(release: Option<(u32, u32)>, soft: u64) -> Item {
    match release {
        Some(release) if release >= NO_MEMLOCK => Item::ok("locked memory", "not limited by RLIMIT_MEMLOCK"),
        _ if soft >= LOCKED_BYTES => Item::ok("locked memory", "enough"),
        _ => Item::warning("locked memory", format!("only {soft} bytes may be locked"), MEMLOCK),
    }
}

pub(super) fn sampling_limits() -> Item {
    let number =
        |name: &str| read(&format!("/proc/sys/kernel/{name}"))?.parse::<u32>().map_err(|e| e.to_string());
    match (number("perf_event_max_sample_rate"), number("perf_cpu_time_max_percent")) {
        (Ok(rate), Ok(percent)) => sampling_limits_of(rate, percent),
        (Err(error), _) | (_, Err(error)) => {
            Item::failed("sampling limits", Lack::PerfEvents, error, "boot a kernel with CONFIG_PERF_EVENTS")
        }
    }
}

fn sampling_limits_of(rate: u32, percent: u32) -> Item {
    const DEFAULT_RATE: u32 = 99;
    let found = format!("{rate} samples a second and CPU, {percent} % of CPU time");
    if rate < DEFAULT_RATE {
        let advice =
            format!("sysctl kernel.perf_event_max_sample_rate={}, or sample less often", DEFAULT_RATE * 10);
        return Item::warning("sampling limits", found, advice);
    }
    Item::ok("sampling limits", found)
}

pub(super) fn bpf_stats() -> Item {
    match read("/proc/sys/kernel/bpf_stats_enabled").as_deref() {
        Ok("0") => Item::ok("BPF statistics", "off"),
        Ok(_) => Item::ok("BPF statistics", "on: the time of every eBPF program is measured"),
        Err(_) => Item::ok("BPF statistics", "this kernel has none"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn kernels_from_5_10_on_will_do() {
        for release in ["5.10.0", "5.15.0-1051-aws", "6.1.0-18-amd64", "6.18.44-x", "10.0"] {
            assert_eq!(version_of(release).state, State::Ok, "{release}");
        }
        for release in ["5.9.16", "4.19.0-26-amd64", "3.10.0-1160.el7", "5", "", "x.y"] {
            assert_eq!(version_of(release).state, State::Failed(Lack::Kernel), "{release}");
        }
        assert!(version_of("4.19.0").found.contains("too old"));
    }

    #[test]
    fn only_x86_64_will_do() {
        assert_eq!(architecture_of("x86_64").state, State::Ok);
        let other = architecture_of("aarch64");
        assert!(other.is_failed() && other.found.contains("aarch64"));
    }

    #[test]
    fn only_confidentiality_locks_reads_out() {
        for text in [
            None,
            Some("[none] integrity confidentiality"),
            Some("none [integrity] confidentiality"),
            Some(""),
        ] {
            assert_eq!(lockdown_of(text).state, State::Ok, "{text:?}");
        }
        assert!(lockdown_of(Some("none integrity [confidentiality]")).is_failed());
    }

    #[test]
    fn locked_memory_matters_before_5_11_only() {
        assert_eq!(locked_memory_of(Some((5, 11)), 0).state, State::Ok);
        assert_eq!(locked_memory_of(Some((5, 10)), u64::MAX).state, State::Ok);
        assert_eq!(locked_memory_of(Some((5, 10)), 65536).state, State::Warning);
        assert_eq!(locked_memory_of(None, 65536).state, State::Warning);
    }

    #[test]
    fn a_sampling_limit_below_the_default_rate_is_a_warning() {
        assert_eq!(sampling_limits_of(100_000, 25).state, State::Ok);
        assert_eq!(sampling_limits_of(50, 25).state, State::Warning);
    }
}
