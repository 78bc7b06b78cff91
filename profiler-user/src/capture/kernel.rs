//! Where the running kernel keeps what the eBPF programs read, by its BTF. It must not know what is read there.

use std::path::Path;

use btf_rs::{Btf, Struct, Type};
use firetower_ebpf::abi::Settings;

use super::CaptureError;

/// The kernel's description of its own types.
pub const BTF_PATH: &str = "/sys/kernel/btf/vmlinux";

/// The offsets among [`Settings`]; its other fields are zero.
pub fn offsets() -> Result<Settings, CaptureError> {
    if !Path::new(BTF_PATH).exists() {
        return Err(CaptureError::NoBtf);
    }
    // Read at once: from the file, the parser asks for its position a hundred thousand times.
    let bytes = std::fs::read(BTF_PATH).map_err(|error| CaptureError::Btf(error.to_string()))?;
    let btf = Btf::from_bytes(&bytes).map_err(|error| CaptureError::Btf(error.to_string()))?;
    Ok(Settings {
        task_fsbase: offset(&btf, "task_struct", &["thread", "fsbase"])?,
        task_tgid: offset(&btf, "task_struct", &["tgid"])?,
        task_signal: offset(&btf, "task_struct", &["signal"])?,
        signal_live: offset(&btf, "signal_struct", &["live"])?,
        task_mm: offset(&btf, "task_struct", &["mm"])?,
        mm_exe_file: offset(&btf, "mm_struct", &["exe_file"])?,
        file_inode: offset(&btf, "file", &["f_inode"])?,
        inode_ino: offset(&btf, "inode", &["i_ino"])?,
        inode_size: offset(&btf, "inode", &["i_size"])?,
        inode_sb: offset(&btf, "inode", &["i_sb"])?,
        sb_dev: offset(&btf, "super_block", &["s_dev"])?,
        ..Settings::default()
    })
}

/// Bytes from the start of the struct `name` to the member that `path` leads to through nested structs.
fn offset(btf: &Btf, name: &str, path: &[&str]) -> Result<u32, CaptureError> {
    let missing = || CaptureError::Btf(format!("the kernel's BTF has no {name}.{}", path.join(".")));
    let types = btf.resolve_types_by_name(name).map_err(|_| missing())?;
    let mut place = types.into_iter().find_map(as_struct).ok_or_else(missing)?;
    let mut bits = 0;
    for (depth, member) in path.iter().enumerate() {
        let (offset, inner) = find_member(btf, &place, member, 0).ok_or_else(missing)?;
        bits += offset;
        if depth + 1 < path.len() {
            place = as_struct(inner).ok_or_else(missing)?;
        }
    }
    if bits % 8 != 0 { Err(missing()) } else { Ok(bits / 8) }
}

/// Members of anonymous structs and unions belong to what they stand in (C11 6.7.2.1), to any depth that exists.
fn find_member(btf: &Btf, place: &Struct, name: &str, depth: u32) -> Option<(u32, Type)> {
    for member in &place.members {
        let member_name = btf.resolve_name(member).unwrap_or_default();
        let inner = btf.resolve_chained_type(member).ok()?;
        if member_name == name {
            return Some((member.bit_offset(), inner));
        }
        if member_name.is_empty()
            && depth < 8
            && let Some(inner) = as_struct(inner)
            && let Some((offset, found)) = find_member(btf, &inner, name, depth + 1)
        {
            return Some((member.bit_offset() + offset, found));
        }
    }
    None
}

fn as_struct(of: Type) -> Option<Struct> {
    match of {
        Type::Struct(inner) | Type::Union(inner) => Some(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_running_kernel_has_every_offset() {
        let offsets = offsets().unwrap();
        assert!(
            offsets.task_fsbase > 0
                && offsets.task_tgid > 0
                && offsets.task_signal > 0
                && offsets.signal_live > 0
        );
    }

    #[test]
    fn a_missing_member_is_named() {
        let btf = Btf::from_file(BTF_PATH).unwrap();
        let error = offset(&btf, "task_struct", &["thread", "no_such"]).unwrap_err();
        assert!(error.to_string().contains("task_struct.thread.no_such"), "{error}");
    }
}
