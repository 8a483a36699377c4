//! Log-probabilities of given tokens under a model.

use super::backward;
use super::cpu::{number::Pair, score, weights::Weights};
use super::head;
use super::pack::{self, Packed};
use super::qwen3::Qwen3;

/// Tokens that go through the model at once.
const BATCH_TOKENS: usize = 16_384;

/// Natural log-probability of each id given the ids before it: `logprobs[i][t] = ln p(ids[i][t + 1] | ids[i][..=t])`, fp32
/// log-softmax. The first id has nothing before it and is not scored: row `i` has length `ids[i].len() - 1`.
///
/// Sequences of similar length are scored together, packed; the logits of a whole batch never exist.
pub fn score(model: &Qwen3, sequences: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1);
    if let Some(weights) = Weights::<f32>::of(model) {
        score::score(&weights, sequences, threads)
    } else if let Some(weights) = Weights::<Pair>::of(model) {
        score::score(&weights, sequences, threads)
    } else {
        score_plain(model, sequences)
    }
}

/// As [`score`], but with libtorch's operators in any case.
pub fn score_plain(model: &Qwen3, sequences: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let mut scores = vec![Vec::new(); sequences.len()];
    let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
    for group in pack::plan(&lengths, BATCH_TOKENS) {
        // Plans are longest first: what follows a sequence of one token has none to score either.
        let group: Vec<usize> = group.into_iter().filter(|&i| lengths[i] > 1).collect();
        if group.is_empty() {
            break;
        }
        let chosen = group.iter().map(|&i| sequences[i].as_slice());
        let batch = Packed::new(chosen, |_, _| true, model.device());
        let hidden = backward::hidden(model, &batch);
        let found = head::score(model, &hidden, &batch.targets, 1.0).logprobs;
        let mut values = found.into_iter();
        for (index, count) in group.into_iter().zip(batch.scored) {
            scores[index] = values.by_ref().take(count).collect();
        }
    }
    scores
}
