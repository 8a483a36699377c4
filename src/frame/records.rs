//! The frame of graded samples: one row per `EvalRecord`, written as parquet.

use std::collections::HashSet;
use std::path::Path;

use polars::prelude::*;

use crate::disk;
use crate::error::{Error, Result};
use crate::types::{EvalRecord, Finish, ProblemId, Verdict};

/// The schema: column, dtype, whether it may be null, what it holds.
pub const SCHEMA: &[(&str, DataType, bool, &str)] = &[
    ("run", DataType::String, false, "name of the run"),
    ("model", DataType::String, false, "name of the model"),
    ("benchmark", DataType::String, false, "name of the benchmark"),
    ("problem", DataType::String, false, "problem id: benchmark and content hash"),
    ("level", DataType::UInt32, true, "difficulty"),
    ("subject", DataType::String, true, "subject"),
    ("sample", DataType::UInt32, false, "sample index, from 0"),
    ("seed", DataType::UInt64, false, "seed of the run"),
    ("verdict", DataType::String, false, "correct, wrong, no_answer, truncated or failed"),
    ("answer", DataType::String, true, "extracted answer"),
    ("gold", DataType::String, false, "reference answer"),
    ("finish", DataType::String, false, "stop, length or error"),
    ("prompt_tokens", DataType::UInt32, false, "tokens of the prompt"),
    ("completion_tokens", DataType::UInt32, false, "tokens of the completion, end token included"),
    ("logprob_sum", DataType::Float64, true, "sum of the completion's log-probabilities"),
    ("grader", DataType::String, false, "grader name and version"),
    ("text", DataType::String, false, "the completion"),
];

fn finish_name(finish: Finish) -> &'static str {
    match finish {
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Error => "error",
    }
}

pub(crate) fn bad(error: &PolarsError) -> Error {
    Error::data("result frame", first_line(error))
}

/// A frame with one row per record.
///
/// # Errors
/// polars refuses the columns (never for records as they are made here).
pub fn from_records(records: &[EvalRecord]) -> Result<DataFrame> {
    fn texts<'a>(name: &str, values: impl Iterator<Item = &'a str>) -> Column {
        Column::new(name.into(), values.collect::<Vec<_>>())
    }
    let r = || records.iter();
    let columns = vec![
        texts("run", r().map(|x| x.run.as_str())),
        texts("model", r().map(|x| x.model.as_str())),
        texts("benchmark", r().map(|x| x.benchmark.as_str())),
        texts("problem", r().map(|x| x.problem.0.as_str())),
        Column::new("level".into(), r().map(|x| x.level.map(u32::from)).collect::<Vec<_>>()),
        Column::new("subject".into(), r().map(|x| x.subject.as_deref()).collect::<Vec<_>>()),
        Column::new("sample".into(), r().map(|x| x.sample).collect::<Vec<_>>()),
        Column::new("seed".into(), r().map(|x| x.seed).collect::<Vec<_>>()),
        texts("verdict", r().map(|x| x.verdict.name())),
        Column::new("answer".into(), r().map(|x| x.answer.as_deref()).collect::<Vec<_>>()),
        texts("gold", r().map(|x| x.gold.as_str())),
        texts("finish", r().map(|x| finish_name(x.finish))),
        Column::new("prompt_tokens".into(), r().map(|x| x.prompt_tokens).collect::<Vec<_>>()),
        Column::new(
            "completion_tokens".into(),
            r().map(|x| x.completion_tokens).collect::<Vec<_>>(),
        ),
        Column::new("logprob_sum".into(), r().map(|x| x.logprob_sum).collect::<Vec<_>>()),
        texts("grader", r().map(|x| x.grader.as_str())),
        texts("text", r().map(|x| x.text.as_str())),
    ];
    DataFrame::new(records.len(), columns).map_err(|e| bad(&e))
}

/// Checks that a column of [`SCHEMA`] is there, of its dtype, and without nulls where none may be.
pub(crate) fn column_checked(frame: &DataFrame, name: &str) -> Result<()> {
    let (name, dtype, nullable, about) = SCHEMA
        .iter()
        .find(|(known, ..)| *known == name)
        .expect("only columns of the schema are asked for");
    let column = frame.column(name).map_err(|_| {
        let problem = format!("has no column '{name}' ({about}): is it a frame of howard's?");
        Error::data("result frame", problem)
    })?;
    if column.dtype() != dtype {
        let problem = format!("column '{name}' has dtype {}, expected {dtype}", column.dtype());
        return Err(Error::data("result frame", problem));
    }
    if !nullable && column.null_count() > 0 {
        let problem = format!("column '{name}' has {} nulls, expected none", column.null_count());
        return Err(Error::data("result frame", problem));
    }
    Ok(())
}

