//! The shape of a Qwen3 model: what its memory and its tensors follow from.

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

/// Published shapes, by the last part of the model's name: hidden, feed-forward, layers, query heads, whether the head is
/// tied, base of the rotary frequencies, longest sequence. All have 8 key-value heads of width 128 and 151,936 entries of
/// vocabulary. Source: the `config.json` of each at huggingface.co/Qwen.
type Published = (&'static str, i64, i64, i64, i64, bool, f64, i64);
const PUBLISHED: [Published; 5] = [
    ("Qwen3-0.6B", 1024, 3072, 28, 16, true, 1e6, 40_960),
    ("Qwen3-1.7B", 2048, 6144, 28, 16, true, 1e6, 40_960),
    ("Qwen3-4B", 2560, 9728, 36, 32, true, 1e6, 40_960),
    ("Qwen3-4B-Instruct-2507", 2560, 9728, 36, 32, true, 5e6, 262_144),
    ("Qwen3-8B", 4096, 12_288, 36, 32, false, 1e6, 40_960),
];

impl ModelConfig {
    /// The shape of a published model, by the last part of its name (`Qwen/Qwen3-4B`, `models/Qwen3-4B`).
    pub fn published(name: &str) -> Option<Self> {
        let last = name.trim_end_matches('/').rsplit('/').next()?;
        let (_, hidden, feed_forward, layers, heads, tied, theta, positions) =
            *PUBLISHED.iter().find(|row| row.0 == last)?;
        Some(Self {
            vocab_size: 151_936,
            hidden_size: hidden,
            intermediate_size: feed_forward,
            num_hidden_layers: layers,
            num_attention_heads: heads,
            num_key_value_heads: 8,
            head_dim: 128,
            rope_theta: theta,
            rms_norm_eps: 1e-6,
            tie_word_embeddings: tied,
            max_position_embeddings: positions,
        })
    }

    /// Checks that the sizes fit together.
    ///
    /// # Errors
    /// What does not, without the name of a file.
    pub fn check(&self) -> Result<(), String> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
            ("max_position_embeddings", self.max_position_embeddings),
        ];
        for (name, size) in sizes {
            if !(1..=1 << 30).contains(&size) {
                return Err(format!("{name} is {size}: it must be at least 1"));
            }
        }
        if self.num_attention_heads % self.num_key_value_heads != 0 {
            return Err(format!(
                "num_attention_heads ({}) is not a multiple of num_key_value_heads ({})",
                self.num_attention_heads, self.num_key_value_heads
            ));
        }
        if self.head_dim % 2 != 0 {
            return Err(format!(
                "head_dim is {}: rotary embeddings need an even one",
                self.head_dim
            ));
        }
        Ok(())
    }

    /// Parameters of one layer.
    pub fn layer_parameters(&self) -> i64 {
        let q = self.num_attention_heads * self.head_dim;
        let kv = self.num_key_value_heads * self.head_dim;
        self.hidden_size * (q + 2 * kv)
            + q * self.hidden_size
            + 3 * self.hidden_size * self.intermediate_size
            + 2 * self.hidden_size
            + 2 * self.head_dim
    }

    /// Parameters of the model, the tied head counted once.
    pub fn num_parameters(&self) -> i64 {
        let heads = if self.tie_word_embeddings { 1 } else { 2 };
        self.num_hidden_layers * self.layer_parameters()
            + heads * self.vocab_size * self.hidden_size
            + self.hidden_size
    }

    /// Inputs and outputs of each projection of a layer, by Hugging Face's names.
    pub fn projections(&self) -> [(&'static str, i64, i64); 7] {
        let q = self.num_attention_heads * self.head_dim;
        let kv = self.num_key_value_heads * self.head_dim;
        let (c, f) = (self.hidden_size, self.intermediate_size);
        [
            ("q_proj", c, q),
            ("k_proj", c, kv),
            ("v_proj", c, kv),
            ("o_proj", q, c),
            ("gate_proj", c, f),
            ("up_proj", c, f),
            ("down_proj", f, c),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_models_have_their_published_number_of_parameters() {
        // Qwen3-4B by hand: 36 * (2560*6144 + 4096*2560 + 3*2560*9728 + 2*2560 + 2*128) + 151936*2560 + 2560.
        let count = |name| ModelConfig::published(name).map(|c| c.num_parameters());
        assert_eq!(count("Qwen/Qwen3-4B-Instruct-2507"), Some(4_022_468_096));
        // The parameter counts that huggingface.co shows for the safetensors files.
        assert_eq!(count("models/Qwen3-8B/"), Some(8_190_735_360));
        assert_eq!(count("Qwen3-1.7B"), Some(1_720_574_976));
        assert_eq!(count("Qwen3-0.6B"), Some(596_049_920));
        assert_eq!(count("Qwen3-5B"), None);
    }
}
