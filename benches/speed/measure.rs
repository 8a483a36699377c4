//! Runs ours and the peers in turn, each in a process of its own, and keeps every number.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use super::work::{Case, Task};
use super::worker::Done;

/// One line of a frame: one program on one case.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Row {
    /// Name of the model.
    pub model: String,
    /// Name of the case.
    pub case: String,
    /// `howard` or a peer.
    pub program: String,
    /// Seconds of each run; ours and the peers' run in turn, so equal places were measured together.
    pub seconds: Vec<f64>,
    /// Tokens of each run.
    pub tokens: Vec<u64>,
    /// Seconds that the weights' products would take at the machine's matrix rate, measured in the same round.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floor: Vec<f64>,
    /// Seconds that reading the weights and the cache would take at the machine's memory rate, measured in the same round;
    /// for large models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reading: Vec<f64>,
    /// Largest memory of the process, in MB; on a GPU, of the memory it has there.
    pub peak_mb: f64,
    /// Why nothing was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_measured: Option<String>,
    /// Versions of what computes.
    pub versions: std::collections::BTreeMap<String, String>,
    /// Revision of howard.
    pub commit: Option<String>,
    /// Operating system and processor.
    pub platform: String,
    /// Device of the model.
    pub device: String,
    /// Threads of each program.
    pub threads: i32,
    /// When, UTC.
    pub started: String,
}

impl Row {
    /// The number in the middle of some numbers.
    pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        match values.len() {
            0 => f64::NAN,
            n if n % 2 == 1 => values[n / 2],
            n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
        }
    }

    /// Tokens per second of each run.
    #[allow(clippy::cast_precision_loss)]
    pub fn rates(&self) -> Vec<f64> {
        self.tokens.iter().zip(&self.seconds).map(|(&t, s)| t as f64 / s).collect()
    }
}

/// A process that answers `go` lines.
struct Process {
    name: String,
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
}

impl Process {
    fn start(name: &str, command: &mut Command) -> anyhow::Result<Self> {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = child.spawn().with_context(|| format!("starting {name}"))?;
        let to = child.stdin.take().context("no standard input")?;
        let from = BufReader::new(child.stdout.take().context("no standard output")?);
        Ok(Self { name: name.into(), child, to, from })
    }

    fn next<T: serde::de::DeserializeOwned>(&mut self) -> anyhow::Result<T> {
        let mut line = String::new();
        // Libraries print too; only JSON objects are ours.
        while !line.trim_start().starts_with('{') {
            line.clear();
            if self.from.read_line(&mut line)? == 0 {
                bail!("{} ended before it answered", self.name);
            }
        }
        serde_json::from_str(&line).with_context(|| format!("{} said {line}", self.name))
    }

    /// Waits until it is ready, or says why it cannot be.
    fn ready(&mut self) -> anyhow::Result<()> {
        let said: serde_json::Value = self.next()?;
        match said["error"].as_str() {
            Some(error) => bail!("{error}"),
            None => Ok(()),
        }
    }

    fn go(&mut self) -> anyhow::Result<Done> {
        writeln!(self.to, "go").and_then(|()| self.to.flush())?;
        self.next()
    }

