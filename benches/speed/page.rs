//! `docs/benchmarks.md` and its figures, from the frames.

use std::fmt::Write;
use std::path::Path;

use howard::plot::{Line, Lines, Point, lines as draw};
use howard::{disk, jsonl};
use serde_json::Value;

use super::agree::Agreement;
use super::measure::Row;
use super::scaling::{BATCHES, CONTEXTS};

/// What the page says around its tables; the profile of each missed number is written by hand.
const HEAD: &str = include_str!("head.md");
const NOTES: &str = include_str!("notes.md");

/// A case as lines of text, for the terminal.
pub fn lines(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let cells = cells(rows, row);
        let _ = writeln!(text, "  {}", cells.join("  "));
    }
    text
}

/// Program, tokens per second with spread, how many times as fast ours is, share of the matrix rate, memory.
fn cells(case: &[Row], row: &Row) -> Vec<String> {
    if let Some(why) = &row.not_measured {
        return vec![row.program.clone(), format!("not measured ({why})")];
    }
    let ours = case.iter().find(|other| other.program == "howard");
    let rates = row.rates();
    let low = rates.iter().copied().fold(f64::INFINITY, f64::min);
    let high = rates.iter().copied().fold(0.0, f64::max);
    let speed = if row.case == "first token" {
        format!("{:.2} s", Row::median(row.seconds.iter().copied()))
    } else {
        format!("{} ({} to {})", number(Row::median(rates)), number(low), number(high))
    };
    let times = match ours {
        Some(ours) if row.program != "howard" => format!("{:.1} x", advantage(ours, row)),
        _ => String::new(),
    };
    let share = |floor: &[f64]| match floor {
        [] => String::new(),
        _ => {
            let shares = floor.iter().zip(&row.seconds).map(|(floor, seconds)| floor / seconds);
            format!("{:.0} %", 100.0 * Row::median(shares))
        }
    };
    let shares = [share(&row.floor), share(&row.reading)];
    let share = shares.into_iter().filter(|share| !share.is_empty()).collect::<Vec<_>>();
    let share = share.join(", memory ");
    let memory = match ours {
        Some(ours) if row.program != "howard" => {
            format!("{:.0} MB ({:.1} x)", row.peak_mb, row.peak_mb / ours.peak_mb)
        }
        _ => format!("{:.0} MB", row.peak_mb),
    };
    vec![row.program.clone(), speed, times, share, memory]
}

/// How many times as fast ours is: median over the rounds of the ratio of rates, round by round.
fn advantage(ours: &Row, peer: &Row) -> f64 {
    Row::median(ours.rates().iter().zip(peer.rates()).map(|(ours, peer)| ours / peer))
}

fn number(value: f64) -> String {
    if value >= 10_000.0 { format!("{:.1} k", value / 1000.0) } else { format!("{value:.0}") }
}

/// Writes the page from all frames of a folder.
///
/// # Errors
/// A frame is broken or the page cannot be written.
pub fn write(frames: &Path, docs: &Path) -> anyhow::Result<()> {
    let mut page = HEAD.to_string();
    page += &measured(&frames.join("cpu.jsonl"), "make bench")?;
    page += "\n## Agreement\n\n";
    page += &agreement(frames)?;
    page += "\n## On a GPU\n\n";
    page += &measured(&frames.join("gpu.jsonl"), "make bench-gpu")?;
    page += "\n## Grading\n\n";
    page += &grading(&frames.join("grading.jsonl"))?;
    page += "\n## Reporting on a million samples\n\n";
    page += &analysis(&frames.join("analysis.jsonl"))?;
    let scaling = frames.join("scaling.jsonl");
    if scaling.exists() {
        page += "\n## Scaling\n\n";
        page += &curves(&jsonl::read(&scaling)?, docs)?;
    }
    page += "\n";
    page += NOTES;
    disk::write_atomic(&docs.join("benchmarks.md"), page.as_bytes())?;
    Ok(())
}

/// The tables of a frame, or how it is made.
fn measured(frame: &Path, command: &str) -> anyhow::Result<String> {
    if !frame.exists() {
        let name = frame.file_name().unwrap_or_default().to_string_lossy();
        return Ok(format!("Not measured: `{command}` writes `benches/results/{name}`.\n"));
    }
    let rows: Vec<Row> = jsonl::read(frame)?;
    Ok(provenance(&rows) + &tables(&rows))
}

/// How far devices are from fp32 on the CPU.
fn agreement(frames: &Path) -> anyhow::Result<String> {
    let mut text = "What a device computes against fp32 on the CPU with the same weights: log-probabilities of 64 texts, the gradient \
        of the loss on them (for each tensor, the norm of the difference over the norm), and the log-probabilities that the \
        engine says of its own samples against those that training works out for them.\n\n"
        .to_string();
    let names = ["agreement-cpu.jsonl", "agreement-gpu.jsonl"];
    let frames = names.map(|name| frames.join(name)).into_iter().filter(|frame| frame.exists());
    let rows: Vec<Vec<Agreement>> =
        frames.map(|frame| jsonl::read(&frame)).collect::<Result<_, _>>()?;
    if rows.is_empty() {
        text += "Not measured: `make bench` does.\n";
        return Ok(text);
    }
    text += "| model | device | what | largest | mean | within |\n|---|---|---|--:|--:|--:|\n";
    for row in rows.concat() {
        let limit = match row.limit {
            Some(limit) if row.holds() => format!("{limit:.0e}"),
            Some(limit) => format!("not within {limit:.0e}"),
            None => String::new(),
        };
        let Agreement { model, device, what, largest, mean, .. } = row;
        let _ = writeln!(
            text,
            "| {model} | {device} | {what} | {largest:.1e} | {mean:.1e} | {limit} |"
        );
    }
    Ok(text)
}

