//! How long work reports its progress; only programs draw it.

/// Receives progress of long work. All methods do nothing by default.
pub trait Progress {
    /// Work of `total` units begins.
    fn start(&mut self, _what: &str, _total: u64) {}
    /// `done` units are finished so far; `note` is a short text such as `12,345 tok/s`.
    fn update(&mut self, _done: u64, _note: &str) {}
    /// Tokens generated so far, for the display of tokens per second.
    fn tokens(&mut self, _total: u64) {}
    /// The work is finished.
    fn finish(&mut self, _note: &str) {}
}

/// Reports nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {}
