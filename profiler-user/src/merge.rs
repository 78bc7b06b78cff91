//! Interleaves the frames of one stack: kernel frames at the leaf end, Python frames below, the marker of a cut at the
//! root. It must not know names, events or maps.
//!
//! Native frames will go between Python frames that C code called: `RawFrame::is_entry` says where.

use crate::model::{Frame, FrameKind};

/// One whole stack, root first. `kernel` and `python` are leaf first, as they were sampled.
pub fn merge(truncated: bool, python: Vec<Frame>, kernel: Vec<Frame>) -> Vec<Frame> {
    let mut root_first = Vec::with_capacity(python.len() + kernel.len() + 1);
    if truncated {
        root_first.push(Frame::bare(FrameKind::Truncated, ""));
    }
    root_first.extend(python.into_iter().rev());
    root_first.extend(kernel.into_iter().rev());
    root_first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_frames_are_at_the_leaf_end_and_the_cut_is_at_the_root() {
        let python = vec![Frame::bare(FrameKind::Python, "leaf"), Frame::bare(FrameKind::Python, "main")];
        let kernel =
            vec![Frame::bare(FrameKind::Kernel, "vfs_read"), Frame::bare(FrameKind::Kernel, "sys_read")];
        let merged = merge(true, python, kernel);
        let names: Vec<&str> = merged.iter().map(|f| &*f.function).collect();
        assert_eq!(names, ["", "main", "leaf", "sys_read", "vfs_read"]);
        assert_eq!(merged[0].kind, FrameKind::Truncated);
    }
}
