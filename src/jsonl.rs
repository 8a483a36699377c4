//! JSON lines: read with file and line in every error, appended one whole line at a time.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// Reads a whole file of JSON lines; empty lines are skipped.
///
/// # Errors
/// The file cannot be read, or the first line that is not a `T`, by number.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    Ok(read_numbered(path)?.into_iter().map(|(_, row)| row).collect())
}

/// Like [`read`], each row with its line, counted from 1.
///
/// # Errors
/// As [`read`].
pub fn read_numbered<T: DeserializeOwned>(path: &Path) -> Result<Vec<(usize, T)>> {
    let mut rows = Vec::new();
    let reader = BufReader::new(File::open(path).map_err(|e| Error::io(path, e))?);
    for (index, line) in reader.split(b'\n').enumerate() {
        let line = line.map_err(|e| Error::io(path, e))?;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let row = serde_json::from_slice(&line).map_err(|e| {
            Error::parse(path, index + 1, format!("not the expected JSON: {}", cause(&e)))
        })?;
        rows.push((index + 1, row));
    }
    Ok(rows)
}

/// serde's message without its own line number, which would count within the line.
pub fn cause(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_string(),
        None => text,
    }
}

/// Keeps the rows of a file for which `wanted` holds; a last line that a kill cut short is dropped. Returns what
/// was kept; nothing where there is no file.
///
/// # Errors
/// The file cannot be read or written, or a line is not a `T`.
pub fn retain<T: Serialize + DeserializeOwned>(
    path: &Path,
    wanted: impl Fn(&T) -> bool,
) -> Result<Vec<T>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    drop(Appender::<T>::open(path)?);
    let rows: Vec<T> = read::<T>(path)?.into_iter().filter(|row| wanted(row)).collect();
    write(path, &rows)?;
    Ok(rows)
}

/// Writes rows as a whole file.
///
/// # Errors
/// The file cannot be written.
pub fn write<T: Serialize>(path: &Path, rows: &[T]) -> Result<()> {
    let mut text = String::new();
    for row in rows {
        let line = serde_json::to_string(row)
            .map_err(|e| Error::file(path, format!("a row cannot be written as JSON: {e}")))?;
        text.push_str(&line);
        text.push('\n');
    }
    crate::disk::write_atomic(path, text.as_bytes())
}

/// Appends rows to a file of JSON lines, each written with one call, so that a kill can only cut the last line.
#[derive(Debug)]
pub struct Appender<T> {
    path: PathBuf,
    file: File,
    rows: PhantomData<fn(&T)>,
}

impl<T: Serialize> Appender<T> {
    /// Opens or creates the file; a last line that a kill cut short is removed first.
    ///
    /// # Errors
    /// The file cannot be opened or repaired.
    pub fn open(path: &Path) -> Result<Self> {
        let io = |e| Error::io(path, e);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let whole = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |end| end + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(io)?;
        }
        file.seek(SeekFrom::Start(whole as u64)).map_err(io)?;
        Ok(Self { path: path.to_path_buf(), file, rows: PhantomData })
    }

    /// Appends one row.
    ///
    /// # Errors
    /// The disk is full or the file was taken away.
    pub fn append(&mut self, row: &T) -> Result<()> {
        let mut line = serde_json::to_vec(row).map_err(|e| {
            Error::file(&self.path, format!("a row cannot be written as JSON: {e}"))
        })?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|e| Error::io(&self.path, e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_cut_is_dropped_and_appending_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        std::fs::write(&path, "1\n2\n{\"hal").unwrap();
        Appender::<u32>::open(&path).unwrap().append(&3).unwrap();
        assert_eq!(read::<u32>(&path).unwrap(), vec![1, 2, 3]);
    }

    #[test]
    fn an_error_names_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.jsonl");
        std::fs::write(&path, "1\n\n\"two\"\n").unwrap();
        let message = read::<u32>(&path).unwrap_err().to_string();
        assert!(message.contains("rows.jsonl:3: "), "{message}");
        assert!(!message.contains("at line"), "{message}");
    }
}
