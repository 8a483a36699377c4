//! The one error type of the library: its variants say what the reader can do about it.

use std::path::{Path, PathBuf};

/// Result with howard's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong, each variant one sentence that names the file, line, field or value.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Reading or writing a file failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file's text is not what it should be.
    #[error("{}:{line}: {problem}", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, counted from 1.
        line: usize,
        /// What is wrong and what was expected.
        problem: String,
    },
    /// A file is damaged or of an unexpected form as a whole.
    #[error("{}: {problem}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A configuration field or command-line value is wrong.
    #[error("{field}: {problem}")]
    Config {
        /// Field or option.
        field: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A tensor has another shape than the model needs.
    #[error("{what}: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// Which tensor.
        what: String,
        /// Shape that was needed.
        expected: Vec<i64>,
        /// Shape that was found.
        got: Vec<i64>,
    },
    /// The set of tensors in a checkpoint is not the set the model needs.
    #[error("{}: {}", path.display(), weights_problem(missing, unexpected))]
    Weights {
        /// The checkpoint folder or file.
        path: PathBuf,
        /// Parameters the model needs and the files lack.
        missing: Vec<String>,
        /// Tensors in the files that the model does not use.
        unexpected: Vec<String>,
    },
    /// libtorch refused an operation.
    #[error("libtorch failed while {doing}: {problem}")]
    Torch {
        /// What howard was doing.
        doing: String,
        /// First sentence of libtorch's message.
        problem: String,
    },
    /// A result frame cannot be used.
    #[error("{what}: {problem}")]
    Data {
        /// Which frame, benchmark or problem.
        what: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

/// The sentence as well: what `?` in a notebook and a failed `expect` print.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

fn weights_problem(missing: &[String], unexpected: &[String]) -> String {
    let list = |names: &[String]| {
        let shown = names.iter().take(4).cloned().collect::<Vec<_>>().join(", ");
        if names.len() > 4 { format!("{shown} and {} more", names.len() - 4) } else { shown }
    };
    match (missing.is_empty(), unexpected.is_empty()) {
        (false, true) => format!("missing tensors: {}", list(missing)),
        (true, false) => format!("tensors that the model does not use: {}", list(unexpected)),
        _ => format!(
            "missing tensors: {}; tensors that the model does not use: {}",
            list(missing),
            list(unexpected)
        ),
    }
}

impl Error {
    /// An I/O error with the path it happened at.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_path_buf(), source }
    }

    /// A file that is damaged or of the wrong form.
    pub fn file(path: impl AsRef<Path>, problem: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), problem: problem.into() }
    }

    /// A line of a file that cannot be understood.
    pub fn parse(path: impl AsRef<Path>, line: usize, problem: impl Into<String>) -> Self {
        Self::Parse { path: path.as_ref().to_path_buf(), line, problem: problem.into() }
    }

    /// A wrong configuration value.
    pub fn config(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config { field: field.into(), problem: problem.into() }
    }

    /// Data that cannot be used.
    pub fn data(what: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Data { what: what.into(), problem: problem.into() }
    }
}
