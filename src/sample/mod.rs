//! Anything that can answer requests, behind one method.
//!
//! The evaluator and the training loops do not know whether a local engine, an endpoint, a script or a file of
//! recorded completions answers.

pub mod endpoint;
#[cfg(feature = "endpoint")]
pub mod openai;
pub mod recorded;
pub mod scripted;
pub mod slots;

use crate::error::Result;
use crate::types::{Completion, PolicyVersion, Request};

/// Anything that can answer requests. Calls block; completions arrive in any order.
pub trait Sampler {
    /// Version of the policy that will answer; stamped on every completion.
    fn version(&self) -> PolicyVersion;

    /// Answers every sample of every request, handing each completion to `sink` as soon as it is finished.
    ///
    /// # Errors
    /// What stops the whole call; a single sample that fails arrives as `Finish::Error` instead. An error of
    /// `sink` ends the call and is returned.
    fn sample(
        &mut self,
        requests: &[Request],
        sink: &mut dyn FnMut(Completion) -> Result<()>,
    ) -> Result<()>;
}
