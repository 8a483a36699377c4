//! Batches of a supervised run: conversations become token ids once, and the batch of a step is a pure function of its number.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::recipe::{Conversations, SftConfig};
use super::sft::{self, SftOptions};
use crate::error::{Error, Result};
use crate::jsonl;
use crate::rng::Seed;
use crate::types::{Message, Role, TrainSample};

/// Ids of a conversation and a mask that is 1 on what is trained.
pub type Encode<'a> = &'a dyn Fn(&[Message]) -> Result<(Vec<u32>, Vec<u8>)>;

/// What is done with a conversation that is longer than `max_length` tokens. It is counted in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TooLong {
    /// It is left out.
    #[default]
    LeaveOut,
    /// Its end is cut off, the end-of-turn token with it, as the cookbook of the study does.
    Cut,
    /// The run does not begin.
    Refuse,
}

/// What was found in the data; tokens are of one epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Conversations read.
    pub conversations: u64,
    /// Conversations that are trained on.
    pub examples: u64,
    /// Conversations left out: too long, or without anything to train on after the cut.
    pub left_out: u64,
    /// Conversations cut.
    pub cut: u64,
    /// Tokens.
    pub tokens: u64,
    /// Trained tokens.
    pub loss_tokens: u64,
    /// Longest example, in tokens.
    pub longest: u64,
}

impl Counts {
    /// Applies the limit to one conversation; `None` where it is left out.
    fn admit(
        &mut self,
        (mut ids, mut mask): (Vec<u32>, Vec<u8>),
        limit: usize,
        too_long: TooLong,
    ) -> Option<TrainSample> {
        self.conversations += 1;
        if ids.len() > limit {
            if too_long == TooLong::LeaveOut {
                self.left_out += 1;
                return None;
            }
            ids.truncate(limit);
            mask.truncate(limit);
            self.cut += 1;
        }
        let trained = mask.iter().skip(1).filter(|&&m| m == 1).count() as u64;
        if trained == 0 {
            self.left_out += 1;
            return None;
        }
        self.examples += 1;
        self.tokens += ids.len() as u64;
        self.loss_tokens += trained;
        self.longest = self.longest.max(ids.len() as u64);
        Some(sft::sample(ids, mask))
    }

    /// What the user should know of the limit; empty where nothing was too long.
    pub fn note(&self, limit: usize) -> String {
        match (self.left_out, self.cut) {
            (0, 0) => String::new(),
            (left_out, 0) => {
                format!(
                    "{left_out} of {} conversations left out (longer than {limit} tokens)",
                    self.conversations
                )
            }
            (left_out, cut) => format!(
                "{cut} of {} conversations cut at {limit} tokens, {left_out} left out (nothing to train on was left)",
                self.conversations
            ),
        }
    }
}

#[derive(Deserialize)]
struct ChatRow {
    messages: Vec<Message>,
}

/// Reads conversations, JSON lines with a field `messages`, each with its line.
///
/// # Errors
/// The file is missing, broken or empty, or a conversation has no answer (named by line).
pub fn read_chat(path: &Path) -> Result<Vec<(usize, Vec<Message>)>> {
    let rows: Vec<(usize, ChatRow)> = jsonl::read_numbered(path)?;
    if rows.is_empty() {
        return Err(Error::file(path, "has no conversations"));
    }
    let mute = |row: &ChatRow| row.messages.iter().all(|m| m.role != Role::Assistant);
    if let Some((line, _)) = rows.iter().find(|(_, row)| mute(row)) {
        return Err(Error::parse(path, *line, "no message has the role assistant"));
    }
    Ok(rows.into_iter().map(|(line, row)| (line, row.messages)).collect())
}

