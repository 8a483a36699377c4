//! Progress of long cells as plain lines.

use std::time::{Duration, Instant};

use crate::progress::Progress;

/// Prints a line now and then: a notebook shows whole lines only, so that a bar would never move.
#[derive(Clone, Debug)]
pub struct PlainLines {
    every: Duration,
    what: String,
    total: u64,
    printed: Instant,
}

impl Default for PlainLines {
    fn default() -> Self {
        Self::every(5.0)
    }
}

impl PlainLines {
    /// A line every so many seconds, and none for work that is over sooner.
    pub fn every(seconds: f64) -> Self {
        let every = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(5));
        Self { every, what: String::new(), total: 0, printed: Instant::now() }
    }
}

impl Progress for PlainLines {
    fn start(&mut self, what: &str, total: u64) {
        (self.what, self.total, self.printed) = (what.into(), total, Instant::now());
    }

    fn update(&mut self, done: u64, note: &str) {
        if self.printed.elapsed() >= self.every {
            self.printed = Instant::now();
            println!("{} {done}/{}: {note}", self.what, self.total);
        }
    }
}
