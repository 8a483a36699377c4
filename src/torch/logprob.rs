//! Log-probabilities of given tokens under a model.

use tch::{Kind, Tensor};

use super::qwen3::Qwen3;

/// Rows of logits that exist at once, times vocabulary: 64 Mi values, 256 MiB in fp32.
const HEAD_VALUES: i64 = 64 << 20;

/// Padded tokens that go through the model at once.
const BATCH_TOKENS: usize = 16_384;

/// Natural log-probability of each id given the ids before it: `logprobs[i][t] = ln p(ids[i][t] | ids[i][..t])`, fp32
/// log-softmax. Position 0 has nothing before it and is not scored: row `i` has length `ids[i].len() - 1`.
///
/// Sequences of similar length are scored together; the logits of a whole batch never exist.
pub fn score(model: &Qwen3, sequences: &[Vec<u32>]) -> Vec<Vec<f32>> {
    let _guard = tch::no_grad_guard();
    let mut order: Vec<usize> = (0..sequences.len()).collect();
    order.sort_by_key(|&i| sequences[i].len());
    let mut scores = vec![Vec::new(); sequences.len()];
    let mut rest = order.as_slice();
    while let Some((&first, _)) = rest.split_first() {
        // Sorted: the last of a batch is the longest.
        let fits = |count: usize| count * sequences[rest[count - 1]].len() <= BATCH_TOKENS;
        let mut count = 1;
        while count < rest.len() && fits(count + 1) {
            count += 1;
        }
        let (batch, after) = rest.split_at(count);
        if sequences[*batch.last().unwrap_or(&first)].len() > 1 {
            score_batch(model, sequences, batch, &mut scores);
        }
        rest = after;
    }
    scores
}

fn score_batch(model: &Qwen3, sequences: &[Vec<u32>], batch: &[usize], scores: &mut [Vec<f32>]) {
    let longest = batch.iter().map(|&i| sequences[i].len()).max().unwrap_or(0);
    let mut ids = vec![0i64; batch.len() * longest];
    let (mut positions, mut targets) = (Vec::new(), Vec::new());
    for (row, &index) in batch.iter().enumerate() {
        for (t, &id) in sequences[index].iter().enumerate() {
            ids[row * longest + t] = i64::from(id);
            if t > 0 {
                positions.push((row * longest + t - 1) as i64);
                targets.push(i64::from(id));
            }
        }
    }
    let device = model.device();
    let ids_bt =
        Tensor::from_slice(&ids).reshape([batch.len() as i64, longest as i64]).to_device(device);
    let positions = Tensor::from_slice(&positions).to_device(device);
    let targets = Tensor::from_slice(&targets).to_device(device);
    let hidden = model.hidden(&ids_bt).flatten(0, 1).index_select(0, &positions);
    let logprobs = of_targets(model, &hidden, &targets).to_device(tch::Device::Cpu);
    let mut values = vec![0f32; logprobs.numel()];
    let numel = values.len();
    logprobs.copy_data(&mut values, numel);
    let mut values = values.into_iter();
    for &index in batch {
        scores[index] = values.by_ref().take(sequences[index].len().saturating_sub(1)).collect();
    }
}

/// Log-probabilities `[n]` of `targets` `[n]` from hidden states `[n, c]`, the head applied in chunks.
fn of_targets(model: &Qwen3, hidden_nc: &Tensor, targets_n: &Tensor) -> Tensor {
    let chunk = (HEAD_VALUES / model.config.vocab_size).max(1);
    let parts: Vec<Tensor> = hidden_nc
        .split(chunk, 0)
        .iter()
        .zip(targets_n.split(chunk, 0))
        .map(|(hidden, targets)| {
            model
                .logits(hidden)
                .log_softmax(-1, Kind::Float)
                .gather(1, &targets.unsqueeze(1), false)
                .squeeze_dim(1)
        })
        .collect();
    Tensor::cat(&parts, 0)
}
