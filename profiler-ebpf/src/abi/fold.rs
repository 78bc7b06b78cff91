//! How stacks and code objects are folded to numbers: the same functions run in the kernel and in the agent.
//!
//! It must not know where the words come from.

/// Bytes of a code object that are folded into its fingerprint; see [`code_fingerprint`](super::PyLayout::code_fingerprint).
pub const FINGERPRINT_BYTES: usize = 88;
/// Bytes of a string that tell its content; see [`content`].
pub const CONTENT_BYTES: usize = 64;
/// 128-bit hash of a stack: its process, generation, frames, kernel frames and truncation. All zero: no stack.
pub type StackHash = [u64; 2];

/// Folds `word` into `hash`: two multiply-rotate lanes that share no constant, so that a collision needs both.
///
/// Not cryptographic: who controls a process can make two of its own stacks collide, but only its own, since
/// process and seed are part of every hash.
#[inline(always)]
pub const fn mix(hash: &mut StackHash, word: u64) {
    let a = (hash[0] ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash[0] = a ^ (a >> 32);
    let b = hash[1].rotate_left(27).wrapping_add(word).wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
    hash[1] = b ^ (b >> 29);
}

/// Folds the constant part of a code object. The same function runs on both sides: the kernel's at the sample,
/// the agent's when it reads the code object.
#[inline(always)]
pub fn fingerprint(words: &[u64; FINGERPRINT_BYTES / 8]) -> u32 {
    let mut hash = 0x27D4_EB2F_1656_67C5_u64;
    let mut index = 0;
    while index < FINGERPRINT_BYTES / 8 {
        hash = (hash ^ words[index]).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        hash ^= hash >> 32;
        index += 1;
    }
    hash as u32
}

/// Folds what tells a string's content into a code object's fingerprint: its hash if it has been computed, else its
/// first bytes. `words` are [`CONTENT_BYTES`] from the string's length on, with the hash behind it; characters start
/// `data` bytes after the length. What lies behind the string's end does not count.
#[inline(always)]
pub fn content(fingerprint: u32, words: &[u64; CONTENT_BYTES / 8], data: u32) -> u32 {
    let (length, hash) = (words[0], words[1]);
    let mut folded = ((u64::from(fingerprint) << 32) ^ length).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    folded ^= folded >> 32;
    if hash != u64::MAX {
        folded = (folded ^ hash).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        return (folded ^ (folded >> 32)) as u32;
    }
    let room = CONTENT_BYTES as u64 - u64::from(data);
    let end = u64::from(data) + if length < room { length } else { room };
    let mut index = 2;
    while index < CONTENT_BYTES / 8 {
        let start = 8 * index as u64;
        folded = (folded ^ bytes_between(words[index], start, u64::from(data), end))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        folded ^= folded >> 32;
        index += 1;
    }
    folded as u32
}

/// Those bytes of `word`, which lies at `start`, that lie in `from..to`; the others are zero.
#[inline(always)]
const fn bytes_between(word: u64, start: u64, from: u64, to: u64) -> u64 {
    if start >= to || start + 8 <= from {
        return 0;
    }
    let mut word = word;
    if from > start {
        word = word >> (8 * (from - start)) << (8 * (from - start));
    }
    if to < start + 8 {
        word = word << (8 * (start + 8 - to)) >> (8 * (start + 8 - to));
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A string of `text` with its hash, whose characters start `data` bytes behind the length; then other memory.
    fn words(text: &[u8], hash: u64, data: usize, behind: u8) -> [u64; CONTENT_BYTES / 8] {
        let mut bytes = [behind; CONTENT_BYTES];
        bytes[..8].copy_from_slice(&(text.len() as u64).to_ne_bytes());
        bytes[8..16].copy_from_slice(&hash.to_ne_bytes());
        for (to, from) in bytes[data..].iter_mut().zip(text) {
            *to = *from;
        }
        let mut words = [0; CONTENT_BYTES / 8];
        for (word, bytes) in words.iter_mut().zip(bytes.as_chunks().0) {
            *word = u64::from_ne_bytes(*bytes);
        }
        words
    }

    #[test]
    fn strings_of_other_content_or_length_fold_to_other_numbers() {
        for data in [16, 20, 32] {
            let fold = |text: &[u8]| content(7, &words(text, u64::MAX, data, 0), data as u32);
            let texts: [&[u8]; 5] = [b"made_0001", b"made_0002", b"made_000", b"", b"nade_0001"];
            for (index, one) in texts.iter().enumerate() {
                for other in &texts[..index] {
                    assert_ne!(fold(one), fold(other), "{one:?} {other:?}");
                }
            }
        }
    }

    #[test]
    fn what_lies_behind_a_string_or_in_front_of_it_does_not_count() {
        for data in [16, 20, 32] {
            for text in [&b""[..], b"x", b"four", b"eightchr", b"a name of some length", &[b'n'; 100]] {
                let fold = |behind: u8| content(7, &words(text, u64::MAX, data, behind), data as u32);
                assert_eq!(fold(0), fold(0xff), "{text:?} at {data}");
            }
        }
    }

    #[test]
    fn a_hash_that_is_there_is_what_counts() {
        let fold = |text: &[u8], hash: u64| content(7, &words(text, hash, 32, 0), 32);
        assert_eq!(fold(b"one", 99), fold(b"two", 99));
        assert_ne!(fold(b"one", 99), fold(b"one", 98));
        assert_ne!(content(7, &words(b"one", 99, 32, 0), 32), content(8, &words(b"one", 99, 32, 0), 32));
    }
}
