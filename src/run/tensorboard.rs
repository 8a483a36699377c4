//! TensorBoard event files: what its reader needs and nothing else.
//!
//! A file is a sequence of records `length (u64) | masked CRC-32C of it | data | masked CRC-32C of the data`, little endian
//! (tensorflow `core/lib/io/record_writer.cc`). Data is a protobuf `Event` (tensorflow `core/util/event.proto`): 1 wall_time
//! (double), 2 step (int64), 3 file_version (string), 5 summary; a summary holds values (field 1) of tag (1, string) and
//! simple_value (2, float). The first event names the version.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::disk;
use crate::error::{Error, Result};

const VERSION: &str = "brain.Event:2";

/// CRC-32C (Castagnoli), bit by bit over a reflected polynomial; events are short.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 }
        })
    })
}

/// A checksum of data that itself holds checksums must not be one of them: rotated and shifted.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        #[allow(clippy::cast_possible_truncation)]
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)]
    out.push(value as u8);
}

/// A field of bytes: number, length, content.
fn field(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(out, number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn event(wall_time: f64, step: u64, rest: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut data = vec![1 << 3 | 1];
    data.extend_from_slice(&wall_time.to_le_bytes());
    if step > 0 {
        varint(&mut data, 2 << 3);
        varint(&mut data, step);
    }
    rest(&mut data);
    data
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let (head, tail) = (masked(&length).to_le_bytes(), masked(data).to_le_bytes());
    [&length, head.as_slice(), data, &tail].concat()
}

/// One event of scalars. `wall_time` is in seconds since 1970.
#[allow(clippy::cast_possible_truncation)]
fn scalars(wall_time: f64, step: u64, values: &[(impl AsRef<str>, f64)]) -> Vec<u8> {
    event(wall_time, step, |data| {
        let mut summary = Vec::new();
        for (tag, value) in values {
            let mut entry = Vec::new();
            field(&mut entry, 1, tag.as_ref().as_bytes());
            entry.push(2 << 3 | 5);
            entry.extend_from_slice(&(*value as f32).to_le_bytes());
            field(&mut summary, 1, &entry);
        }
        field(data, 5, &summary);
    })
}

/// The whole records of a file (a torn or damaged one ends them), each with its step.
fn records(bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_at_checked(8) {
        let n = u64::from_le_bytes(length.try_into().expect("eight bytes were taken"));
        let Some(n) = usize::try_from(n).ok().filter(|n| n + 8 <= after.len()) else { break };
        let data = &after[4..4 + n];
        let sum = |at: usize| after[at..at + 4].to_vec();
        if sum(0) != masked(length).to_le_bytes() || sum(4 + n) != masked(data).to_le_bytes() {
            break;
        }
        found.push((step_of(data), &rest[..n + 16]));
        rest = &after[n + 8..];
    }
    found
}

/// The step of an event as written here: behind nine bytes of wall time, 0 where there is none.
fn step_of(data: &[u8]) -> u64 {
    let mut step = 0;
    if let Some((&[tag], varint)) = data
        .get(9..)
        .and_then(|d| d.split_at_checked(1))
        .map(|(t, v)| (<&[u8; 1]>::try_from(t).expect("one byte was taken"), v))
        && tag == 2 << 3
    {
        for (place, byte) in varint.iter().take(10).enumerate() {
            step |= u64::from(byte & 0x7f) << (7 * place).min(63);
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    step
}

/// An event file that a run appends to.
#[derive(Debug)]
pub struct Events {
    path: PathBuf,
    file: std::fs::File,
}

impl Events {
    /// Opens a file for a run that goes on at step `first`: events of later steps are dropped, they come again.
    /// `wall_time` (seconds since 1970) is for the head of a new file.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn open(path: &Path, first: u64, wall_time: f64) -> Result<Self> {
        let there = if path.exists() {
            std::fs::read(path).map_err(|e| Error::io(path, e))?
        } else {
            Vec::new()
        };
        let mut kept: Vec<u8> = Vec::new();
        for (step, record) in records(&there) {
            if step < first || kept.is_empty() {
                kept.extend_from_slice(record);
            }
        }
        if kept.is_empty() {
            let head = event(wall_time, 0, |data| field(data, 3, VERSION.as_bytes()));
            kept = record(&head);
        }
        disk::write_atomic(path, &kept)?;
        let file = std::fs::OpenOptions::new().append(true).open(path);
        let file = file.map_err(|e| Error::io(path, e))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Appends scalars of a step.
    ///
    /// # Errors
    /// The disk is full.
    pub fn scalars(
        &mut self,
        wall_time: f64,
        step: u64,
        values: &[(impl AsRef<str>, f64)],
    ) -> Result<()> {
        let bytes = record(&scalars(wall_time, step, values));
        self.file.write_all(&bytes).map_err(|e| Error::io(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_rfc_3720() {
        // RFC 3720, B.4: 32 bytes of zeros, of ones, ascending.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
    }

    /// tests/golden/tensorboard.py: the bytes that TensorBoard's own writer makes of the same events, which its own reader
    /// reads back.
    #[test]
    fn the_file_is_the_one_that_tensorboard_writes() {
        let golden = include_bytes!("../../tests/golden/events.out.tfevents.golden");
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("events");
        let mut events = Events::open(&path, 0, 1_700_000_000.25).unwrap();
        events.scalars(1_700_000_001.5, 0, &[("reward", 0.25), ("loss", -1.5)]).unwrap();
        events.scalars(1_700_000_002.5, 1, &[("reward", 0.5)]).unwrap();
        events.scalars(1_700_000_003.5, 300, &[("clip_ratio/low_mean", 1e-7)]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), golden);
    }

    #[test]
    fn a_run_that_goes_on_writes_each_step_once_and_mends_a_torn_end() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, first: u64, steps: std::ops::Range<u64>| {
            let mut events = Events::open(&dir.path().join(name), first, 1.0).unwrap();
            for step in steps {
                events.scalars(2.0, step, &[("x", step as f64)]).unwrap();
            }
        };
        write("whole", 0, 0..400);
        write("cut", 0, 0..350);
        let mut bytes = std::fs::read(dir.path().join("cut")).unwrap();
        bytes.truncate(bytes.len() - 5);
        std::fs::write(dir.path().join("cut"), bytes).unwrap();
        write("cut", 300, 300..400);
        let read = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        assert!(read("whole") == read("cut"));
        assert_eq!(records(&read("whole")).len(), 401);
    }
}