/// What `benches/grading.rs` and its peer wrote.
fn grading(frame: &Path) -> anyhow::Result<String> {
    if !frame.exists() {
        return Ok("Not measured: `make bench` writes `benches/results/grading.jsonl`.\n".into());
    }
    let rows: Vec<Value> = jsonl::read(frame)?;
    let number = |row: &Value, field: &str| row[field].as_f64().unwrap_or(f64::NAN);
    let mut text = "The same cases (public ones, and rewritings of MATH-500's gold answers that keep or change their value), one \
        thread each, one after the other. Times of ours are the best of seven rounds.\n\n\
        | program | cases judged right | cases/s | median | p99 | maximum | timeouts |\n|---|--:|--:|--:|--:|--:|--:|\n"
        .to_string();
    for row in &rows {
        let _ = writeln!(
            text,
            "| {} | {} of {} | {} | {} | {} | {} | {} |",
            row["tool"].as_str().unwrap_or_default(),
            row["right"],
            row["cases"],
            number(row, "cases_per_s").round(),
            time(number(row, "p50_us")),
            time(number(row, "p99_us")),
            time(number(row, "max_us")),
            row["timeouts"],
        );
    }
    if let [ours, theirs] = rows.as_slice() {
        let times = number(ours, "cases_per_s") / number(theirs, "cases_per_s");
        let _ = writeln!(text, "\nhoward judges {times:.0} times as many cases per second.");
    }
    Ok(text)
}

/// Microseconds in a unit that suits them.
fn time(us: f64) -> String {
    match us {
        us if us >= 1e6 => format!("{:.2} s", us / 1e6),
        us if us >= 1e3 => format!("{:.1} ms", us / 1e3),
        us => format!("{us:.1} us"),
    }
}

/// What `benches/analysis.rs` wrote.
fn analysis(frame: &Path) -> anyhow::Result<String> {
    if !frame.exists() {
        return Ok("Not measured: `make bench` writes `benches/results/analysis.jsonl`.\n".into());
    }
    let mut text = "62,500 problems with 16 graded samples each (`benches/analysis.rs`).\n\n\
        | | seconds | peak memory so far |\n|---|--:|--:|\n"
        .to_string();
    for row in jsonl::read::<Value>(frame)? {
        let what = row["what"].as_str().unwrap_or_default();
        let number = |field: &str| row[field].as_f64().unwrap_or(f64::NAN);
        let (seconds, peak) = (number("seconds"), number("peak_mb"));
        let _ = writeln!(text, "| {what} | {seconds:.2} | {peak:.0} MB |");
    }
    Ok(text)
}

fn provenance(rows: &[Row]) -> String {
    let Some(row) = rows.last() else { return String::new() };
    let commit = row.commit.as_deref().unwrap_or("unknown");
    format!(
        "Measured on {}, {} threads, {}, from {} on (revision {}).\n",
        row.platform,
        row.threads,
        row.device,
        row.started,
        &commit[..commit.len().min(12)]
    )
}

/// A table per case.
fn tables(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for row in rows {
        let key = (row.model.as_str(), row.case.as_str());
        if !seen.contains(&key) {
            seen.push(key);
        }
    }
    seen.sort_by_key(|(model, _)| *model);
    for (model, case) in seen {
        let of: Vec<Row> = rows
            .iter()
            .filter(|r| (r.model.as_str(), r.case.as_str()) == (model, case))
            .cloned()
            .collect();
        let _ = writeln!(text, "\n**{model}: {case}**\n");
        text += "| program | tokens/s, median (range) | howard is faster by | of the matrix rate | peak memory |\n";
        text += "|---|--:|--:|--:|--:|\n";
        for row in &of {
            let mut cells = cells(&of, row);
            cells.resize(5, String::new());
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
    }
    text
}

fn curves(rows: &[Row], docs: &Path) -> anyhow::Result<String> {
    let cost = |case: &str| {
        let row = rows.iter().find(|row| row.case == case)?;
        Some(1e6 / Row::median(row.rates()))
    };
    let curve = |word: &str, places: &[usize]| {
        let points = places.iter().filter_map(|&x| {
            let y = cost(&format!("{word} {x}"))?;
            Some(Point { x: x as f64, y, interval: None })
        });
        vec![Line { name: "howard".into(), points: points.collect() }]
    };
    let mut text = String::new();
    for (word, places, x_desc) in [
        ("batch", BATCHES.as_slice(), "sequences decoded together"),
        ("context", CONTEXTS.as_slice(), "tokens before the generated ones"),
    ] {
        let figure = Lines {
            title: format!("Cost of a token by {word}"),
            x_desc: x_desc.into(),
            y_desc: "microseconds per token".into(),
            y: None,
            doubling: true,
            band: false,
            lines: curve(word, places),
        };
        let name = format!("benchmarks-{word}.svg");
        disk::write_atomic(&docs.join(&name), draw(&figure)?.0.as_bytes())?;
        let _ = writeln!(text, "![Cost of a token by {word}]({name})\n");
    }
    text += "| model | case | tokens/s, median | microseconds per token |\n|---|---|--:|--:|\n";
    for row in rows {
        let rate = Row::median(row.rates());
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.1} |",
            row.model,
            row.case,
            number(rate),
            1e6 / rate
        );
    }
    Ok(text)
}
