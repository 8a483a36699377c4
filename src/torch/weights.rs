//! Reads a model folder in Hugging Face format into fused tensors.
//!
//! Axes: c hidden, h query heads, k kv heads, d head width, f feed-forward, v vocabulary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};

use memmap2::{Mmap, UncheckedAdvice};
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use tch::{Device, Kind, Tensor};

use super::config::{self, ModelConfig};
use super::qwen3::{Layer, Qwen3};
use howard::disk;
use howard::error::{Error, Result};

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

impl Qwen3 {
    /// A model whose tensors are allocated but not filled.
    pub fn empty(config: ModelConfig, kind: Kind, device: Device) -> Self {
        let new = |size: &[i64]| Tensor::empty(size, (kind, device));
        let (c, f, d) = (config.hidden_size, config.intermediate_size, config.head_dim);
        let (q, kv) = (config.num_attention_heads * d, config.num_key_value_heads * d);
        let layers = (0..config.num_hidden_layers)
            .map(|_| Layer {
                input_norm: new(&[c]),
                qkv: new(&[q + 2 * kv, c]),
                q_norm: new(&[d]),
                k_norm: new(&[d]),
                o: new(&[c, q]),
                post_norm: new(&[c]),
                gate_up: new(&[2 * f, c]),
                down: new(&[c, f]),
                adapters: None,
            })
            .collect();
        let embed = new(&[config.vocab_size, c]);
        let head = (!config.tie_word_embeddings).then(|| new(&[config.vocab_size, c]));
        Self::new(config, embed, layers, new(&[c]), head)
    }

    /// A new model as transformers initialises one: normal with standard deviation 0.02, norms 1.
    pub fn random(config: ModelConfig, seed: u64, kind: Kind, device: Device) -> Self {
        let model = Self::empty(config, kind, device);
        let _guard = tch::no_grad_guard();
        for (name, mut tensor) in model.named_tensors() {
            if name.contains("norm") {
                let _ = tensor.fill_(1.0);
                continue;
            }
            // Drawn from howard's own streams: the same on every machine and version of libtorch.
            let mut stream = howard::rng::Seed(seed).named(&name).stream();
            #[allow(clippy::cast_possible_truncation)]
            let values: Vec<f32> =
                (0..tensor.numel()).map(|_| (0.02 * stream.normal()) as f32).collect();
            tensor.copy_(&Tensor::from_slice(&values).reshape(tensor.size()));
        }
        model
    }

    /// Every tensor under its Hugging Face name; slices of fused tensors share their memory.
    pub fn named_tensors(&self) -> Vec<(String, Tensor)> {
        let config = &self.config;
        let (q, kv) = (
            config.num_attention_heads * config.head_dim,
            config.num_key_value_heads * config.head_dim,
        );
        let f = config.intermediate_size;
        let mut named = vec![("model.embed_tokens.weight".to_string(), self.embed.shallow_clone())];
        for (index, layer) in self.layers.iter().enumerate() {
            let mut add = |name: &str, tensor: Tensor| {
                named.push((format!("model.layers.{index}.{name}.weight"), tensor));
            };
            add("input_layernorm", layer.input_norm.shallow_clone());
            add("self_attn.q_proj", layer.qkv.narrow(0, 0, q));
            add("self_attn.k_proj", layer.qkv.narrow(0, q, kv));
            add("self_attn.v_proj", layer.qkv.narrow(0, q + kv, kv));
            add("self_attn.q_norm", layer.q_norm.shallow_clone());
            add("self_attn.k_norm", layer.k_norm.shallow_clone());
            add("self_attn.o_proj", layer.o.shallow_clone());
            add("post_attention_layernorm", layer.post_norm.shallow_clone());
            add("mlp.gate_proj", layer.gate_up.narrow(0, 0, f));
            add("mlp.up_proj", layer.gate_up.narrow(0, f, f));
            add("mlp.down_proj", layer.down.shallow_clone());
        }
        named.push(("model.norm.weight".to_string(), self.norm.shallow_clone()));
        if let Some(head) = &self.head {
            named.push(("lm_head.weight".to_string(), head.shallow_clone()));
        }
        named
    }

