//! Rows of parquet, JSON and JSON lines, through polars where the format needs it.

use std::path::Path;

use polars::prelude::*;
use serde_json::{Number, Value};

use crate::bench::{Row, read_json_rows};
use crate::error::{Error, Result};

/// The rows of a file by its name: `.parquet`, `.json` (an array) or JSON lines. Only `columns` are read from
/// parquet; none named = all.
///
/// # Errors
/// The file cannot be read, is not of the format its name says, or a column has a type that JSON cannot hold.
pub fn read_rows(path: &Path, columns: &[&str]) -> Result<Vec<(usize, Row)>> {
    if path.extension().is_some_and(|e| e == "parquet") {
        let frame = read_parquet(path, columns)?;
        return (0..frame.height()).map(|row| Ok((row + 1, object(path, &frame, row)?))).collect();
    }
    read_json_rows(path)
}

/// A parquet file as a frame; only `columns`, none named = all. A column that the file lacks is left out.
///
/// # Errors
/// The file is missing or is not parquet.
pub fn read_parquet(path: &Path, columns: &[&str]) -> Result<DataFrame> {
    let bad = |e: &PolarsError| {
        let text = e.to_string();
        let first = text.lines().next().unwrap_or_default();
        let hint = match first.contains("cannot create series from") {
            true => {
                " (columns of this type cannot be read here: write numbers with 64 bits, anything else as text)"
            }
            false => "",
        };
        Error::file(path, format!("is not a parquet file that can be read: {first}{hint}"))
    };
    let file = std::fs::File::open(path).map_err(|e| Error::io(path, e))?;
    let mut reader = ParquetReader::new(file);
    if !columns.is_empty() {
        let schema = reader.schema().map_err(|e| bad(&e))?;
        let wanted = columns.iter().filter(|name| schema.contains(name));
        reader = reader.with_columns(Some(wanted.map(ToString::to_string).collect()));
    }
    reader.finish().map_err(|e| bad(&e))
}

fn object(path: &Path, frame: &DataFrame, row: usize) -> Result<Row> {
    let mut object = Row::new();
    for column in frame.columns() {
        let cell = column
            .get(row)
            .map_err(|e| Error::parse(path, row + 1, e.to_string()))
            .and_then(|cell| value(&cell).map_err(|e| Error::parse(path, row + 1, e)));
        let cell = cell.map_err(|e| match e {
            Error::Parse { path, line, problem } => {
                Error::parse(path, line, format!("column '{}': {problem}", column.name()))
            }
            other => other,
        })?;
        object.insert(column.name().to_string(), cell);
    }
    Ok(object)
}

fn value(cell: &AnyValue<'_>) -> std::result::Result<Value, String> {
    Ok(match cell {
        AnyValue::Null => Value::Null,
        AnyValue::Boolean(b) => Value::Bool(*b),
        AnyValue::String(text) => Value::String((*text).to_string()),
        AnyValue::StringOwned(text) => Value::String(text.to_string()),
        AnyValue::Float32(x) => Number::from_f64(f64::from(*x)).map_or(Value::Null, Value::Number),
        AnyValue::Float64(x) => Number::from_f64(*x).map_or(Value::Null, Value::Number),
        AnyValue::List(series) => {
            series.iter().map(|inner| value(&inner)).collect::<std::result::Result<_, _>>()?
        }
        other => match other.extract::<i64>() {
            Some(integer) => Value::Number(integer.into()),
            None => return Err(format!("cells of type {} are not supported", other.dtype())),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn parquet_rows_are_those_of_the_json_lines_they_came_from() {
        let dir = tempfile::tempdir().unwrap();
        let lists = Series::new(
            "answers".into(),
            [Series::new("".into(), ["1", "2"]), Series::new("".into(), ["x"])],
        );
        let mut frame = DataFrame::new(
            2,
            vec![
                Column::new("problem".into(), ["a", "b"]),
                Column::new("level".into(), [Some(3i32), None]),
                Column::new("share".into(), [0.5f64, 1.0]),
                lists.into(),
            ],
        )
        .unwrap();
        let path = dir.path().join("t.parquet");
        ParquetWriter::new(std::fs::File::create(&path).unwrap()).finish(&mut frame).unwrap();
        let rows = read_rows(&path, &[]).unwrap();
        let expected = [
            json!({"problem": "a", "level": 3, "share": 0.5, "answers": ["1", "2"]}),
            json!({"problem": "b", "level": null, "share": 1.0, "answers": ["x"]}),
        ];
        for ((place, row), (index, expected)) in rows.iter().zip(expected.iter().enumerate()) {
            assert_eq!((*place, &Value::Object(row.clone())), (index + 1, expected));
        }
        let some = read_rows(&path, &["level", "not there"]).unwrap();
        assert_eq!(Value::Object(some[0].1.clone()), json!({"level": 3}));
        std::fs::write(&path, "no").unwrap();
        let message = read_rows(&path, &[]).unwrap_err().to_string();
        assert!(message.contains("t.parquet: is not a parquet file"), "{message}");
    }
}