/// The examples of a file.
///
/// # Errors
/// As [`read_chat`]; a conversation cannot be encoded, or is too long where that is refused (named by line); none is left.
pub fn examples(
    path: &Path,
    encode: Encode<'_>,
    limit: usize,
    too_long: TooLong,
) -> Result<(Vec<TrainSample>, Counts)> {
    let mut counts = Counts::default();
    let mut samples = Vec::new();
    for (line, messages) in read_chat(path)? {
        let encoded = encode(&messages).map_err(|e| Error::parse(path, line, e.to_string()))?;
        if too_long == TooLong::Refuse && encoded.0.len() > limit {
            let problem = format!("has {} tokens, more than max_length = {limit}", encoded.0.len());
            return Err(Error::parse(path, line, problem));
        }
        samples.extend(counts.admit(encoded, limit, too_long));
    }
    if samples.is_empty() {
        let problem = format!("no conversation has an answer within max_length = {limit} tokens");
        return Err(Error::file(path, problem));
    }
    Ok((samples, counts))
}

/// Where batches come from.
enum Source {
    /// A world without end, encoded as it goes.
    World(Conversations),
    /// Examples in a new order each epoch, or in the order of the file.
    File { samples: Vec<TrainSample>, seed: Option<Seed> },
}

/// The batches of a run.
pub struct Batches<'a> {
    source: Source,
    encode: Encode<'a>,
    batch_size: usize,
    limit: usize,
    too_long: TooLong,
    /// What was found so far: everything of a file, what has been drawn of a world.
    pub counts: Counts,
}

impl<'a> Batches<'a> {
    /// Opens the data of a run and encodes it, where it has an end.
    ///
    /// # Errors
    /// As [`examples`]; there are fewer examples than a batch needs.
    pub fn open(config: &SftConfig, encode: Encode<'a>) -> Result<Self> {
        let mut batches = Self {
            source: Source::World(Conversations::world(config)),
            encode,
            batch_size: config.batch_size,
            limit: config.max_length,
            too_long: config.too_long,
            counts: Counts::default(),
        };
        if let Some(path) = config.data.path() {
            let (samples, counts) = examples(path, encode, config.max_length, config.too_long)?;
            if samples.len() < config.batch_size {
                let problem = format!(
                    "{} is more than the {} examples of {}",
                    config.batch_size,
                    samples.len(),
                    path.display()
                );
                return Err(Error::config("batch_size", problem));
            }
            let seed = config.shuffle.then(|| Seed(config.seed).named("order"));
            batches.source = Source::File { samples, seed };
            batches.counts = counts;
        }
        Ok(batches)
    }

    /// Steps of the run: those that are asked for, or whole batches of every epoch (what is left of an epoch is dropped).
    pub fn steps(&self, options: &SftOptions) -> u64 {
        match &self.source {
            Source::File { samples, .. } if options.steps == 0 => {
                options.epochs * per_epoch(samples.len(), self.batch_size)
            }
            _ => options.steps,
        }
    }

    /// The batch of a step.
    ///
    /// # Errors
    /// A conversation of a world cannot be encoded.
    pub fn batch(&mut self, step: u64) -> Result<Vec<TrainSample>> {
        match &self.source {
            Source::World(conversations) => {
                let mut batch = Vec::new();
                for messages in conversations.batch(step, self.batch_size) {
                    let encoded = (self.encode)(&messages)?;
                    batch.extend(self.counts.admit(encoded, self.limit, self.too_long));
                }
                Ok(batch)
            }
            Source::File { samples, seed } => {
                let per_epoch = per_epoch(samples.len(), self.batch_size);
                let mut order: Vec<usize> = (0..samples.len()).collect();
                if let Some(seed) = seed {
                    seed.index(step / per_epoch).stream().shuffle(&mut order);
                }
                let first = usize::try_from(step % per_epoch).unwrap_or(0) * self.batch_size;
                let chosen = &order[first..first + self.batch_size];
                Ok(chosen.iter().map(|&index| samples[index].clone()).collect())
            }
        }
    }
}

