//! Floor 5: what all programs share. Only here and in `bin/` are arguments, environment and time of day read, is
//! anything printed, and are exit codes decided.

#![allow(clippy::print_stderr)] // floor 5 prints

#[cfg(feature = "frame")]
pub mod evaluation;
pub mod grading;
#[cfg(feature = "hub")]
pub mod hub;
#[cfg(feature = "frame")]
pub mod library;
pub mod machine;
pub mod memory;
#[cfg(feature = "frame")]
pub mod overlap;
pub mod progress;
pub mod provenance;

use std::process::ExitCode;

pub use progress::Terminal;

/// Exit code: everything that was asked is done.
pub const OK: u8 = 0;
/// Exit code: the work is done, but something in it failed (failed samples, malformed lines).
pub const SOME_FAILED: u8 = 1;
/// Exit code: the program could not do its work; nothing half-written is left.
pub const COULD_NOT_RUN: u8 = 2;

/// The exit codes, for the end of `--help`.
pub const EXIT_CODES: &str =
    "Exit codes: 0 done; 1 done, but something in it failed (see the summary); 2 could not run.";

/// Runs a program's body: an error becomes one line on stderr and exit code 2.
pub fn main(program: &str, body: impl FnOnce() -> anyhow::Result<u8>) -> ExitCode {
    // A reader that goes away (`| head`) ends a program quietly instead of with a panic of `println!`.
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload_as_str().unwrap_or_default();
        if text.contains("failed printing to stdout") {
            std::process::exit(i32::from(OK));
        }
        quiet(info);
    }));
    match body() {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{program}: {}", sentence(&error));
            ExitCode::from(COULD_NOT_RUN)
        }
    }
}

/// An error and its causes on one line; a cause that the error repeats stands there once.
fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for part in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = part;
        } else if !text.ends_with(&part) {
            text = format!("{text}: {part}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;

    #[test]
    fn a_cause_is_said_once() {
        let missing = || Error::io("/nope", std::io::Error::other("not here"));
        assert_eq!(sentence(&missing().into()), "/nope: not here");
        let error = anyhow::Error::new(missing()).context("reading the list");
        assert_eq!(sentence(&error), "reading the list: /nope: not here");
    }
}
