//! `eval`: benchmarks x samples against a model, graded, as a result frame.

#![allow(clippy::print_stdout, clippy::print_stderr)] // programs print

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use howard::bench::{BENCHMARKS, Columns, SUITES};
use howard::cli::library::{Library, LibraryArgs};
use howard::cli::{self, evaluation};
use howard::eval::config::{DataFile, EvalConfig};
use howard::types::{EvalRecord, Verdict};
use howard::{report, run};
use howard_torch::any::AnySampler;

/// Evaluate a model on math benchmarks and write a result frame.
///
/// Example: the shipped model on the five mini-benchmarks, then a report with confidence intervals:
///
///   eval --model data/tiny --benchmark mini --out results/tiny
///   report eval results/tiny
///
/// Your own problems, one JSON object per line, columns by name:
///
///   eval --model data/tiny --data gsm8k/test.jsonl --problem question --answer answer --out results/gsm8k
///
/// A model and benchmarks of the hub, fetched once (HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE=1):
///
///   eval --model Qwen/Qwen3-0.6B --benchmark study --out results/qwen
///
/// Any OpenAI-compatible server (the key is read from HOWARD_API_KEY or OPENAI_API_KEY), or completions
/// that something else produced, as JSON lines {"problem": id or text, "completion": ..., "model": ...}:
///
///   eval --endpoint http://localhost:8000/v1 --model Qwen/Qwen3-4B --benchmark study --out results/served
///   eval --import outputs.jsonl --model theirs --benchmark gsm8k --out results/theirs
///
/// A killed run goes on where it was when the same command is given again.
#[derive(Parser)]
#[command(version, verbatim_doc_comment, after_help = cli::EXIT_CODES)]
struct Args {
    /// Folder of a Qwen3 model in Hugging Face format, or its name on the hub (Qwen/Qwen3-4B, Qwen/Qwen3-4B@REVISION); with
    /// --endpoint or --import the name of a model
    #[arg(long)]
    model: Option<PathBuf>,
    /// Benchmarks or suites, comma-separated; `--benchmark help` lists them
    #[arg(long, value_delimiter = ',')]
    benchmark: Vec<String>,
    /// Your own problems: JSON lines, a JSON array or parquet; a path, or hf://datasets/OWNER/NAME@REVISION/FILE on the hub
    #[arg(long, requires_all = ["problem", "answer"])]
    data: Option<PathBuf>,
    /// Column of the question in --data
    #[arg(long)]
    problem: Option<String>,
    /// Column of the gold answer in --data (what follows `####` or stands in `\boxed{}` is taken, else all of it)
    #[arg(long)]
    answer: Option<String>,
    /// Column of the level in --data
    #[arg(long)]
    level: Option<String>,
    /// Column of the subject in --data
    #[arg(long)]
    subject: Option<String>,
    /// Name of --data in the frame [default: the file's name]
    #[arg(long)]
    name: Option<String>,
    /// Folder of the run, resumed if it is there already
    #[arg(long, default_value = "results/eval")]
    out: PathBuf,
    /// Samples per problem [default: 1]
    #[arg(long)]
    samples: Option<u32>,
    /// Sampling temperature, 0 = greedy [default: 0.01, as the study]
    #[arg(long)]
    temperature: Option<f64>,
    /// Longest completion in tokens [default: 2048, as the study]
    #[arg(long)]
    max_tokens: Option<usize>,
    /// Only the first N problems of each benchmark
    #[arg(long)]
    limit: Option<usize>,
    /// `instruction` or `study` (one solved example first) [default: as the benchmark says]
    #[arg(long)]
    prompt: Option<String>,
    /// Seed of the run [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// cpu, cuda or cuda:N [default: cpu]
    #[arg(long)]
    device: Option<String>,
    /// float32 or bfloat16 [default: float32]
    #[arg(long)]
    dtype: Option<String>,
    /// A TOML configuration, e.g. the config.toml of an earlier run; options go over it
    #[arg(long)]
    config: Option<PathBuf>,
    /// key=value over the configuration, e.g. --set sampling.top_p=0.95
    #[arg(long)]
    set: Vec<String>,
    /// Ask an OpenAI-compatible server, address up to /v1; more with --set endpoint.concurrency=32 and so on
    #[arg(long, value_name = "URL", conflicts_with = "import")]
    endpoint: Option<String>,
    /// Grade the completions of this file
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
    /// With --import: the answer is what follows the last MARK on its line, e.g. 'A:' [default: the last box]
    #[arg(long, requires = "import")]
    mark: Option<String>,
    #[command(flatten)]
    library: LibraryArgs,
    /// Print the resolved configuration and the number of samples, and stop
    #[arg(long)]
    dry_run: bool,
}

