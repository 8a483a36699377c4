//! Continuous batching on several threads, each with sequences, pages and activations of its own. They share a queue of
//! work and nothing else: no thread waits for another, and finished sequences cost nothing. Of large models one thread has all
//! sequences, and the others help it ([`super::team`]).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};

use super::forward::{Forward, ROWS, Row};
use super::number::Number;
use super::pages::{Pages, Table};
use super::team::Team;
use super::weights::Weights;
use crate::engine::{Output, Prompt};
use crate::job::{Ends, Job};
use crate::pick::Scratch;
use howard::error::Result;
use howard::types::Finish;

/// Sequences that one thread decodes together. More make better use of the weights that are read, fewer keep their keys
/// and values in the cache of the processor.
const TOGETHER: usize = 32;

/// Samples of one prompt that one thread takes from the queue, so that the prompt is prefilled once for all of them.
const TAKEN: usize = 16;

/// Some samples of one prompt.
struct Task {
    prompt: usize,
    samples: VecDeque<usize>,
}

/// Generates every sample of every prompt on `threads` threads, at most `slots` sequences at a time, handing each to
/// `sink` when it is finished.
///
/// # Errors
/// An error of `sink`; the threads then stop after their current token or prompt.
pub(crate) fn generate<N: Number>(
    weights: &Weights<N>,
    prompts: &[Prompt],
    ends: Ends<'_>,
    slots: usize,
    threads: usize,
    sink: &mut dyn FnMut(Output) -> Result<()>,
) -> Result<()> {
    let total: usize = prompts.iter().map(|prompt| prompt.seeds.len()).sum();
    let slots = slots.clamp(1, total.max(1));
    let (workers, team) = weights.teams(threads, slots);
    let together = slots.div_ceil(workers).min(if team == 1 { TOGETHER } else { ROWS });
    let queue = Mutex::new(tasks(prompts, total.div_ceil(workers).min(TAKEN)));
    let stopped = AtomicBool::new(false);
    let (sender, outputs) = channel();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (queue, stopped, sender) = (&queue, &stopped, sender.clone());
            scope.spawn(move || {
                Team::gather(weights.isa, team, |team| {
                    let mut worker = Worker::new(weights, team, prompts, ends, together, sender);
                    while worker.turn(queue, stopped) {}
                });
            });
        }
        drop(sender);
        let mut result = Ok(());
        for output in outputs {
            if result.is_ok() {
                result = sink(output);
                stopped.store(result.is_err(), Ordering::Relaxed);
            }
        }
        result
    })
}

/// The work in pieces of at most `most` samples, short prompts first.
fn tasks(prompts: &[Prompt], most: usize) -> VecDeque<Task> {
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|&p| prompts[p].ids.len());
    let pieces = |prompt: usize| {
        let count = prompts[prompt].seeds.len();
        (0..count)
            .step_by(most.max(1))
            .map(move |first| Task { prompt, samples: (first..count.min(first + most)).collect() })
    };
    order.into_iter().flat_map(pieces).collect()
}

/// A sequence that is being decoded.
struct Live {
    job: Job,
    table: Table,
    /// Tokens whose keys and values are cached.
    cached: usize,
    /// The newest token, to be fed next.
    last: u32,
}

/// A prefilled prompt with samples that wait for a place.
struct Open {
    task: Task,
    table: Table,
    logits: Vec<f32>,
}

struct Worker<'a, N> {
    prompts: &'a [Prompt],
    ends: Ends<'a>,
    team: Team,
    together: usize,
    sender: Sender<Output>,
    forward: Forward<'a, N>,
    pages: Pages<N>,
    live: Vec<Live>,
    open: Option<Open>,
    /// For each thread.
    scratch: Vec<Mutex<Scratch>>,
}

impl<'a, N: Number> Worker<'a, N> {
    fn new(
        weights: &'a Weights<N>,
        team: Team,
        prompts: &'a [Prompt],
        ends: Ends<'a>,
        together: usize,
        sender: Sender<Output>,
    ) -> Self {
        let forward = Forward::new(weights, team);
        let pages = forward.pages();
        let scratch = (0..team.threads).map(|_| Mutex::default()).collect();
        let (live, open) = (Vec::new(), None);
        Self { prompts, ends, team, together, sender, forward, pages, live, open, scratch }
    }

    /// Fills free places, then draws one token for every sequence. Whether there was anything to do.
    fn turn(&mut self, queue: &Mutex<VecDeque<Task>>, stopped: &AtomicBool) -> bool {
        while self.live.len() < self.together && !stopped.load(Ordering::Relaxed) {
            if self.open.is_none() {
                // No thread panics while it holds the queue.
                let task = queue.lock().ok().and_then(|mut queue| queue.pop_front());
                let Some(task) = task else { break };
                self.open = Some(self.prefill(task));
            }
            self.admit();
        }
        if self.live.is_empty() || stopped.load(Ordering::Relaxed) {
            return false;
        }
        self.decode();
        true
    }

    fn prefill(&mut self, task: Task) -> Open {
        let ids = &self.prompts[task.prompt].ids;
        let mut table = Table::new();
        self.pages.reserve(&mut table, ids.len());
        for (index, chunk) in ids.chunks(ROWS).enumerate() {
            let position = |t: usize| index * ROWS + t;
            let rows: Vec<Row<'_>> = chunk
                .iter()
                .enumerate()
                .map(|(t, &id)| Row { id, position: position(t), table: &table })
                .collect();
            let last = chunk.len() - 1;
            let wanted: &[usize] = if position(last) + 1 == ids.len() { &[last] } else { &[] };
            self.forward.run(&mut self.pages, &rows, wanted);
        }
        Open { task, table, logits: self.forward.logits(0).to_vec() }
    }

