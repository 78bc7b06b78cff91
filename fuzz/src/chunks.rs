//! Sparse bytes in a target's input: chunks of a place (8 bytes, little-endian), a length (2) and that many bytes.
//! Any input is some; what is cut short at the end is left out.

use firetower::process::sparse::Sparse;

/// Longer runs of zeros than this are a hole.
const HOLE: usize = 16;

/// Reads them.
pub fn chunks(mut input: &[u8]) -> Sparse {
    let mut sparse = Sparse::default();
    while let Some((place, rest)) = input.split_first_chunk() {
        let Some((length, rest)) = rest.split_first_chunk() else { break };
        let (bytes, rest) = rest.split_at(usize::from(u16::from_le_bytes(*length)).min(rest.len()));
        sparse.insert(u64::from_le_bytes(*place), bytes);
        input = rest;
    }
    sparse
}

/// Writes them. Zeros become holes if `holes_are_zero`.
pub fn to_chunks(sparse: &Sparse, holes_are_zero: bool) -> Vec<u8> {
    let mut output = Vec::new();
    for (start, bytes) in sparse.ranges() {
        let mut place = start;
        for run in bytes.chunk_by(|a, b| !holes_are_zero || (*a == 0) == (*b == 0)) {
            if !(holes_are_zero && run[0] == 0 && run.len() > HOLE) {
                let pieces = run.chunks(usize::from(u16::MAX));
                let mut at = place;
                for piece in pieces {
                    output.extend(at.to_le_bytes());
                    output.extend((piece.len() as u16).to_le_bytes());
                    output.extend(piece);
                    at += piece.len() as u64;
                }
            }
            place += run.len() as u64;
        }
    }
    output
}