    /// The tensors that are learned, fused as they are stored, in a fixed order.
    pub fn parameters(&self) -> Vec<Tensor> {
        let mut all = vec![self.embed.shallow_clone()];
        for l in &self.layers {
            let layer = [
                &l.input_norm,
                &l.qkv,
                &l.q_norm,
                &l.k_norm,
                &l.o,
                &l.post_norm,
                &l.gate_up,
                &l.down,
            ];
            all.extend(layer.into_iter().map(Tensor::shallow_clone));
        }
        all.push(self.norm.shallow_clone());
        all.extend(self.head.as_ref().map(Tensor::shallow_clone));
        all
    }

    /// The same weights in another dtype; adapters are left behind.
    pub fn to_kind(&self, kind: Kind) -> Self {
        let parameters = self.parameters().iter().map(|p| p.to_kind(kind)).collect();
        Self::of_parameters(&self.config, parameters)
    }

    /// A model of some tensors in the order of [`Qwen3::parameters`]: the way back.
    ///
    /// # Panics
    /// If there are too few.
    pub fn of_parameters(config: &ModelConfig, parameters: Vec<Tensor>) -> Self {
        let mut parameters = parameters.into_iter();
        let mut next = || parameters.next().expect("a model's parameters are all given");
        let embed = next();
        let layers = (0..config.num_hidden_layers)
            .map(|_| Layer {
                input_norm: next(),
                qkv: next(),
                q_norm: next(),
                k_norm: next(),
                o: next(),
                post_norm: next(),
                gate_up: next(),
                down: next(),
                adapters: None,
            })
            .collect();
        let norm = next();
        let head = (!config.tie_word_embeddings).then(next);
        Self::new(config.clone(), embed, layers, norm, head)
    }

    /// Loads a folder in Hugging Face format. Files are memory-mapped and copied straight into place; the dtype is
    /// converted on the way.
    ///
    /// # Errors
    /// A file is missing, cut short or damaged; the architecture or a setting is not supported; a tensor is missing,
    /// unknown or of the wrong shape.
    pub fn load(dir: &Path, kind: Kind, device: Device) -> Result<Self> {
        if !dir.is_dir() {
            let problem = "there is no such model folder: give a folder with config.json and model.safetensors";
            return Err(Error::file(dir, problem));
        }
        let config = config::load(dir)?;
        let model = Self::empty(config, kind, device);
        fill_from_folder(dir, model.named_tensors(), model.config.tie_word_embeddings)?;
        Ok(model)
    }
}

/// Fills a model's tensors, under Hugging Face's names, from the files of a folder.
///
/// # Errors
/// A file is missing or damaged, or the tensors are not the wanted ones.
pub fn fill_from_folder(dir: &Path, wanted: Vec<(String, Tensor)>, tied: bool) -> Result<()> {
    let mut filling = Filling::new(wanted);
    // Written by some tools beside a tied embedding; transformers ignores it.
    let ignored = tied.then_some("lm_head.weight");
    for path in shards(dir)? {
        filling.read(&path, ignored)?;
    }
    filling.finish(dir)
}

/// Fills named tensors from one safetensors file that holds exactly these.
///
/// # Errors
/// The file is damaged, or its tensors are not the wanted ones.
pub fn fill(path: &Path, wanted: Vec<(String, Tensor)>) -> Result<()> {
    let mut filling = Filling::new(wanted);
    filling.read(path, None)?;
    filling.finish(path)
}

/// Tensors by name, and which of them are filled.
struct Filling {
    wanted: BTreeMap<String, Tensor>,
    filled: BTreeSet<String>,
    unexpected: Vec<String>,
}

impl Filling {
    fn new(wanted: Vec<(String, Tensor)>) -> Self {
        let wanted = wanted.into_iter().collect();
        Self { wanted, filled: BTreeSet::new(), unexpected: Vec::new() }
    }

    fn read(&mut self, path: &Path, ignored: Option<&str>) -> Result<()> {
        let _guard = tch::no_grad_guard();
        let mapped = Mapped::open(path)?;
        // By name, so that of several faults the same one is reported every time.
        let tensors = mapped.tensors()?;
        let mut views = tensors.iter().collect::<Vec<_>>();
        views.sort_by_key(|(name, _)| name.to_string());
        for (name, view) in views {
            if Some(name) == ignored {
                continue;
            }
            let Some(place) = self.wanted.get(name) else {
                self.unexpected.push(name.to_string());
                continue;
            };
            let tensor = from_view(path, name, &view)?;
            if place.size() != tensor.size() {
                return Err(Error::Shape {
                    what: format!("{}: {name}", path.display()),
                    expected: place.size(),
                    got: tensor.size(),
                });
            }
            place
                .shallow_clone()
                .f_copy_(&tensor)
                .map_err(|e| super::torch_error(&format!("loading {name}"), &e))?;
            self.filled.insert(name.to_string());
            drop(tensor);
            mapped.give_back(view.data());
        }
        Ok(())
    }

