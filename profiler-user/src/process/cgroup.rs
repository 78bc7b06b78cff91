//! Which container and which systemd unit a process belongs to, by its control groups.
//!
//! `/proc/PID/cgroup` is text of the kernel (cgroups(7)): a line `number:controllers:path` for each hierarchy. The names
//! on the path are chosen by whoever made the groups, by conventions that no standard has: those of containerd, CRI-O,
//! Docker, Podman, LXC, Amazon ECS, Garden and systemd are here, and what follows none of them is no container. It must
//! not know what becomes of the names.

use std::fs::File;
use std::io::{self, Read};

use crate::model::Pid;

/// Most bytes of the text that are read; a path has at most 4 KiB, and there are about a dozen hierarchies.
const MAX_BYTES: u64 = 64 << 10;
/// Characters of a container's id: those of a SHA-256 in hexadecimal.
const ID: usize = 64;

/// Where a process belongs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// The id of the innermost container; for LXC, which has no ids, its name.
    pub container: Option<String>,
    /// The innermost unit of systemd: `nginx.service`, `session-3.scope`. Of a process in a container the one inside of
    /// it, for those outside are the runtime's: `docker-….scope` says nothing that the id does not.
    pub unit: Option<String>,
}

/// Reads where a process belongs at this moment.
///
/// # Errors
/// If there is no such process, or `/proc` hides it.
pub fn read(pid: Pid) -> io::Result<Membership> {
    let mut text = Vec::new();
    File::open(format!("/proc/{pid}/cgroup"))?.take(MAX_BYTES).read_to_end(&mut text)?;
    Ok(parse(&String::from_utf8_lossy(&text)))
}

/// What the text of `/proc/PID/cgroup` says.
///
/// The unified hierarchy is asked first, then systemd's own of version 1, then the others: in a hybrid system the unified
/// one may have the root alone.
pub fn parse(text: &str) -> Membership {
    let mut paths: Vec<(u8, Vec<&str>)> = text.lines().filter_map(path).collect();
    paths.sort_by_key(|(rank, _)| *rank);
    let container = paths.iter().find_map(|(_, path)| innermost_container(path)).map(|(_, id)| id);
    // Controllers of version 1 have groups of their own, which are no units.
    let of_units = paths.iter().filter(|(rank, _)| *rank < OTHERS);
    let mut unit = of_units.filter_map(|(_, path)| match innermost_container(path) {
        Some((at, _)) => unit(&path[at + 1..]),
        // The runtime's, which has put the container elsewhere in another hierarchy.
        None if container.is_some() => None,
        None => unit(path),
    });
    Membership { container: container.map(str::to_owned), unit: unit.next().map(str::to_owned) }
}

/// Rank of the hierarchies that are neither the unified one nor systemd's.
const OTHERS: u8 = 2;

/// A line's hierarchy, by its rank, and the names on its path.
fn path(line: &str) -> Option<(u8, Vec<&str>)> {
    let (number, rest) = line.split_once(':')?;
    // A controller's name has no colon, a path may.
    let (controllers, path) = rest.split_once(':')?;
    let rank = match (number, controllers) {
        ("0", "") => 0,
        (_, "name=systemd") => 1,
        _ => OTHERS,
    };
    // The kernel's mark of a group that was removed while the process was in it.
    let path = path.strip_suffix(" (deleted)").unwrap_or(path);
    // `..` leads out of the root of the reader's cgroup namespace.
    Some((rank, path.split('/').filter(|name| !["", ".."].contains(name)).collect()))
}

/// The innermost container on a path: the place of its name, and its id.
fn innermost_container<'a>(path: &[&'a str]) -> Option<(usize, &'a str)> {
    (0..path.len()).rev().find_map(|at| {
        let above = at.checked_sub(1).map(|above| path[above]);
        let id = id_in(path[at]).or_else(|| lxc(above, path[at]))?;
        Some((at, id))
    })
}

/// The container's id in the name of a group.
fn id_in(name: &str) -> Option<&str> {
    let name = unescaped(name);
    let name = name.strip_suffix(".scope").unwrap_or(name);
    if is_garden(name) || is_ecs(name) {
        return Some(name);
    }
    let (before, id) = name.split_at_checked(name.len().checked_sub(ID)?)?;
    if !is_hex(id, ID) {
        return None;
    }
    // cgroupfs has the id alone; systemd's scopes have the runtime before it: `cri-containerd-`, `crio-`, `docker-`,
    // `libpod-`, `nerdctl-`. containerd told to use systemd, but run without it, writes `SLICE:cri-containerd:ID`.
    // `libpod_pod_ID` is a pod, not a container. And `crio-conmon-ID` or `libpod-conmon-ID` has what watches the
    // container from outside.
    let is_runtime = before.is_empty() || before.ends_with(['-', ':']);
    (is_runtime && !before.ends_with("conmon-")).then_some(id)
}

/// LXC names its groups after the container: `lxc.payload.NAME` or `lxc.payload/NAME`, before version 4 `lxc/NAME`. Its
/// `lxc.monitor` is what watches it from outside.
fn lxc<'a>(above: Option<&str>, name: &'a str) -> Option<&'a str> {
    let plain = name.strip_suffix(".scope").unwrap_or(name);
    match above {
        Some("lxc" | "lxc.payload") => Some(name),
        _ => plain.strip_prefix("lxc.payload.").filter(|name| !name.is_empty()),
    }
}

/// Amazon ECS on Fargate: the task's id and a number.
fn is_ecs(name: &str) -> bool {
    name.split_once('-').is_some_and(|(task, number)| {
        is_hex(task, 32) && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Garden, of Cloud Foundry: the first 28 characters of a UUID.
fn is_garden(name: &str) -> bool {
    let mut groups = name.split('-');
    [8, 4, 4, 4, 4].iter().all(|&length| groups.next().is_some_and(|group| is_hex(group, length)))
        && groups.next().is_none()
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The innermost unit on a path.
fn unit<'a>(path: &[&'a str]) -> Option<&'a str> {
    path.iter().rev().map(|name| unescaped(name)).find(|name| is_unit(name))
}

/// Whether it can be the name of a unit that holds processes (systemd.unit(5)): slices hold units.
fn is_unit(name: &str) -> bool {
    let stem = [".service", ".scope"].iter().find_map(|kind| name.strip_suffix(kind));
    let is_fit = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    stem.is_some_and(|stem| !stem.is_empty() && stem.chars().all(is_fit))
}

/// systemd puts `_` before a unit's name that the kernel could take for one of its own files: `_cpu.service`; and before
/// one that begins with it.
fn unescaped(name: &str) -> &str {
    name.strip_prefix('_').unwrap_or(name)
}

#[cfg(test)]
mod tests;
