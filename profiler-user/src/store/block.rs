//! A window in the log: one block of bytes, whole or not there.
//!
//! ```text
//! 0   4  "FTW1"; another number: another version
//! 4   4  bytes of `samples` and `ticks`
//! 8   4  bytes of `stacks`; 0: no stack is new
//! 12  4  number of the first log of the run that wrote it
//! 16  8  number of the window in that run
//! 24  16 the first bytes of the SHA-256 of the 24 before and of all after
//! 40     `samples`, then `ticks` if there are any, then `stacks`: each an Arrow IPC stream with one batch
//! ```
//!
//! Numbers have their least significant byte first. One IPC stream for the whole log was rejected: it has no checksum, so
//! that a bit that flips is a sample that never was, and whoever reads it must believe the lengths in it. Two logs, one for
//! each table, were too: a window is in one write and one fsync here, or it is not there. The numbers of run and window
//! tell a block that was written twice, as the log that was tried first could not be cut.
//!
//! `ticks` came later: a stream says where it ends, so who does not know of them reads `samples` and does not see what
//! follows, and a block without them is what it was before. It must not know files.

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};
use sha2::{Digest, Sha256};

use super::schema::{SAMPLES, STACKS, TICKS};

/// Of this version.
const MAGIC: [u8; 4] = *b"FTW1";
/// Bytes before `samples`.
pub const HEADER: usize = 40;
const SUMMED: usize = 24;

/// Tells a window from every other that is in a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId {
    /// The number of the first log of the run that wrote it.
    pub run: u32,
    /// Its number in that run.
    pub window: u64,
}

/// A window's rows, as they are in a log.
#[derive(Clone, Debug)]
pub struct Block {
    /// Which window it is.
    pub id: BlockId,
    /// Rows of `samples`.
    pub samples: RecordBatch,
    /// Rows of `ticks`.
    pub ticks: Option<RecordBatch>,
    /// Rows of `stacks` that were new.
    pub stacks: Option<RecordBatch>,
}

/// Why bytes are no block.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// There are too few of them: written in part.
    #[error("it ends in the middle of a block")]
    Short,
    /// Another version wrote it, or something else.
    #[error("a block does not begin with the mark of this version")]
    Mark,
    /// The checksum is another one.
    #[error("the checksum of a block is wrong")]
    Sum,
    /// The checksum is right, the content is not.
    #[error("the content of a block can't be read: {0}")]
    Content(#[from] ArrowError),
}

impl Block {
    /// The bytes of this block.
    ///
    /// # Errors
    /// If it is too large: 4 GiB.
    pub fn encode(&self) -> Result<Vec<u8>, ArrowError> {
        let mut bytes = vec![0; HEADER];
        write_stream(&self.samples, &mut bytes)?;
        if let Some(ticks) = &self.ticks {
            write_stream(ticks, &mut bytes)?;
        }
        let samples = bytes.len() - HEADER;
        if let Some(stacks) = &self.stacks {
            write_stream(stacks, &mut bytes)?;
        }
        let stacks = bytes.len() - HEADER - samples;
        let length = |length: usize| {
            u32::try_from(length)
                .map_err(|_| ArrowError::InvalidArgumentError("a window of 4 GiB".to_owned()))
        };
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&length(samples)?.to_le_bytes());
        bytes[8..12].copy_from_slice(&length(stacks)?.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.id.run.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.window.to_le_bytes());
        let sum = sum(&bytes[..SUMMED], &bytes[HEADER..]);
        bytes[SUMMED..HEADER].copy_from_slice(&sum);
        Ok(bytes)
    }

    /// The block at the beginning of `bytes`, and how many of them it has.
    ///
    /// # Errors
    /// If there is none.
    pub fn decode(bytes: &[u8]) -> Result<(Block, usize), BlockError> {
        let length = length(bytes)?;
        let (block, header) = (bytes.get(..length).ok_or(BlockError::Short)?, &bytes[..HEADER]);
        if sum(&header[..SUMMED], &block[HEADER..]) != header[SUMMED..] {
            return Err(BlockError::Sum);
        }
        let end = HEADER + number(header, 4) as usize;
        let (samples, mut stacks) = (&block[HEADER..end], &block[end..]);
        let mut rest = samples;
        let samples = read_stream(&mut rest, &SAMPLES)?;
        let ticks = if rest.is_empty() { None } else { Some(read_stream(&mut rest, &TICKS)?) };
        let stacks = if stacks.is_empty() { None } else { Some(read_stream(&mut stacks, &STACKS)?) };
        let window = u64::from(number(header, 16)) | u64::from(number(header, 20)) << 32;
        let id = BlockId { run: number(header, 12), window };
        Ok((Block { id, samples, ticks, stacks }, length))
    }
}

