//! Errors of the stages as failures for the user: which exit code, and what to do.

use super::exit::{Exit, Failure};
use crate::capture::CaptureError;

/// Capture can't start, or stopped.
pub fn capture(error: CaptureError) -> Failure {
    let (exit, hint) = match &error {
        CaptureError::NoBtf | CaptureError::Btf(_) => (
            Exit::Kernel,
            "firetower needs a kernel built with CONFIG_DEBUG_INFO_BTF=y, as distributions' kernels are from 5.10 on",
        ),
        CaptureError::NotPermitted { .. } => {
            (Exit::Privilege, "run it as root, or with the capabilities that `firetower doctor` names")
        }
        CaptureError::Refused(_) => (Exit::Kernel, "see what this machine lacks: firetower doctor"),
        CaptureError::PerfEvent { source, .. } => match source.kind() {
            std::io::ErrorKind::PermissionDenied => (Exit::Privilege, "run it as root, or with CAP_PERFMON"),
            std::io::ErrorKind::InvalidInput => (
                Exit::PerfEvents,
                "the frequency may be above /proc/sys/kernel/perf_event_max_sample_rate: try a lower one with -F",
            ),
            _ => (Exit::PerfEvents, "see what this machine lacks: firetower doctor"),
        },
        CaptureError::Object(_) | CaptureError::Map(_) | CaptureError::Io(_) => {
            return Failure::new(Exit::Internal, error.to_string());
        }
    };
    Failure::new(exit, error.to_string()).hint(hint)
}
