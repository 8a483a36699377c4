//! Log-probabilities of given tokens under a model.

use super::backward;
use super::head;
use super::pack::{self, Packed};
use super::qwen3::Qwen3;

/// Tokens that go through the model at once.
const BATCH_TOKENS: usize = 16_384;

/// [`super::engine::Model::score`] with libtorch's operators.
///
/// Sequences of similar length are scored together, packed; the logits of a whole batch never exist.
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