    /// Ends the process; its largest memory in MB.
    fn end(mut self) -> anyhow::Result<f64> {
        #[derive(Deserialize)]
        struct End {
            peak_mb: f64,
        }
        let _ = writeln!(self.to, "end");
        let _ = self.to.flush();
        let end: End = self.next()?;
        let _ = self.child.wait();
        Ok(end.peak_mb)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How to measure.
#[derive(Debug)]
pub struct Plan {
    /// Rounds that count, after one that does not.
    pub repeats: usize,
    /// Python of the peers.
    pub python: Option<PathBuf>,
    /// The peers' scripts.
    pub scripts: PathBuf,
    /// What is the same in all rows.
    pub template: Row,
}

/// One participant: its name and how to start it.
struct Side {
    row: Row,
    command: Box<dyn Fn() -> Command>,
}

/// Measures one case: a round is one run of ours, of each peer and of the matrix products, in turn.
///
/// # Errors
/// Ours fails. A peer that fails is a row that says so.
pub fn case(plan: &Plan, case: &Case, dir: &Path) -> anyhow::Result<Vec<Row>> {
    let path = dir.join("work.json");
    std::fs::write(&path, serde_json::to_string(&case.work)?)?;
    let matrix = dir.join("matrix.json");
    let products = super::work::Work { task: Task::Matrix, ..case.work.clone() };
    std::fs::write(&matrix, serde_json::to_string(&products)?)?;
    let row = |program: &str| Row {
        model: case.model.into(),
        case: case.name.into(),
        program: program.into(),
        device: format!("{} {}", case.work.device, case.work.dtype),
        threads: case.work.threads,
        ..plan.template.clone()
    };
    let threads = case.work.threads.to_string();
    let with_threads = move |mut command: Command| {
        command.env("OMP_NUM_THREADS", &threads).env("MKL_NUM_THREADS", &threads);
        command.env("TOKENIZERS_PARALLELISM", "false").env("HF_HUB_OFFLINE", "1");
        command
    };
    let own = |path: PathBuf| {
        let with_threads = with_threads.clone();
        move || {
            let program = std::env::current_exe().unwrap_or_default();
            let mut command = with_threads(Command::new(program));
            command.arg("--worker").arg(&path);
            command
        }
    };
    let mut sides = vec![Side { row: row("howard"), command: Box::new(own(path.clone())) }];
    let mut missing = Vec::new();
    for peer in case.peers {
        let name = peer.trim_end_matches(".py");
        let Some(python) = plan.python.clone() else {
            let why = Some("needs --peers PYTHON".to_string());
            missing.push(Row { not_measured: why, ..row(name) });
            continue;
        };
        let script = plan.scripts.join(peer);
        let (path, with_threads) = (path.clone(), with_threads.clone());
        let command = move || {
            let mut command = with_threads(Command::new(&python));
            // Libraries of the peers warn of much; what ours says is why it failed.
            command.arg(&script).arg(&path).stderr(Stdio::null());
            command
        };
        sides.push(Side { row: row(name), command: Box::new(command) });
    }
    let mut rows = match case.work.task {
        Task::First => starts(plan, sides)?,
        _ if case.work.large => {
            let alone = |side| rounds(plan, vec![side], &own(matrix.clone()));
            sides.into_iter().map(alone).collect::<anyhow::Result<Vec<_>>>()?.concat()
        }
        _ => rounds(plan, sides, &own(matrix))?,
    };
    rows.extend(missing);
    Ok(rows)
}

fn rounds(plan: &Plan, sides: Vec<Side>, matrix: &dyn Fn() -> Command) -> anyhow::Result<Vec<Row>> {
    let mut products = Process::start("the matrix products", &mut matrix())?;
    products.ready()?;
    let mut running = Vec::new();
    let mut rows = Vec::new();
    for side in sides {
        let started = Process::start(&side.row.program, &mut (side.command)())
            .and_then(|mut process| process.ready().map(|()| process));
        match started {
            Ok(process) => running.push((process, side.row)),
            Err(error) if side.row.program == "howard" => return Err(error),
            Err(error) => {
                rows.push(Row { not_measured: Some(format!("{error:#}")), ..side.row });
            }
        }
    }
    for round in 0..=plan.repeats {
        let machine = products.go()?;
        for (process, row) in &mut running {
            if row.not_measured.is_some() {
                continue;
            }
            match process.go() {
                // The first round warms up.
                Ok(_) if round == 0 => {}
                Ok(done) => {
                    row.seconds.push(done.seconds);
                    row.tokens.push(done.tokens);
                    if done.flops > 0.0 {
                        row.floor.push(done.flops / machine.flops);
                    }
                    if done.bytes > 0.0 && machine.bytes > 0.0 {
                        row.reading.push(done.bytes / machine.bytes);
                    }
                }
                Err(error) if row.program == "howard" => return Err(error),
                Err(error) => row.not_measured = Some(format!("{error:#}")),
            }
        }
    }
    for (process, mut row) in running {
        if row.not_measured.is_none() {
            row.peak_mb = process.end()?;
        }
        rows.push(row);
    }
    products.end()?;
    rows.sort_by_key(|row| row.program != "howard");
    Ok(rows)
}

/// From the start of a process to its first token, in a new process each time.
fn starts(plan: &Plan, sides: Vec<Side>) -> anyhow::Result<Vec<Row>> {
    let mut rows: Vec<(Row, Box<dyn Fn() -> Command>)> =
        sides.into_iter().map(|side| (side.row, side.command)).collect();
    for round in 0..=plan.repeats {
        for (row, command) in &mut rows {
            let started = Instant::now();
            let mut process = Process::start(&row.program, &mut command())?;
            writeln!(process.to, "go")?;
            process.ready()?;
            let done: Done = process.next()?;
            if round > 0 {
                row.seconds.push(started.elapsed().as_secs_f64());
                row.tokens.push(done.tokens);
            }
            row.peak_mb = process.end()?.max(row.peak_mb);
        }
    }
    Ok(rows.into_iter().map(|(row, _)| row).collect())
}