    fn finish(mut self, path: &Path) -> Result<()> {
        let missing: Vec<String> =
            self.wanted.keys().filter(|name| !self.filled.contains(*name)).cloned().collect();
        if missing.is_empty() && self.unexpected.is_empty() {
            return Ok(());
        }
        self.unexpected.sort();
        Err(Error::Weights { path: path.to_path_buf(), missing, unexpected: self.unexpected })
    }
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

/// The safetensors files of a folder: those of the index, or the single one.
fn shards(dir: &Path) -> Result<Vec<PathBuf>> {
    let index_path = dir.join(INDEX);
    if !index_path.exists() {
        let single = dir.join(SINGLE);
        if single.exists() {
            return Ok(vec![single]);
        }
        return Err(Error::file(dir, format!("holds neither {SINGLE} nor {INDEX}")));
    }
    let index: Index = serde_json::from_str(&disk::read_text(&index_path)?)
        .map_err(|e| Error::file(&index_path, format!("is not a safetensors index: {e}")))?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    for name in &names {
        if !dir.join(name).exists() {
            return Err(Error::file(
                &index_path,
                format!("names {name}, which is not in the folder"),
            ));
        }
    }
    Ok(names.iter().map(|name| dir.join(name)).collect())
}

/// A memory-mapped safetensors file.
struct Mapped {
    path: PathBuf,
    bytes: Mmap,
}

impl Mapped {
    #[allow(unsafe_code)]
    fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        // SAFETY: the map is read-only and lives only while the model is loaded; a file that another process changes
        // or cuts in that time is outside of what a program can defend against, as for every memory-mapped loader.
        let bytes = unsafe { Mmap::map(&file) }.map_err(|e| Error::io(path, e))?;
        Ok(Self { path: path.to_path_buf(), bytes })
    }

    /// Lets the system take the memory of some of the mapped bytes: what is copied would otherwise count as this process's until
    /// the last tensor is.
    #[allow(unsafe_code)]
    fn give_back(&self, part: &[u8]) {
        let offset = part.as_ptr().addr() - self.bytes.as_ptr().addr();
        // SAFETY: the map is read-only, so nothing that was written is lost; bytes that are read again come from the file.
        // That the system does not want to is no fault.
        let _ = unsafe {
            self.bytes.unchecked_advise_range(UncheckedAdvice::DontNeed, offset, part.len())
        };
    }

    fn tensors(&self) -> Result<SafeTensors<'_>> {
        SafeTensors::deserialize(&self.bytes).map_err(|e| {
            let problem =
                format!("is not a whole safetensors file ({e}): download or copy it again");
            Error::file(&self.path, problem)
        })
    }
}

/// A tensor over the mapped bytes, without a copy.
#[allow(unsafe_code)]
fn from_view(
    path: &Path,
    name: &str,
    view: &safetensors::tensor::TensorView<'_>,
) -> Result<Tensor> {
    let kind = match view.dtype() {
        Dtype::F32 => Kind::Float,
        Dtype::BF16 => Kind::BFloat16,
        Dtype::F16 => Kind::Half,
        other => {
            let problem =
                format!("tensor {name} has dtype {other:?}: F32, BF16 and F16 are supported");
            return Err(Error::file(path, problem));
        }
    };
    let size: Vec<i64> = view
        .shape()
        .iter()
        .map(|&n| i64::try_from(n))
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| Error::file(path, format!("tensor {name} has an impossible shape")))?;
    if size.iter().product::<i64>() == 0 {
        return Ok(Tensor::zeros(&size, (kind, Device::Cpu)));
    }
    let mut strides = vec![1i64; size.len()];
    for axis in (0..size.len().saturating_sub(1)).rev() {
        strides[axis] = strides[axis + 1] * size[axis + 1];
    }
    // SAFETY: safetensors has checked that the view's bytes are `size` elements of `kind`; the tensor is read once,
    // by `copy_`, before the map is dropped.
    Ok(unsafe { Tensor::from_blob(view.data().as_ptr(), &size, &strides, kind, Device::Cpu) })
}
