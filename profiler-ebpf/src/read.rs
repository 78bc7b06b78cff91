//! Reads of user and kernel memory, and of fields in a scratch buffer. A read fails or gives the bytes: never a
//! default. It must not know what the bytes mean.

use aya_ebpf::helpers::{bpf_probe_read_kernel, generated::bpf_probe_read_user as probe_read_user};
use firetower_ebpf::reason::Reason;

/// The outcome of a step of a sample: a value, or the reason why the sample can't be attributed.
pub type Outcome<T> = Result<T, Reason>;

/// A pointer-sized value in the sampled process.
#[inline(always)]
pub fn user_u64(address: u64) -> Outcome<u64> {
    let mut value = 0_u64;
    user_bytes(&raw mut value as *mut u8, 8, address)?;
    Ok(value)
}

/// Copies `size` bytes of the sampled process to `buffer`, which must have room for them: the verifier checks that.
#[inline(always)]
pub fn user_bytes(buffer: *mut u8, size: u32, address: u64) -> Outcome<()> {
    // SAFETY: the verifier proves that `buffer` has room for `size` bytes; any address is allowed.
    let failed = unsafe { probe_read_user(buffer.cast(), size, address as *const _) };
    if failed == 0 { Ok(()) } else { Err(Reason::MemoryFault) }
}

/// A value in kernel memory.
#[inline(always)]
pub fn kernel<T>(address: u64) -> Outcome<T> {
    // SAFETY: the helper takes any address.
    unsafe { bpf_probe_read_kernel(address as *const T) }.map_err(|_| Reason::KernelSideFailed)
}

/// `value & MASK`, in a way that LLVM can't drop where it thinks that the mask is superfluous: the verifier needs it.
#[inline(always)]
pub fn masked<const MASK: u32>(value: u32) -> u64 {
    let mut value = u64::from(value);
    // SAFETY: changes nothing but its operand.
    unsafe { core::arch::asm!("{0} &= {1}", inout(reg) value, const MASK) };
    value
}

/// The value at `offset` from `base`, masked by `MASK` and to the alignment of `T`; `base` is aligned. The caller's
/// buffer must reach `MASK` + the size of `T` beyond `base`; the verifier checks that.
///
/// An aligned read: LLVM's BPF back end makes an unaligned one out of single bytes, eight times the instructions.
#[inline(always)]
pub fn field<T: Copy, const MASK: u32>(base: *const u8, offset: u32) -> T {
    let offset = masked::<MASK>(offset) & !(align_of::<T>() as u64 - 1);
    // SAFETY: the verifier proves that the masked offset is inside of the buffer.
    unsafe { base.add(offset as usize).cast::<T>().read() }
}

/// Makes an argument used. LLVM leaves the register of one that is not without a value in the calls, and the verifier
/// wants one in every argument of a global function.
#[inline(always)]
pub fn used(argument: u32) {
    // SAFETY: an empty instruction.
    unsafe {
        core::arch::asm!("/* {0} */", in(reg) u64::from(argument), options(nomem, nostack, preserves_flags))
    };
}