/// The records of a frame, checked: every column there, of its dtype, no nulls where none may be, no sample twice.
///
/// # Errors
/// The first column or row that is wrong, by name or number.
pub fn to_records(frame: &DataFrame) -> Result<Vec<EvalRecord>> {
    for (name, ..) in SCHEMA {
        column_checked(frame, name)?;
    }
    let text = |name: &str| frame.column(name).and_then(|c| c.str()).map_err(|e| bad(&e));
    let number = |name: &str| frame.column(name).and_then(|c| c.u32()).map_err(|e| bad(&e));
    let (runs, models, benchmarks) = (text("run")?, text("model")?, text("benchmark")?);
    let (problems, subjects, verdicts) = (text("problem")?, text("subject")?, text("verdict")?);
    let (answers, golds, finishes) = (text("answer")?, text("gold")?, text("finish")?);
    let (graders, completions, levels) = (text("grader")?, text("text")?, number("level")?);
    let (samples, prompt_tokens) = (number("sample")?, number("prompt_tokens")?);
    let completion_tokens = number("completion_tokens")?;
    let seeds = frame.column("seed").and_then(|c| c.u64()).map_err(|e| bad(&e))?;
    let logprobs = frame.column("logprob_sum").and_then(|c| c.f64()).map_err(|e| bad(&e))?;
    let own = |column: &StringChunked, row: usize| column.get(row).unwrap_or_default().to_string();

    let mut seen = HashSet::with_capacity(frame.height());
    let mut records = Vec::with_capacity(frame.height());
    for row in 0..frame.height() {
        let verdict = own(verdicts, row);
        let verdict = Verdict::ALL.into_iter().find(|v| v.name() == verdict).ok_or_else(|| {
            Error::data("result frame", format!("row {row}: no verdict is '{verdict}'"))
        })?;
        let finish = own(finishes, row);
        let finish = [Finish::Stop, Finish::Length, Finish::Error]
            .into_iter()
            .find(|f| finish_name(*f) == finish)
            .ok_or_else(|| {
                Error::data("result frame", format!("row {row}: no finish is '{finish}'"))
            })?;
        let record = EvalRecord {
            run: own(runs, row),
            model: own(models, row),
            benchmark: own(benchmarks, row),
            problem: ProblemId(own(problems, row)),
            level: levels.get(row).and_then(|l| u8::try_from(l).ok()),
            subject: subjects.get(row).map(String::from),
            sample: samples.get(row).unwrap_or_default(),
            seed: seeds.get(row).unwrap_or_default(),
            verdict,
            answer: answers.get(row).map(String::from),
            gold: own(golds, row),
            finish,
            prompt_tokens: prompt_tokens.get(row).unwrap_or_default(),
            completion_tokens: completion_tokens.get(row).unwrap_or_default(),
            logprob_sum: logprobs.get(row),
            grader: own(graders, row),
            text: own(completions, row),
        };
        let key = (record.run.clone(), record.problem.clone(), record.sample);
        if !seen.insert(key) {
            let problem =
                format!("row {row}: sample {} of {} stands twice", record.sample, record.problem);
            return Err(Error::data("result frame", problem));
        }
        records.push(record);
    }
    Ok(records)
}

/// Writes records as parquet, by way of a temporary file.
///
/// # Errors
/// The folder cannot be written or the disk is full; nothing is left behind.
pub fn write_records(records: &[EvalRecord], path: &Path) -> Result<()> {
    let mut frame = from_records(records)?;
    disk::write_atomic_with(path, |file| {
        ParquetWriter::new(file)
            .with_compression(ParquetCompression::Zstd(None))
            .finish(&mut frame)
            .map(|_| ())
            .map_err(|e| Error::file(path, format!("cannot be written: {}", first_line(&e))))
    })
}

/// Reads the records of a parquet file.
///
/// # Errors
/// The file is missing, is not parquet, or is not a frame of graded samples.
pub fn read_records(path: &Path) -> Result<Vec<EvalRecord>> {
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let frame = ParquetReader::new(file)
        .finish()
        .map_err(|e| Error::file(path, format!("is not a parquet file: {}", first_line(&e))))?;
    to_records(&frame).map_err(|e| match e {
        Error::Data { problem, .. } => Error::file(path, problem),
        other => other,
    })
}

pub(crate) fn first_line(error: &PolarsError) -> String {
    error.to_string().lines().next().unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(sample: u32) -> EvalRecord {
        EvalRecord {
            run: "r".into(),
            model: "m".into(),
            benchmark: "b".into(),
            problem: ProblemId("b:1".into()),
            level: (sample > 0).then_some(3),
            subject: None,
            sample,
            seed: u64::MAX,
            verdict: Verdict::ALL[sample as usize % 5],
            answer: Some("1\n2".into()),
            gold: "12".into(),
            finish: Finish::Length,
            prompt_tokens: 5,
            completion_tokens: 7,
            logprob_sum: Some(-0.1),
            grader: "g/1".into(),
            text: "a \"quoted\" text".into(),
        }
    }

    #[test]
    fn records_survive_parquet_unchanged() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.parquet");
        let records: Vec<EvalRecord> = (0..7).map(record).collect();
        write_records(&records, &path).unwrap();
        assert_eq!(read_records(&path).unwrap(), records);
    }

    #[test]
    fn broken_frames_are_refused_in_one_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("records.parquet");
        write_records(&[record(0), record(0)], &path).unwrap();
        let message = read_records(&path).unwrap_err().to_string();
        assert!(message.contains("row 1: sample 0 of b:1 stands twice"), "{message}");
        let frame = from_records(&[record(0)]).unwrap().drop("gold").unwrap();
        let message = to_records(&frame).unwrap_err().to_string();
        assert!(message.contains("no column 'gold'"), "{message}");
        std::fs::write(&path, "not parquet").unwrap();
        let message = read_records(&path).unwrap_err().to_string();
        assert!(message.contains("records.parquet: is not a parquet file"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
}
