//! Qwen3 against transformers: tests/golden/qwen3.py made the checkpoints and the numbers (versions in reference.json).

use std::path::{Path, PathBuf};

use howard::error::Error;
use howard::learn::compute::ComputeConfig;
use howard::learn::recipe::AdamWOptions;
use howard::learn::sft;
use howard::loss::Objective;
use howard::types::TrainSample;
use howard_torch::engine::Model;
use howard_torch::learner::TorchLearner;
use howard_torch::local::LocalSampler;
use howard_torch::qwen3::Qwen3;
use howard_torch::tokenizer::Tokenizer;
use howard_torch::{export, logprob};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

const CASES: [&str; 4] =
    ["tied_one_kv_head", "untied_two_kv_heads", "untied_all_kv_heads", "tied_large_theta"];

fn golden(name: &str) -> PathBuf {
    Path::new(ROOT).join("tests/golden/qwen3").join(name)
}

fn reference(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(golden(name).join("reference.json")).unwrap())
        .unwrap()
}

fn ids(reference: &Value) -> Vec<Vec<u32>> {
    serde_json::from_value(reference["ids"].clone()).unwrap()
}

fn worst(got: &[Vec<f32>], expected: &Value) -> f32 {
    let expected: Vec<Vec<f32>> = serde_json::from_value(expected.clone()).unwrap();
    assert_eq!(got.len(), expected.len());
    let mut worst = 0f32;
    for (got, expected) in got.iter().zip(&expected) {
        assert_eq!(got.len(), expected.len());
        worst = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(worst, f32::max);
    }
    worst
}

#[test]
fn logprobs_equal_transformers() {
    for name in CASES {
        let reference = reference(name);
        let model = Qwen3::load(&golden(name), Kind::Float, Device::Cpu).unwrap();
        // Both ways of computing them: our own loops, and libtorch's operators.
        for scores in [Qwen3::score, logprob::score_plain] {
            let difference = worst(&scores(&model, &ids(&reference)), &reference["logprobs"]);
            assert!(difference <= 1e-4, "{name}: {difference}");
        }
    }
}

/// bf16 keeps 8 bits: logits of size 10 are rounded to steps of 0.06, several times on the way.
#[test]
fn bfloat16_follows_transformers_to_rounding() {
    for name in CASES {
        let reference = reference(name);
        let model = Qwen3::load(&golden(name), Kind::BFloat16, Device::Cpu).unwrap();
        for scores in [Qwen3::score, logprob::score_plain] {
            let difference =
                worst(&scores(&model, &ids(&reference)), &reference["logprobs_bfloat16"]);
            assert!(difference <= 0.15, "{name}: {difference}");
        }
    }
}

/// Packed, with the head in chunks; plain and with every layer computed again.
#[test]
fn gradients_equal_transformers() {
    for (name, recompute) in CASES.iter().flat_map(|name| [(*name, false), (*name, true)]) {
        let reference = reference(name);
        let model = Qwen3::load(&golden(name), Kind::Float, Device::Cpu).unwrap();
        let tokenizer = Tokenizer::load(Path::new(ROOT).join("data/tiny").as_path()).unwrap();
        let compute = ComputeConfig { recompute, ..ComputeConfig::default() };
        let sampler = LocalSampler::new(model, tokenizer, 1);
        let learner =
            TorchLearner::new(sampler, AdamWOptions::default(), compute, None, 0).unwrap();
        let samples: Vec<TrainSample> = ids(&reference)
            .into_iter()
            .map(|ids| {
                let mut sample = sft::sample(ids.clone(), vec![1; ids.len()]);
                sample.advantages = vec![1.0; ids.len()];
                sample
            })
            .collect();
        let tokens = samples.iter().map(|s| s.ids.len() - 1).sum::<usize>() as f64;
        let (gradients, stats) =
            learner.gradients(&samples, &Objective::cross_entropy(), tokens).unwrap();
        assert!((stats.loss - reference["loss"].as_f64().unwrap()).abs() < 1e-5, "{name}");

        let bytes = std::fs::read(golden(name).join("gradients.safetensors")).unwrap();
        let expected = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let named = learner.named(gradients);
        assert_eq!(named.len(), expected.len());
        for (tensor_name, got) in named {
            let view = expected.tensor(&tensor_name).unwrap();
            let expected = Tensor::from_data_size(view.data(), &got.size(), Kind::Float);
            let difference = (&got - &expected).norm().double_value(&[]);
            let relative = difference / expected.norm().double_value(&[]);
            assert!(relative <= 1e-4, "{name} {tensor_name}: {relative}");
        }
    }
}

#[test]
fn what_we_save_we_load_again_bit_for_bit() {
    for name in CASES {
        let model = Qwen3::load(&golden(name), Kind::Float, Device::Cpu).unwrap();
        let dir = tempfile::tempdir().unwrap();
        export::save_model(&model, None, &[3], dir.path()).unwrap();
        let again = Qwen3::load(dir.path(), Kind::Float, Device::Cpu).unwrap();
        assert_eq!(again.config, model.config);
        for ((name, a), (_, b)) in model.named_tensors().into_iter().zip(again.named_tensors()) {
            assert!(a.equal(&b), "{name}");
        }
    }
}

