//! The fingerprint of a code object: tells the one that was sampled from another one that lies at its address later.
//! It must not know what a frame is.
//!
//! What never changes in the object itself is folded first. Where that has no number that is the object's alone, the
//! content of its name and of its line table counts too: a code object that is made like the one that was freed before
//! it often gets its memory, and so do its strings.

use firetower_ebpf::abi::{self, ABSENT, CONTENT_BYTES, FINGERPRINT_BYTES, PyLayout};

use crate::{
    read::{self, Outcome},
    scratch::{CODE_WORDS, Scratch},
};

/// Bytes that every string object has from its length on: the length and the hash.
const LENGTH_AND_HASH: u32 = 16;
/// Mask of an offset into a string's first bytes, and of their number.
const CONTENT_MASK: u32 = CONTENT_BYTES as u32 - 1;

/// Reads and folds what never changes in the code object at `code`.
#[inline(always)]
pub fn fingerprint(layout: &PyLayout, scratch: *mut Scratch, code: u64) -> Outcome<u32> {
    // SAFETY: in bounds of the scratch value, which is this CPU's alone.
    let words: *mut u64 = unsafe { &raw mut (*scratch).code }.cast();
    read::user_bytes(words.cast(), FINGERPRINT_BYTES as u32, code + u64::from(layout.code_fingerprint))?;
    // SAFETY: as above.
    let fingerprint = abi::fingerprint(unsafe { &*words.cast::<[u64; FINGERPRINT_BYTES / 8]>() });
    if layout.code_name == ABSENT {
        return Ok(fingerprint);
    }
    let pointer = |offset: u32| {
        read::field::<u64, { 8 * CODE_WORDS as u32 - 1 }>(
            words.cast(),
            offset.wrapping_sub(layout.code_fingerprint),
        )
    };
    let (name, table) = (pointer(layout.code_name), pointer(layout.code_line_table));
    let fingerprint =
        with_content(scratch, fingerprint, name + u64::from(layout.name_content), layout.name_data)?;
    with_content(scratch, fingerprint, table + u64::from(layout.table_content), layout.table_data)
}

/// Folds the content of the string whose length is at `address`.
#[inline(always)]
fn with_content(scratch: *mut Scratch, fingerprint: u32, address: u64, data: u32) -> Outcome<u32> {
    // SAFETY: in bounds of the scratch value, which is this CPU's alone.
    let buffer: *mut u64 = unsafe { &raw mut (*scratch).content }.cast();
    // A short string may be the last object before memory that is not there, or was never touched: then as much is
    // read as it has. What lies behind it does not count, so that both ways give the same.
    if read::user_bytes(buffer.cast(), CONTENT_BYTES as u32, address).is_err() {
        read::user_bytes(buffer.cast(), LENGTH_AND_HASH, address)?;
        // SAFETY: as above.
        let length = unsafe { *buffer };
        let data = read::masked::<CONTENT_MASK>(data);
        let room = CONTENT_BYTES as u64 - data;
        let size = read::masked::<CONTENT_MASK>(if length < room { length } else { room } as u32) as u32;
        // SAFETY: as above: `data` and `size` are masked, and the buffer has room for both.
        read::user_bytes(unsafe { buffer.cast::<u8>().add(data as usize) }, size, address + data)?;
    }
    // SAFETY: as above.
    Ok(abi::content(fingerprint, unsafe { &*buffer.cast() }, data))
}