impl Args {
    fn resolve(&self) -> anyhow::Result<EvalConfig> {
        let mut config: EvalConfig = run::config::load(self.config.as_deref(), &self.set)?;
        let file_name = |path: &PathBuf| path.file_stem().map(|n| n.to_string_lossy().into_owned());
        if let Some(path) = &self.data {
            config.data = Some(DataFile {
                name: self
                    .name
                    .clone()
                    .or_else(|| file_name(path))
                    .unwrap_or_else(|| "data".into()),
                path: path.clone(),
                columns: Columns {
                    problem: self.problem.clone().unwrap_or_default(),
                    answer: self.answer.clone().unwrap_or_default(),
                    level: self.level.clone(),
                    subject: self.subject.clone(),
                },
            });
        }
        config.model = self.model.clone().unwrap_or(config.model);
        config.device = self.device.clone().unwrap_or(config.device);
        config.dtype = self.dtype.clone().unwrap_or(config.dtype);
        config.samples = self.samples.unwrap_or(config.samples);
        config.seed = self.seed.unwrap_or(config.seed);
        config.limit = self.limit.or(config.limit);
        config.sampling.temperature = self.temperature.unwrap_or(config.sampling.temperature);
        config.sampling.max_tokens = self.max_tokens.unwrap_or(config.sampling.max_tokens);
        if let Some(style) = &self.prompt {
            config.prompt = Some(style.parse()?);
        }
        if !self.benchmark.is_empty() {
            config.benchmarks.clone_from(&self.benchmark);
        }
        if let Some(url) = &self.endpoint {
            config.endpoint.get_or_insert_default().url.clone_from(url);
        }
        if let Some(endpoint) = &mut config.endpoint {
            endpoint.model = config.model.to_string_lossy().into_owned();
        }
        if let Some(path) = &self.import {
            config.import.get_or_insert_default().path.clone_from(path);
        }
        if let (Some(import), Some(mark)) = (&mut config.import, &self.mark) {
            import.mark.clone_from(mark);
        }
        anyhow::ensure!(
            !config.model.as_os_str().is_empty() || config.import.is_some(),
            "--model: name the folder of a model, or a model on the hub"
        );
        Ok(config)
    }
}

fn main() -> ExitCode {
    cli::main("eval", || {
        let args = Args::parse();
        if args.benchmark.iter().any(|name| name == "help") {
            for b in BENCHMARKS {
                println!("{:<20} {:>6} problems  {}", b.name, b.rows, b.about);
            }
            for (suite, members) in SUITES {
                println!("{suite:<20} {}", members.join(", "));
            }
            return Ok(cli::OK);
        }
        evaluate(&args)
    })
}

fn evaluate(args: &Args) -> anyhow::Result<u8> {
    let mut config = args.resolve()?;
    let tasks = config.tasks(&Library::new(&args.library))?;
    let problems: usize = tasks.iter().map(|t| t.problems.len()).sum();
    if args.dry_run {
        print!("{}", toml::to_string(&config)?);
        println!(
            "# {problems} problems x {} = {} samples",
            config.samples,
            problems * config.samples as usize
        );
        return Ok(cli::OK);
    }
    let dir = cli::hub::for_evaluation(&mut config)?;
    let mut sampler = AnySampler::open(&config, &dir, &tasks, cli::library::key())?;
    if let AnySampler::Recorded(recorded) = &sampler
        && recorded.unused() > 0
    {
        eprintln!("{} completions belong to no problem that is asked", recorded.unused());
    }
    let who = sampler.who(&config, &dir)?;
    let records = evaluation::run(&args.out, &config, &tasks, &who, &mut sampler, |s, folder| {
        evaluation::note_spent(s.spent(), folder)
    })?;
    print_summary(&records);
    let failed = records.iter().any(|r| r.verdict == Verdict::Failed);
    Ok(if failed { cli::SOME_FAILED } else { cli::OK })
}

fn print_summary(records: &[EvalRecord]) {
    print!("{}", report::eval::headline(records).plain());
}