    /// Gives one sample of the open prompt a place and draws its first token.
    fn admit(&mut self) {
        let Some(open) = &mut self.open else { return };
        let Some(sample) = open.task.samples.pop_front() else {
            if let Some(open) = self.open.take() {
                self.pages.release(open.table);
            }
            return;
        };
        let mut job = Job::new(open.task.prompt, sample);
        let mut scratch = self.scratch[0].lock().unwrap_or_else(PoisonError::into_inner);
        let (last, finish) = job.draw(self.prompts, &open.logits, self.ends, &mut scratch);
        drop(scratch);
        if let Some(finish) = finish {
            return hand_out(&self.sender, &mut job, finish);
        }
        let cached = self.prompts[open.task.prompt].ids.len();
        let table = self.pages.share(&open.table, cached);
        self.live.push(Live { job, table, cached, last });
    }

    /// One token for every sequence; finished ones leave.
    fn decode(&mut self) {
        for live in &mut self.live {
            self.pages.reserve(&mut live.table, live.cached + 1);
        }
        let rows: Vec<Row<'_>> = self
            .live
            .iter()
            .map(|live| Row { id: live.last, position: live.cached, table: &live.table })
            .collect();
        let all: Vec<usize> = (0..rows.len()).collect();
        self.forward.run(&mut self.pages, &rows, &all);
        let (forward, prompts, ends, scratch) =
            (&self.forward, self.prompts, self.ends, &self.scratch);
        let finishes = self.team.each(&mut self.live, |thread, row, live| {
            // Nobody else has this thread's.
            let mut scratch = scratch[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let (last, finish) = live.job.draw(prompts, forward.logits(row), ends, &mut scratch);
            (live.last, live.cached) = (last, live.cached + 1);
            finish
        });
        for (row, finish) in finishes.into_iter().enumerate().rev() {
            if let Some(finish) = finish {
                let mut live = self.live.swap_remove(row);
                hand_out(&self.sender, &mut live.job, finish);
                self.pages.release(live.table);
            }
        }
    }
}

/// The receiver is gone only when generation has failed already.
fn hand_out(sender: &Sender<Output>, job: &mut Job, finish: Finish) {
    drop(sender.send(job.output(finish)));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::number::Pair;
    use super::super::score::score;
    use super::*;
    use crate::config::ModelConfig;
    use crate::qwen3::Qwen3;
    use howard::rng::Seed;
    use howard::types::SamplingParams;
    use tch::Device;

    /// The same bits from every number of threads and slots. No size is a multiple of anything.
    fn any_number_of_threads<N: Number>(vocab_size: i64, hidden_size: i64, tied: bool) {
        let shape = ModelConfig {
            vocab_size,
            hidden_size,
            intermediate_size: 2 * hidden_size + 1,
            num_hidden_layers: 2,
            num_attention_heads: 6,
            num_key_value_heads: 3,
            head_dim: 22,
            rope_theta: 10_000.0,
            rms_norm_eps: 1e-6,
            tie_word_embeddings: tied,
            max_position_embeddings: 256,
        };
        let model = Qwen3::random(shape, 7, N::KIND, Device::Cpu);
        let Some(weights) = Weights::<N>::of(&model) else { return };
        let prompts: Vec<Prompt> = (0..4)
            .map(|i| {
                let stream = &mut Seed(3).index(i).stream();
                let ids = (0..1 + stream.below(90)).map(|_| stream.below(120) as u32).collect();
                let params = SamplingParams { max_tokens: 20, ..SamplingParams::default() };
                let seeds = (0..=i).map(|sample| Seed(5).index(i).index(sample)).collect();
                Prompt { ids, params, seeds }
            })
            .collect();
        let sequences: Vec<Vec<u32>> = prompts.iter().map(|prompt| prompt.ids.clone()).collect();
        let answers = |threads, slots| {
            let ends = Ends::of(&model.config, &[3, 4], &|_, _| false);
            let mut outputs = BTreeMap::new();
            generate(&weights, &prompts, ends, slots, threads, &mut |output| {
                let Output { prompt, sample, ids, logprobs, .. } = output;
                outputs.insert((prompt, sample), (ids, logprobs));
                Ok(())
            })
            .unwrap();
            assert_eq!(outputs.len(), 1 + 2 + 3 + 4);
            (outputs, score(&weights, &sequences, threads))
        };
        let alone = answers(1, 1);
        for (threads, slots) in [(2, 1), (2, 64), (5, 2)] {
            assert!(alone == answers(threads, slots), "{threads} threads, {slots} slots");
        }
    }

    /// Beyond the size from which threads help each other.
    #[test]
    fn helpers_change_nothing() {
        any_number_of_threads::<f32>(4001, 385, true);
        any_number_of_threads::<Pair>(4001, 513, true);
    }

    /// Beyond the size from which all threads share each step.
    #[test]
    fn sharing_all_steps_changes_nothing() {
        any_number_of_threads::<f32>(20_001, 513, false);
    }
}
