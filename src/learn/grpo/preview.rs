//! What a run will do, before it does it: completions, tokens, memory.

use super::GrpoConfig;
use crate::error::Result;
use crate::learn::memory::{self, Demand, GIB, Generation};
use crate::shape::ModelConfig;

/// Room for the prompt, in tokens: MATH's longest problem with the study's example before it has fewer.
const PROMPT: usize = 1024;

/// What a run asks of the memory, for a model of a shape.
pub fn demand(config: &GrpoConfig, shape: ModelConfig) -> Demand {
    let train = &config.train;
    let context = usize::try_from(shape.max_position_embeddings).unwrap_or(usize::MAX);
    let longest = (PROMPT + train.sampling.max_tokens).min(context);
    let completions = train.prompts_per_step * train.group_size as usize;
    let own_reference = !config.reference.as_os_str().is_empty() || config.lora.is_none();
    Demand {
        shape,
        compute: config.compute.clone(),
        lora: config.lora.clone(),
        longest,
        step_tokens: completions * longest / train.optimizer_steps,
        generation: Some(Generation { slots: config.slots.min(completions), tokens: longest }),
        reference: config.objective.kl_coefficient > 0.0 && own_reference,
        threads: 1,
    }
}

/// Refuses a run that cannot fit into `available` bytes (no limit is known: none).
///
/// # Errors
/// It does not fit; the message names what to change.
pub fn check(demand: &Demand, available: Option<u64>) -> Result<()> {
    available.map_or(Ok(()), |available| memory::check(demand, available))
}

/// A few sentences and the table of memory, each line after `# `, so that they can follow a TOML.
pub fn text(config: &GrpoConfig, demand: Option<&Demand>) -> String {
    let train = &config.train;
    let completions = train.prompts_per_step as u64 * u64::from(train.group_size);
    let mut lines = vec![format!(
        "{} steps of {} problems x {} completions: {completions} a step, {} in all",
        train.steps,
        train.prompts_per_step,
        train.group_size,
        completions * train.steps
    )];
    match demand {
        Some(demand) => {
            let plan = demand.plan();
            lines.push(format!(
                "{} parameters, {} of them trained; memory: {:.2} GiB at most, for prompts of up to {PROMPT} tokens",
                demand.shape.num_parameters(),
                demand.trained_parameters(),
                plan.peak() as f64 / GIB
            ));
            lines.extend(plan.table().lines().map(String::from));
        }
        None => lines.push(format!(
            "memory: not known before there is a model in {}",
            config.model.display()
        )),
    }
    lines.iter().map(|line| format!("# {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::learn::compute::LoraConfig;

    #[test]
    fn the_demand_of_a_run_by_hand() {
        let mut config = GrpoConfig { slots: 64, ..GrpoConfig::default() };
        config.train.sampling.max_tokens = 4096;
        let shape = || ModelConfig::published("Qwen3-4B-Instruct-2507").unwrap();
        let of = |config: &GrpoConfig| demand(config, shape());
        let generation = of(&config).generation.unwrap();
        assert_eq!((generation.slots, generation.tokens), (64, 4096 + 1024));
        assert_eq!(of(&config).step_tokens, 64 * 16 * 5120);
        assert!(!of(&config).reference);
        config.objective.kl_coefficient = 0.1;
        assert!(of(&config).reference, "every weight learns: the reference is a second model");
        config.lora = Some(LoraConfig::default());
        assert!(!of(&config).reference, "without its adapters the model is the reference");
        let text = text(&config, Some(&of(&config)));
        assert!(text.contains("1024 a step, 102400 in all"), "{text}");
        assert!(text.contains("key-value cache"), "{text}");
        // 64 sequences of 5,120 tokens take 90 GiB in fp32 (294,912 B a token): fewer of them fit, the weights stay.
        let message = check(&of(&config), Some(60 << 30)).unwrap_err().to_string();
        assert!(message.contains("set slots = "), "{message}");
    }
}
