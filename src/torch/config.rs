//! The shape of a Qwen3 model.

use serde::{Deserialize, Serialize};

/// What `config.json` says about a Qwen3 model, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// Rows of the embedding (may exceed the tokenizer's vocabulary).
    pub vocab_size: i64,
    /// Width of the residual stream.
    pub hidden_size: i64,
    /// Width of the feed-forward layer.
    pub intermediate_size: i64,
    /// Number of layers.
    pub num_hidden_layers: i64,
    /// Query heads.
    pub num_attention_heads: i64,
    /// Key-value heads; divides the query heads.
    pub num_key_value_heads: i64,
    /// Width of one head; explicit in Qwen3, not hidden / heads.
    pub head_dim: i64,
    /// Base of the rotary frequencies.
    pub rope_theta: f64,
    /// Added to the mean square before the root in every RMSNorm.
    pub rms_norm_eps: f64,
    /// Whether the head is the embedding.
    pub tie_word_embeddings: bool,
    /// Longest sequence, in tokens.
    pub max_position_embeddings: i64,
}

impl ModelConfig {
    /// Parameters of the model, the tied head counted once.
    pub fn num_parameters(&self) -> i64 {
        let q = self.num_attention_heads * self.head_dim;
        let kv = self.num_key_value_heads * self.head_dim;
        let layer = self.hidden_size * (q + 2 * kv)
            + q * self.hidden_size
            + 3 * self.hidden_size * self.intermediate_size
            + 2 * self.hidden_size
            + 2 * self.head_dim;
        let heads = if self.tie_word_embeddings { 1 } else { 2 };
        self.num_hidden_layers * layer
            + heads * self.vocab_size * self.hidden_size
            + self.hidden_size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qwen3_4b_has_its_published_number_of_parameters() {
        // Qwen3-4B-Instruct-2507 model card: 4.0B parameters, 3.6B without embedding.
        let config = ModelConfig {
            vocab_size: 151_936,
            hidden_size: 2560,
            intermediate_size: 9728,
            num_hidden_layers: 36,
            num_attention_heads: 32,
            num_key_value_heads: 8,
            head_dim: 128,
            rope_theta: 5e6,
            rms_norm_eps: 1e-6,
            tie_word_embeddings: true,
            max_position_embeddings: 262_144,
        };
        // By hand: 36 * (2560*6144 + 4096*2560 + 3*2560*9728 + 2*2560 + 2*128) + 151936*2560 + 2560.
        assert_eq!(config.num_parameters(), 4_022_468_096);
    }
}
