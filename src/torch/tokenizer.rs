//! A model's tokenizer: text to ids and back, and conversations to training samples.

use std::path::Path;

use tokenizers::Tokenizer as Inner;

use super::config;
use howard::chat::ChatTemplate;
use howard::error::{Error, Result};
use howard::types::{Message, Role};

/// Text to ids and back.
#[derive(Debug)]
pub struct Vocabulary {
    inner: Inner,
}

impl Vocabulary {
    /// Loads `tokenizer.json` of a model folder.
    ///
    /// # Errors
    /// The file is missing or broken.
    pub fn load(dir: &Path) -> Result<Self> {
        let path = dir.join("tokenizer.json");
        if !path.exists() {
            return Err(Error::file(dir, "has no tokenizer.json"));
        }
        let inner = Inner::from_file(&path)
            .map_err(|e| Error::file(&path, format!("is not a tokenizer: {e}")))?;
        Ok(Self { inner })
    }

    /// Token ids of a text in which special tokens count as such; none is added.
    ///
    /// # Errors
    /// The tokenizer refuses the text.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let refused = |e: tokenizers::Error| Error::data("tokenizer", e.to_string());
        Ok(self.inner.encode_fast(text, false).map_err(refused)?.get_ids().to_vec())
    }

    /// The text of some ids, special tokens left out.
    ///
    /// # Errors
    /// An id is not in the vocabulary.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, true).map_err(|e| Error::data("tokenizer", e.to_string()))
    }
}

/// Tokenizer, chat template and end tokens of a model folder.
#[derive(Debug)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
    template: ChatTemplate,
    eos: Vec<u32>,
}

impl Tokenizer {
    /// Loads `tokenizer.json`, the chat template and the end tokens of a model folder.
    ///
    /// # Errors
    /// A file is missing or broken; no end token is named.
    pub fn load(dir: &Path) -> Result<Self> {
        let vocabulary = Vocabulary::load(dir)?;
        let eos = config::eos_ids(dir)?;
        if eos.is_empty() {
            let problem = "names no eos_token_id in generation_config.json or config.json";
            return Err(Error::file(dir, problem));
        }
        Ok(Self { vocabulary, template: ChatTemplate::load(dir)?, eos })
    }

    /// Ids that end a completion.
    pub fn eos(&self) -> &[u32] {
        &self.eos
    }

    /// Text to ids and back.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Ids of a conversation that asks for an answer.
    ///
    /// # Errors
    /// The chat template refuses the conversation.
    pub fn prompt(&self, messages: &[Message]) -> Result<Vec<u32>> {
        self.vocabulary.encode(&self.template.render(messages, true)?)
    }

    /// Ids of a conversation and a mask that is 1 on what the assistant says, its end token included.
    ///
    /// As the study: what the template puts before each answer is prompt; the answer and its end token are
    /// tokenised by themselves, so that the ids are those the model will meet when it generates.
    /// Source: tinker-cookbook `renderers/qwen3.py`, `supervised/data.py`.
    ///
    /// # Errors
    /// The template refuses the conversation, or does not keep what came before when a message is added.
    pub fn conversation(&self, messages: &[Message]) -> Result<(Vec<u32>, Vec<u8>)> {
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        let mut rendered = String::new();
        let mut push = |text: &str, trained: u8| -> Result<()> {
            let new = self.vocabulary.encode(text)?;
            mask.extend(std::iter::repeat_n(trained, new.len()));
            ids.extend(new);
            Ok(())
        };
        for (index, message) in messages.iter().enumerate() {
            if message.role != Role::Assistant {
                continue;
            }
            let before = self.template.render(&messages[..index], true)?;
            let after = self.template.render(&messages[..=index], false)?;
            let header = suffix(&before, &rendered)?;
            let answer = suffix(&after, &before)?;
            // The template's newline after the end token belongs to the next header.
            let trained = answer.trim_end_matches('\n');
            push(header, 0)?;
            push(trained, 1)?;
            rendered = after[..after.len() - (answer.len() - trained.len())].to_string();
        }
        Ok((ids, mask))
    }
}

/// What `text` adds to `before`.
fn suffix<'a>(text: &'a str, before: &str) -> Result<&'a str> {
    text.strip_prefix(before).ok_or_else(|| {
        Error::data(
            "chat template",
            "rewrites earlier messages when one is added: it cannot be used for training",
        )
    })
}