/// Whole batches of an epoch; at least one, since a file has at least a batch of examples.
pub fn per_epoch(examples: usize, batch_size: usize) -> u64 {
    (examples / batch_size).max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::recipe::DataConfig;

    /// A conversation is its last message's length in tokens, the first of which is never trained.
    fn encode(messages: &[Message]) -> Result<(Vec<u32>, Vec<u8>)> {
        let text = &messages.last().expect("a conversation has messages").content;
        let ids: Vec<u32> = text.bytes().map(u32::from).collect();
        let mask = (0..ids.len()).map(|t| u8::from(t > 1)).collect();
        Ok((ids, mask))
    }

    fn config(answers: &[&str]) -> (tempfile::TempDir, SftConfig) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.jsonl");
        let line = |a: &&str| {
            format!(
                "{{\"messages\": [{{\"role\": \"user\", \"content\": \"q\"}}, {{\"role\": \"assistant\", \"content\": \"{a}\"}}]}}\n"
            )
        };
        std::fs::write(&path, answers.iter().map(line).collect::<String>()).unwrap();
        let config = SftConfig {
            batch_size: 2,
            max_length: 5,
            seed: 4,
            data: DataConfig::Chat { path },
            ..SftConfig::default()
        };
        (dir, config)
    }

    #[test]
    fn every_epoch_sees_every_example_once_in_its_own_order() {
        let (_dir, mut config) = config(&["aaa", "bbb", "ccc", "ddd", "eee", "fff"]);
        let batches = |config: &SftConfig, steps: std::ops::Range<u64>| -> Vec<u32> {
            let mut batches = Batches::open(config, &encode).unwrap();
            steps.flat_map(|s| batches.batch(s).unwrap()).map(|s| s.ids[0]).collect()
        };
        let (first, second) = (batches(&config, 0..3), batches(&config, 3..6));
        let sorted = |mut ids: Vec<u32>| {
            ids.sort_unstable();
            ids
        };
        assert_eq!(sorted(first.clone()), [97, 98, 99, 100, 101, 102]);
        assert_eq!(sorted(second.clone()), sorted(first.clone()));
        assert_ne!(first, second);
        // The batch of a step does not depend on which were asked for before: the data cursor is the step.
        assert_eq!(batches(&config, 4..5), second[2..4]);
        config.seed = 5;
        assert_ne!(batches(&config, 0..3), first);
        config.shuffle = false;
        assert_eq!(batches(&config, 0..3), [97, 98, 99, 100, 101, 102]);
        let options = SftOptions { steps: 0, epochs: 2, ..SftOptions::default() };
        assert_eq!(Batches::open(&config, &encode).unwrap().steps(&options), 6);
    }

    #[test]
    fn long_conversations_are_counted_and_the_policy_decides() {
        let (_dir, mut config) = config(&["aaa", "bbbbbbb", "cccc", "ddddd", "e"]);
        let batches = Batches::open(&config, &encode).unwrap();
        let counts = batches.counts;
        // "e" has nothing to train on, "bbbbbbb" is longer than 5.
        assert_eq!(
            (counts.conversations, counts.examples, counts.left_out, counts.cut),
            (5, 3, 2, 0)
        );
        assert_eq!((counts.tokens, counts.loss_tokens, counts.longest), (3 + 4 + 5, 1 + 2 + 3, 5));
        assert_eq!(counts.note(5), "2 of 5 conversations left out (longer than 5 tokens)");
        config.too_long = TooLong::Cut;
        let mut batches = Batches::open(&config, &encode).unwrap();
        assert_eq!((batches.counts.examples, batches.counts.cut), (4, 1));
        config.shuffle = false;
        batches = Batches::open(&config, &encode).unwrap();
        assert_eq!(batches.batch(0).unwrap()[1].ids, [98; 5]);
        config.too_long = TooLong::Refuse;
        let text = Batches::open(&config, &encode).err().unwrap().to_string();
        assert!(text.ends_with("data.jsonl:2: has 7 tokens, more than max_length = 5"), "{text}");
    }

    #[test]
    fn data_that_cannot_fill_a_batch_are_refused() {
        let refusal =
            |config: &SftConfig| Batches::open(config, &encode).err().unwrap().to_string();
        let (_dir, mut some) = config(&["aaa", "bbb"]);
        some.batch_size = 3;
        assert!(refusal(&some).starts_with("batch_size: 3 is more than the 2 examples of "));
        some.max_length = 1;
        assert!(
            refusal(&some).ends_with("no conversation has an answer within max_length = 1 tokens")
        );
        let (_dir, none) = config(&[]);
        assert!(refusal(&none).ends_with("data.jsonl: has no conversations"));
    }
}