/// How many bytes the block that begins here says that it has.
///
/// # Errors
/// If it does not begin like one.
pub fn length(bytes: &[u8]) -> Result<usize, BlockError> {
    // What is zero was never written: some file systems lengthen a file before its bytes are there.
    let begun = bytes.len().min(MAGIC.len());
    if bytes[..begun] != MAGIC[..begun] {
        return Err(BlockError::Mark);
    }
    let header = bytes.get(..HEADER).ok_or(BlockError::Short)?;
    Ok(HEADER + number(header, 4) as usize + number(header, 8) as usize)
}

fn number(header: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

fn sum(header: &[u8], content: &[u8]) -> [u8; HEADER - SUMMED] {
    let whole: [u8; 32] = Sha256::new().chain_update(header).chain_update(content).finalize().into();
    std::array::from_fn(|at| whole[at])
}

fn write_stream(batch: &RecordBatch, bytes: &mut Vec<u8>) -> Result<(), ArrowError> {
    let mut writer = StreamWriter::try_new(bytes, &batch.schema())?;
    writer.write(batch)?;
    writer.finish()
}

/// Reads a stream to its end; `bytes` is what follows it then.
fn read_stream(bytes: &mut &[u8], schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let mut reader = StreamReader::try_new(bytes, None)?;
    if reader.schema() != *schema {
        return Err(ArrowError::SchemaError("its columns are not those of this version".to_owned()));
    }
    let nothing = || ArrowError::ParseError("there is no batch".to_owned());
    let batch = reader.next().ok_or_else(nothing)??;
    match reader.next() {
        None => Ok(batch),
        Some(_) => Err(ArrowError::ParseError("there is more than one batch".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::encode::encode;
    use crate::store::testing::window;

    fn block() -> Block {
        let encoded = encode(&window(0, 3), "node", |_, _| true);
        let id = BlockId { run: 7, window: 1 << 40 };
        Block { id, samples: encoded.samples, ticks: Some(encoded.ticks), stacks: Some(encoded.stacks) }
    }

    #[test]
    fn a_block_survives_the_way_through_bytes() {
        let block = block();
        let mut bytes = block.encode().unwrap();
        let length = bytes.len();
        bytes.extend_from_slice(b"what comes after");
        let (read, took) = Block::decode(&bytes).unwrap();
        assert_eq!(
            (read.id, read.samples, read.ticks, read.stacks, took),
            (block.id, block.samples, block.ticks, block.stacks, length)
        );
        let bare = Block { stacks: None, ..self::block() };
        assert_eq!(Block::decode(&bare.encode().unwrap()).unwrap().0.stacks, None);
        assert!(self::block().ticks.is_some_and(|ticks| ticks.num_rows() > 0));
    }

    #[test]
    fn what_knows_no_ticks_reads_the_rest_and_what_has_none_is_read() {
        let block = block();
        let bytes = block.encode().unwrap();
        // As it was read before there were ticks: one stream at the beginning of each part, whatever follows it.
        let stacks = HEADER + number(&bytes, 4) as usize;
        for (part, expected) in
            [(&bytes[HEADER..stacks], &block.samples), (&bytes[stacks..], block.stacks.as_ref().unwrap())]
        {
            let read = StreamReader::try_new(part, None).unwrap().next().unwrap().unwrap();
            assert_eq!(read, *expected);
        }
        let before = Block { ticks: None, ..block.clone() };
        let read = Block::decode(&before.encode().unwrap()).unwrap().0;
        assert_eq!((read.ticks, read.samples, read.stacks), (None, block.samples, block.stacks));
    }

    #[test]
    fn a_part_of_a_block_is_short_and_no_flipped_bit_goes_unseen() {
        let bytes = block().encode().unwrap();
        for length in 0..bytes.len() {
            assert!(matches!(Block::decode(&bytes[..length]), Err(BlockError::Short)), "{length}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            assert!(Block::decode(&flipped).is_err(), "byte {at}");
        }
    }
}
