//! Why capture can't start, in words that say what to do. It must not know exit codes.

use std::io;

use aya::EbpfError;
use aya::maps::MapError;
use aya::programs::ProgramError;
use thiserror::Error;

/// Why capture failed.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The kernel does not describe its types.
    #[error("this kernel has no BTF (/sys/kernel/btf/vmlinux is missing)")]
    NoBtf,
    /// The kernel's description lacks something.
    #[error("can't find what is needed in the kernel's BTF: {0}")]
    Btf(String),
    /// No permission to load or attach.
    #[error("not permitted to {what}: {source}")]
    NotPermitted {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The kernel refused a program, a map or an attachment.
    #[error("the kernel refused the eBPF programs: {0}")]
    Refused(String),
    /// A perf event could not be opened.
    #[error("can't open a perf event of {frequency} Hz on CPU {cpu}: {source}")]
    PerfEvent {
        /// The CPU.
        cpu: u32,
        /// Samples a second.
        frequency: u32,
        /// What the kernel said.
        source: io::Error,
    },
    /// The object file does not match this agent: a defect of the build.
    #[error("the built-in eBPF object lacks {0:?}: this build of firetower is broken")]
    Object(String),
    /// A map operation failed.
    #[error("eBPF map: {0}")]
    Map(#[from] MapError),
    /// Something else from the operating system.
    #[error("{0}")]
    Io(#[source] io::Error),
}

impl CaptureError {
    pub(super) fn object(name: &str) -> CaptureError {
        CaptureError::Object(name.to_owned())
    }

    pub(super) fn from_load(error: EbpfError) -> CaptureError {
        denied(&error, "create eBPF maps").unwrap_or_else(|| CaptureError::Refused(chain(&error)))
    }

    pub(super) fn from_program(error: ProgramError) -> CaptureError {
        denied(&error, "load eBPF programs").unwrap_or_else(|| CaptureError::Refused(chain(&error)))
    }
}

/// `EPERM` and `EACCES` anywhere among the causes. The verifier says `EACCES` too, but then with a log.
fn denied(error: &(dyn std::error::Error + 'static), what: &'static str) -> Option<CaptureError> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(ProgramError::LoadError { verifier_log, .. }) = error.downcast_ref::<ProgramError>()
            && !verifier_log.to_string().trim().is_empty()
        {
            return None;
        }
        if let Some(io) = error.downcast_ref::<io::Error>()
            && io.kind() == io::ErrorKind::PermissionDenied
        {
            return Some(CaptureError::NotPermitted {
                what,
                source: io::Error::from_raw_os_error(io.raw_os_error()?),
            });
        }
        cause = error.source();
    }
    None
}

/// An error and its causes on one line; the end of a long verifier log, which says what was refused.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    match text.char_indices().rev().nth(1500) {
        Some((start, _)) => format!("… {}", &text[start..]),
        None => text,
    }
}
