//! Looks through a symbol table piece by piece: those of large programs have tens of megabytes, most of them names.
//!
//! First the names are looked for among the strings, then symbols that have one of the places where they are. It must not
//! know where a table lies.

use object::pod::{Pod, bytes_of_slice_mut};

use super::ElfError;

/// Bytes that are read at a time.
const PIECE: u64 = 64 << 10;
/// Most places of one name: a linker writes each string once, and may let others end with it.
const MOST_PLACES: usize = 1000;

/// What is read from its beginning to its end.
pub(super) trait Pieces {
    /// Bytes that are left.
    fn left(&self) -> u64;

    /// Fills the buffer with the next bytes, of which there must be so many.
    ///
    /// # Errors
    /// If they can't be read.
    fn next(&mut self, buffer: &mut [u8]) -> Result<(), ElfError>;
}

/// Where each of the names is among strings that end with a zero, alone or as the end of another; in their order.
///
/// # Errors
/// If they can't be read, or a name is there too often.
pub(super) fn places<const N: usize>(
    mut strings: impl Pieces,
    names: [&str; N],
) -> Result<[Vec<u32>; N], ElfError> {
    let longest = names.iter().map(|name| name.len()).max().unwrap_or(0);
    // Most strings, and the empty ones of a file of zeros, end otherwise: they are told by one byte.
    let mut is_last = [false; 256];
    names.iter().filter_map(|name| name.bytes().last()).for_each(|last| is_last[usize::from(last)] = true);
    let mut places = [const { Vec::new() }; N];
    let mut window: Vec<u8> = Vec::new();
    // Bytes of the table before the window.
    let mut before = 0;
    while strings.left() > 0 {
        let kept = window.len().min(longest);
        before += window.len() - kept;
        window.drain(..window.len() - kept);
        window.resize(kept + strings.left().min(PIECE) as usize, 0);
        strings.next(&mut window[kept..])?;
        let ends =
            (kept.max(1)..window.len()).filter(|&at| window[at] == 0 && is_last[usize::from(window[at - 1])]);
        for end in ends {
            for (places, name) in places.iter_mut().zip(names) {
                if window[..end].ends_with(name.as_bytes()) {
                    if places.len() >= MOST_PLACES {
                        return Err(ElfError::Malformed(format!(
                            "more than {MOST_PLACES} strings end with {name}"
                        )));
                    }
                    // A table has 64 MiB at most.
                    places.push((before + end - name.len()) as u32);
                }
            }
        }
    }
    Ok(places)
}

/// Calls `each` for each whole entry of a table.
///
/// # Errors
/// If they can't be read.
pub(super) fn each<T: Pod + Default>(
    mut table: impl Pieces,
    mut each: impl FnMut(&T),
) -> Result<(), ElfError> {
    let size = size_of::<T>() as u64;
    let mut entries = vec![T::default(); (PIECE / size).min(table.left() / size) as usize];
    while !entries.is_empty() {
        table.next(bytes_of_slice_mut(&mut entries))?;
        entries.iter().for_each(&mut each);
        entries.truncate((table.left() / size) as usize);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bytes<'a>(&'a [u8]);

    impl Pieces for Bytes<'_> {
        fn left(&self) -> u64 {
            self.0.len() as u64
        }

        fn next(&mut self, buffer: &mut [u8]) -> Result<(), ElfError> {
            let (next, left) =
                self.0.split_at_checked(buffer.len()).ok_or(ElfError::Malformed("short".to_owned()))?;
            buffer.copy_from_slice(next);
            self.0 = left;
            Ok(())
        }
    }

    #[test]
    fn names_are_found_alone_and_as_ends_of_others_but_not_as_beginnings() {
        let strings = b"\0main\0remain\0mains\0main";
        assert_eq!(places(Bytes(strings), ["main", "x", "s"]), Ok([vec![1, 8], vec![], vec![17]]));
        assert_eq!(places(Bytes(b""), ["main"]), Ok([vec![]]));
    }

    #[test]
    fn names_that_lie_across_two_pieces_are_found() {
        for shift in 0..8 {
            let start = PIECE as usize - shift;
            let mut strings = vec![b'.'; start];
            strings.extend(b"main\0");
            strings.resize(3 * PIECE as usize, b'-');
            assert_eq!(
                places(Bytes(&strings), ["main", "longer than main"]),
                Ok([vec![start as u32], vec![]])
            );
        }
    }

    #[test]
    fn strings_that_end_alike_are_counted() {
        let strings = b"a\0".repeat(MOST_PLACES + 1);
        assert!(
            matches!(places(Bytes(&strings), ["a"]), Err(ElfError::Malformed(why)) if why.contains("1000"))
        );
        assert_eq!(places(Bytes(&strings[2..]), ["a"]).map(|[places]| places.len()), Ok(MOST_PLACES));
    }

    #[test]
    fn every_whole_entry_is_seen_once() {
        let numbers: Vec<u8> = (0..40_000_u32).flat_map(u32::to_ne_bytes).chain([1, 2, 3]).collect();
        let mut seen = Vec::new();
        each(Bytes(&numbers), |number: &u32| seen.push(*number)).expect("numbers");
        assert_eq!(seen, (0..40_000).collect::<Vec<_>>());
        each(Bytes(&[]), |_: &u32| panic!("there is none")).expect("nothing");
    }
}
