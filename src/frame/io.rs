//! Frames on disk: parquet, CSV and JSON lines, chosen by the file's ending.

use std::path::Path;
use std::sync::Arc;

use polars::prelude::*;

use super::cell::{COLUMNS, Cell, cells};
use super::records::{self, SCHEMA, first_line};
use crate::error::{Error, Result};
use crate::{disk, jsonl};

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Parquet,
    Csv,
    Json,
}

fn kind(path: &Path) -> Result<Kind> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("parquet") => Ok(Kind::Parquet),
        Some("csv") => Ok(Kind::Csv),
        Some("jsonl" | "ndjson") => Ok(Kind::Json),
        _ => Err(Error::file(path, "is not a known kind of frame: use .parquet, .csv or .jsonl")),
    }
}

/// Reads a frame of graded samples. Columns of a CSV or JSON file get the dtypes of [`SCHEMA`]; `only` restricts parquet
/// files to some columns, which is how a report does without the texts.
///
/// # Errors
/// The file is missing, damaged or of an unknown kind. Whether the columns are all there is the reader's to check.
pub fn read(path: &Path, only: Option<&[&str]>) -> Result<DataFrame> {
    let kind = kind(path)?;
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let dtypes: Schema =
        SCHEMA.iter().map(|(name, dtype, ..)| Field::new((*name).into(), dtype.clone())).collect();
    let (result, what) = match kind {
        Kind::Parquet => {
            let mut reader = ParquetReader::new(file);
            if let (Some(only), Ok(schema)) = (only, reader.schema()) {
                // A missing column is named by the check that follows, in our words.
                let there = only.iter().filter(|name| schema.contains(name));
                let columns = there.map(|name| (*name).to_string()).collect();
                reader = reader.with_columns(Some(columns));
            }
            (reader.finish(), "parquet")
        }
        Kind::Csv => {
            let options = CsvReadOptions::default().with_schema_overwrite(Some(Arc::new(dtypes)));
            (options.into_reader_with_file_handle(file).finish(), "CSV")
        }
        // Through serde: lines are named in errors, and polars' reader cannot take seeds above 2^63.
        Kind::Json => return records::from_records(&jsonl::read(path)?),
    };
    result.map_err(|e| Error::file(path, format!("is not a {what} file: {}", first_line(&e))))
}

/// Writes a frame, by way of a temporary file.
///
/// # Errors
/// The kind is unknown, the folder cannot be written or the disk is full; nothing is left behind.
pub fn write(frame: &mut DataFrame, path: &Path) -> Result<()> {
    let kind = kind(path)?;
    disk::write_atomic_with(path, |file| {
        match kind {
            Kind::Parquet => ParquetWriter::new(file)
                .with_compression(ParquetCompression::Zstd(None))
                .finish(frame)
                .map(|_| ()),
            Kind::Csv => CsvWriter::new(file).finish(frame),
            Kind::Json => {
                JsonWriter::new(file).with_json_format(JsonFormat::JsonLines).finish(frame)
            }
        }
        .map_err(|e| Error::file(path, format!("cannot be written: {}", first_line(&e))))
    })
}

/// Reads the cells of a frame of graded samples, leaving out the texts.
///
/// # Errors
/// As [`read`] and [`cells`], with the file's name.
pub fn read_cells(path: &Path) -> Result<Vec<Cell>> {
    cells(&read(path, Some(COLUMNS))?).map_err(|e| match e {
        Error::Data { problem, .. } => Error::file(path, problem),
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{from_records, to_records};
    use crate::types::{EvalRecord, Finish, ProblemId, Verdict};

    fn records() -> Vec<EvalRecord> {
        (0..5)
            .map(|i| EvalRecord {
                run: "r".into(),
                model: "m".into(),
                benchmark: "b".into(),
                problem: ProblemId(format!("b:{}", i / 2)),
                level: (i > 1).then_some(3),
                subject: None,
                sample: i % 2,
                seed: u64::MAX - 1,
                verdict: Verdict::ALL[i as usize],
                answer: (i != 2).then(|| "01,5\"".into()),
                gold: "0070".into(),
                finish: Finish::Stop,
                prompt_tokens: 4,
                completion_tokens: i,
                logprob_sum: (i > 2).then_some(-1.0 / 3.0),
                grader: "g/1".into(),
                text: "two\nlines, \"quoted\"".into(),
            })
            .collect()
    }

    #[test]
    fn every_kind_gives_back_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["a.parquet", "a.csv", "a.jsonl"] {
            let path = dir.path().join(name);
            write(&mut from_records(&records()).unwrap(), &path).unwrap();
            assert_eq!(to_records(&read(&path, None).unwrap()).unwrap(), records(), "{name}");
            assert_eq!(read_cells(&path).unwrap()[0].samples(), 5, "{name}");
        }
    }

    #[test]
    fn unknown_kinds_and_damaged_files_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.xlsx");
        assert!(
            read(&path, None).unwrap_err().to_string().contains("use .parquet, .csv or .jsonl")
        );
        for name in ["a.parquet", "a.csv", "a.jsonl"] {
            let path = dir.path().join(name);
            assert!(read_cells(&path).is_err(), "{name} is missing");
            std::fs::write(&path, "{\"half").unwrap();
            let message = read_cells(&path).unwrap_err().to_string();
            assert!(message.contains(name) && !message.contains('\n'), "{message}");
        }
    }
}
