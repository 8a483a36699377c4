//! How an OpenAI-compatible server is asked: settings only, so that every configuration can hold them.

use serde::{Deserialize, Serialize};

/// Which of the two protocols is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// `/chat/completions`: the server applies its chat template.
    #[default]
    Chat,
    /// `/completions`: the conversation is rendered here.
    Completions,
}

/// A server and how it is asked. Holds no key: configurations and manifests are written to disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoint {
    /// Address up to the version, e.g. `http://localhost:8000/v1`.
    pub url: String,
    /// Name of the model on the server.
    pub model: String,
    /// Which protocol.
    pub api: Api,
    /// Folder of a model, or its name on the hub, whose chat template renders conversations for `completions`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<std::path::PathBuf>,
    /// Requests under way at the same time.
    pub concurrency: usize,
    /// Seconds until a request that is not answered is given up (and repeated).
    pub timeout: f64,
    /// How often a request is sent before its samples count as failed.
    pub attempts: u32,
    /// Seconds before the second attempt; doubled every time.
    pub backoff: f64,
    /// Longest wait in seconds, unless the server asks for more.
    pub max_backoff: f64,
    /// Ask for the samples of a problem with `n` in one request, until the server refuses.
    pub many: bool,
    /// Ask for log-probabilities.
    pub logprobs: bool,
    /// Name of the field for the longest completion: `max_tokens`, or `max_completion_tokens`.
    pub limit_field: String,
    /// Price of a million prompt tokens.
    pub prompt_price: f64,
    /// Price of a million completion tokens.
    pub completion_price: f64,
}

impl Default for Endpoint {
    fn default() -> Self {
        Self {
            url: String::new(),
            model: String::new(),
            api: Api::Chat,
            template: None,
            concurrency: 16,
            timeout: 600.0,
            attempts: 8,
            backoff: 1.0,
            max_backoff: 60.0,
            many: true,
            logprobs: false,
            limit_field: "max_tokens".into(),
            prompt_price: 0.0,
            completion_price: 0.0,
        }
    }
}

/// A key that cannot be printed.
#[derive(Clone, Default)]
pub struct Key(Option<String>);

impl Key {
    /// A key, or none; white space around it is left out.
    pub fn new(key: Option<String>) -> Self {
        Self(key.map(|k| k.trim().to_string()).filter(|k| !k.is_empty()))
    }
}

impl Key {
    /// The key itself, for a header.
    pub fn get(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.0.is_some() { "Key(set)" } else { "Key(none)" })
    }
}
