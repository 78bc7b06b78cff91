//! Finding `interp_head` in a file without its symbol: by the instructions of `PyInterpreterState_Head`, which is
//! exported and returns it. CPython 2.7 and 3.6 Python/pystate.c.
//!
//! It must not know files. The function is one load and a return, so there are few forms that it takes; what has
//! another form is not guessed at.

/// Most bytes of the function in any form that is known.
pub(super) const FUNCTION_BYTES: usize = 24;

const ENDBR64: &[u8] = &[0xf3, 0x0f, 0x1e, 0xfa];
/// `push %rbp; mov %rsp,%rbp`: compiled without optimisation.
const PROLOGUE: &[u8] = &[0x55, 0x48, 0x89, 0xe5];
/// `mov disp32(%rip),%rax`.
const LOAD_RELATIVE: &[u8] = &[0x48, 0x8b, 0x05];
/// `mov disp32,%rax`: code that can't be moved.
const LOAD_ABSOLUTE: &[u8] = &[0x48, 0x8b, 0x04, 0x25];
/// What may follow: `ret`, and `rep ret` for old processors.
const RETURNS: &[&[u8]] = &[&[0xc3], &[0xf3, 0xc3]];
/// `pop %rbp; ret`.
const EPILOGUE: &[u8] = &[0x5d, 0xc3];

/// The address of the variable that the function at `address` loads and returns, given its bytes; `None` if it is not
/// such a function.
pub(super) fn loaded(function: &[u8], address: u64) -> Option<u64> {
    let rest = function.strip_prefix(ENDBR64).unwrap_or(function);
    let (rest, has_frame) = match rest.strip_prefix(PROLOGUE) {
        Some(rest) => (rest, true),
        None => (rest, false),
    };
    let (rest, relative) = match rest.strip_prefix(LOAD_RELATIVE) {
        Some(rest) => (rest, true),
        None => (rest.strip_prefix(LOAD_ABSOLUTE)?, false),
    };
    let (displacement, rest) = rest.split_first_chunk()?;
    let returns = if has_frame { &[EPILOGUE] } else { RETURNS };
    if !returns.iter().any(|end| rest.starts_with(end)) {
        return None;
    }
    let displacement = i64::from(i32::from_le_bytes(*displacement));
    let next = (function.len() - rest.len()) as u64;
    let base = if relative { address.wrapping_add(next) } else { 0 };
    Some(base.wrapping_add_signed(displacement))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_known_form_gives_the_address_that_it_loads() {
        // `as` and `objdump -d` of the same instructions.
        let forms: [(&[u8], u64); 5] = [
            (&[0x48, 0x8b, 0x05, 0x49, 0xa3, 0x18, 0, 0xc3], 0x2f_eee0),
            (&[0x48, 0x8b, 0x05, 0x49, 0xa3, 0x18, 0, 0xf3, 0xc3], 0x2f_eee0),
            (&[0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x8b, 0x05, 0x45, 0xa3, 0x18, 0, 0xc3], 0x2f_eee0),
            (&[0x55, 0x48, 0x89, 0xe5, 0x48, 0x8b, 0x05, 0xff, 0xff, 0xff, 0xff, 0x5d, 0xc3], 0x17_4b9a),
            (&[0x48, 0x8b, 0x04, 0x25, 0xe0, 0xee, 0x9f, 0, 0xc3], 0x9f_eee0),
        ];
        for (function, expected) in forms {
            assert_eq!(loaded(function, 0x17_4b90), Some(expected), "{function:02x?}");
        }
    }

    #[test]
    fn another_function_gives_nothing() {
        let others: [&[u8]; 6] = [
            &[],
            &[0x48, 0x8b, 0x05, 0x49, 0xa3, 0x18, 0],
            &[0x48, 0x8b, 0x05, 0x49, 0xa3, 0x18, 0, 0x48, 0x8b, 0x00, 0xc3],
            &[0x48, 0x8d, 0x05, 0x49, 0xa3, 0x18, 0, 0xc3],
            &[0x48, 0x8b, 0x0d, 0x49, 0xa3, 0x18, 0, 0xc3],
            &[0x55, 0x48, 0x89, 0xe5, 0x48, 0x8b, 0x05, 0, 0, 0, 0, 0xc3],
        ];
        for function in others {
            assert_eq!(loaded(function, 0x17_4b90), None, "{function:02x?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_address_or_none(
            function in proptest::collection::vec(any::<u8>(), 0..32),
            form in 0..3_usize,
            address in any::<u64>(),
        ) {
            let start = [LOAD_RELATIVE, LOAD_ABSOLUTE, ENDBR64][form];
            let _ = loaded(&[start, &function].concat(), address);
        }
    }
}
