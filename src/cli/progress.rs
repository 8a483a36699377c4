//! Progress as a person sees it: a bar on a terminal, a plain line now and then elsewhere, always on stderr.

#![allow(clippy::print_stderr)] // floor 5 prints

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::progress::Progress;

/// How often a plain line is printed where stderr is not a terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Draws progress on stderr.
#[derive(Debug)]
pub struct Terminal {
    bar: Option<ProgressBar>,
    what: String,
    total: u64,
    /// Units that were done before this process (resumed work): not counted in the speed.
    before: Option<u64>,
    tokens: u64,
    started: Instant,
    printed: Instant,
}

impl Default for Terminal {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            bar: None,
            what: String::new(),
            total: 0,
            before: None,
            tokens: 0,
            started: now,
            printed: now,
        }
    }
}

impl Terminal {
    /// The note with tokens per second, where there are tokens.
    fn with_speed(&self, note: &str) -> String {
        if self.tokens == 0 {
            return note.to_string();
        }
        let speed = self.tokens as f64 / self.started.elapsed().as_secs_f64().max(1e-9);
        format!("{speed:.0} tok/s, {note}")
    }
}

impl Progress for Terminal {
    fn start(&mut self, what: &str, total: u64) {
        let now = Instant::now();
        *self = Self { what: what.into(), total, started: now, printed: now, ..Self::default() };
        if std::io::stderr().is_terminal() {
            let style = ProgressStyle::with_template(
                "{prefix} {wide_bar} {pos}/{len} {elapsed} (ETA {eta}) {msg}",
            )
            .expect("the template is a constant that was tried");
            let bar = ProgressBar::new(total).with_style(style).with_prefix(self.what.clone());
            bar.enable_steady_tick(Duration::from_millis(500));
            self.bar = Some(bar);
        }
    }

    fn tokens(&mut self, total: u64) {
        self.tokens = total;
    }

    fn update(&mut self, done: u64, note: &str) {
        let note = self.with_speed(note);
        if let Some(bar) = &self.bar {
            if self.before.is_none() {
                bar.set_position(done);
                bar.reset_eta();
            }
            bar.set_position(done);
            bar.set_message(note);
        } else if self.printed.elapsed() >= PLAIN_EVERY {
            self.printed = Instant::now();
            let new = done.saturating_sub(self.before.unwrap_or(0));
            #[allow(clippy::cast_precision_loss)]
            let eta = self.started.elapsed().as_secs_f64() * self.total.saturating_sub(done) as f64
                / new.max(1) as f64;
            eprintln!("{} {done}/{} (ETA {eta:.0} s) {note}", self.what, self.total);
        }
        self.before.get_or_insert(done);
    }

    fn finish(&mut self, note: &str) {
        let note = self.with_speed(note);
        let seconds = self.started.elapsed().as_secs_f64();
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        let note = if note.is_empty() { note } else { format!(": {note}") };
        eprintln!("{} {} in {seconds:.1} s{note}", self.what, self.total);
    }
}
