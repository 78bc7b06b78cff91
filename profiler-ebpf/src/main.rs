//! The kernel side of firetower: entry points only.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]
#![expect(missing_docs, reason = "aya's macros drop the docs of the entry points that they wrap")]

mod fingerprint;
mod maps;
mod process;
mod python;
mod read;
mod sample;
mod scratch;
mod thread;

use aya_ebpf::{
    macros::{perf_event, raw_tracepoint},
    programs::{PerfEventContext, RawTracePointContext},
};
use firetower_ebpf::abi::Settings;

/// Written by the agent before load.
#[unsafe(no_mangle)]
static SETTINGS: Settings = Settings {
    task_fsbase: 0,
    task_tgid: 0,
    task_signal: 0,
    signal_live: 0,
    task_mm: 0,
    mm_exe_file: 0,
    file_inode: 0,
    inode_ino: 0,
    inode_size: 0,
    inode_sb: 0,
    sb_dev: 0,
    reserved: 0,
    only_targets: 0,
    kernel_stacks: 0,
    hash_seed: [0; 2],
};

/// The settings of this run.
#[inline(always)]
fn settings() -> Settings {
    // SAFETY: valid and never written while the programs run. Volatile: the agent changes it behind LLVM's back.
    unsafe { core::ptr::read_volatile(&raw const SETTINGS) }
}

/// Runs at each overflow of the perf event, on the CPU and in the context of what was running there.
#[perf_event]
pub fn sample(ctx: PerfEventContext) -> u32 {
    sample::sample(&ctx);
    0
}

/// Does nothing: the floor that `cargo xtask bench` measures the sampler against.
#[perf_event]
pub fn nothing(_ctx: PerfEventContext) -> u32 {
    0
}

/// `sched_process_fork(struct task_struct *parent, struct task_struct *child)`.
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub fn process_fork(ctx: RawTracePointContext) -> i32 {
    process::fork(ctx.arg(0), ctx.arg(1));
    0
}

/// `sched_process_exec(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`.
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub fn process_exec(_ctx: RawTracePointContext) -> i32 {
    process::exec();
    0
}

/// `sched_process_exit(struct task_struct *p)`: once for each thread.
#[raw_tracepoint(tracepoint = "sched_process_exit")]
pub fn process_exit(ctx: RawTracePointContext) -> i32 {
    process::exit(ctx.arg(0));
    0
}

/// Nothing here can panic; if the compiler can't see that, the loop makes the program fail to load.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