#[test]
fn a_tokenizer_may_be_smaller_than_the_vocabulary() {
    let name = "tied_large_theta";
    let reference = reference(name);
    let vocabulary = howard_torch::tokenizer::Vocabulary::load(&golden(name)).unwrap();
    let text = reference["text_of_last"].as_str().unwrap();
    assert_eq!(Some(&vocabulary.encode(text).unwrap()), ids(&reference).last());
}

/// A copy of a golden folder that a test may damage.
fn copy(name: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(golden(name)).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

fn refusal(dir: &Path) -> String {
    let message = Qwen3::load(dir, Kind::Float, Device::Cpu).unwrap_err().to_string();
    assert!(!message.contains('\n') && message.len() < 400, "one sentence: {message}");
    message
}

fn edit_config(dir: &Path, edit: impl FnOnce(&mut serde_json::Map<String, Value>)) {
    let path = dir.join("config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    edit(config.as_object_mut().unwrap());
    std::fs::write(&path, config.to_string()).unwrap();
}

#[test]
fn broken_folders_are_refused_in_one_sentence_that_names_the_fault() {
    assert!(
        refusal(Path::new("no/such/model"))
            .contains("no/such/model: there is no such model folder")
    );

    let dir = copy("tied_one_kv_head");
    std::fs::write(dir.path().join("config.json"), "{\"vocab_size\": ").unwrap();
    assert!(refusal(dir.path()).contains("config.json: is not the configuration"));

    let dir = copy("tied_one_kv_head");
    edit_config(dir.path(), |c| c["architectures"] = serde_json::json!(["LlamaForCausalLM"]));
    assert!(refusal(dir.path()).contains("architecture 'LlamaForCausalLM' is not supported"));

    let dir = copy("tied_one_kv_head");
    edit_config(dir.path(), |c| {
        c["rope_scaling"] = serde_json::json!({"rope_type": "yarn", "factor": 4.0});
    });
    assert!(refusal(dir.path()).contains("rope type 'yarn' is not supported"));

    let dir = copy("tied_one_kv_head");
    edit_config(dir.path(), |c| c["num_key_value_heads"] = 3.into());
    assert!(refusal(dir.path()).contains("not a multiple of num_key_value_heads (3)"));

    let dir = copy("tied_one_kv_head");
    let weights = dir.path().join("model.safetensors");
    let bytes = std::fs::read(&weights).unwrap();
    std::fs::write(&weights, &bytes[..bytes.len() / 2]).unwrap();
    assert!(refusal(dir.path()).contains("model.safetensors: is not a whole safetensors file"));
    std::fs::write(&weights, b"\xff\xff\xff\xff\xff\xff\xff\xffgarbage").unwrap();
    assert!(refusal(dir.path()).contains("model.safetensors: is not a whole safetensors file"));
    std::fs::write(&weights, b"").unwrap();
    refusal(dir.path());
    std::fs::remove_file(&weights).unwrap();
    assert!(refusal(dir.path()).contains("holds neither model.safetensors nor"));

    let dir = copy("tied_one_kv_head");
    edit_config(dir.path(), |c| c["intermediate_size"] = 44.into());
    let message = refusal(dir.path());
    assert!(
        message
            .contains("model.layers.0.mlp.down_proj.weight: expected shape [32, 44], got [32, 40]"),
        "{message}"
    );

    let dir = copy("tied_one_kv_head");
    edit_config(dir.path(), |c| c["num_hidden_layers"] = 3.into());
    let message = refusal(dir.path());
    assert!(message.contains("missing tensors: model.layers.2."), "{message}");

    let dir = copy("tied_one_kv_head");
    edit_config(dir.path(), |c| c["num_hidden_layers"] = 1.into());
    let message = refusal(dir.path());
    assert!(message.contains("tensors that the model does not use: model.layers.1."), "{message}");

    let dir = copy("untied_two_kv_heads");
    std::fs::remove_file(dir.path().join("model-00002-of-00002.safetensors")).unwrap();
    assert!(
        refusal(dir.path())
            .contains("names model-00002-of-00002.safetensors, which is not in the folder")
    );
}

#[test]
fn saving_where_nothing_can_be_written_is_one_sentence() {
    let model = Qwen3::load(&golden("tied_one_kv_head"), Kind::Float, Device::Cpu).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let error = export::save_model(&model, None, &[3], &file.join("model")).unwrap_err();
    assert!(matches!(error, Error::Io { .. }), "{error}");
    // /dev/full refuses every byte, as a full disk does.
    let full = export::save_tensors(Path::new("/proc/model.safetensors"), model.named_tensors())
        .unwrap_err();
    assert!(!full.to_string().contains('\n'), "{full}");
}
