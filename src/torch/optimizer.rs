//! AdamW and gradient clipping.

use tch::{Device, Kind, Tensor};

use super::ext;
use howard::error::Result;
use howard::learn::recipe::AdamWOptions;

/// AdamW with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW` computes it.
#[derive(Debug)]
pub struct AdamW {
    options: AdamWOptions,
    offloaded: bool,
    /// Updates made so far.
    pub step: u64,
    /// First moments, shaped as the parameters.
    pub first: Vec<Tensor>,
    /// Second moments, shaped as the parameters.
    pub second: Vec<Tensor>,
}

impl AdamW {
    /// Zero moments (fp32) for some parameters. `offloaded` moments stay in the host's memory; each update takes its own two
    /// to the parameter's device and back.
    pub fn new(parameters: &[Tensor], options: AdamWOptions, offloaded: bool) -> Self {
        let home = |p: &Tensor| if offloaded { Device::Cpu } else { p.device() };
        let zero = |p: &Tensor| Tensor::zeros(p.size(), (Kind::Float, home(p)));
        let zeros = || parameters.iter().map(zero).collect();
        Self { options, offloaded, step: 0, first: zeros(), second: zeros() }
    }

    /// Factor on gradients of global L2 norm `norm` so that it is at most `max_grad_norm`, as
    /// `torch.nn.utils.clip_grad_norm_`.
    pub fn clip_factor(&self, norm: f64) -> f64 {
        let max = self.options.max_grad_norm;
        if max > 0.0 { (max / (norm + 1e-6)).min(1.0) } else { 1.0 }
    }

    /// Begins the next step; every parameter is then updated once.
    pub fn begin(&mut self) {
        self.step += 1;
    }

    /// Updates parameter `index` (fp32) in place by the fused kernel. Call without gradients being recorded.
    ///
    /// # Errors
    /// libtorch refuses the tensors.
    pub fn update(
        &mut self,
        index: usize,
        parameter: &mut Tensor,
        gradient: &Tensor,
        lr: f64,
    ) -> Result<()> {
        let (first, second) = (&mut self.first[index], &mut self.second[index]);
        let (step, options) = (self.step, &self.options);
        if !self.offloaded {
            return ext::fused_adamw(parameter, gradient, first, second, step, lr, options);
        }
        let device = parameter.device();
        let (mut m, mut v) = (copied(first, device), copied(second, device));
        ext::fused_adamw(parameter, gradient, &mut m, &mut v, step, lr, options)?;
        first.copy_(&m);
        second.copy_(&v);
        Ok(())
    }

    /// The same update in plain operators, one line of the formula each: the reference of [`Self::update`].
    pub fn update_plain(
        &mut self,
        index: usize,
        parameter: &mut Tensor,
        gradient: &Tensor,
        lr: f64,
    ) {
        let AdamWOptions { beta1, beta2, eps, weight_decay, .. } = self.options;
        let step = i32::try_from(self.step).unwrap_or(i32::MAX);
        let correction1 = 1.0 - beta1.powi(step);
        let root2 = (1.0 - beta2.powi(step)).sqrt();
        let (first, second) = (&mut self.first[index], &mut self.second[index]);
        if weight_decay != 0.0 {
            let _ = parameter.g_mul_scalar_(1.0 - lr * weight_decay);
        }
        let _ = first.lerp_(gradient, 1.0 - beta1);
        let _ = second.g_mul_scalar_(beta2);
        let _ = second.addcmul_(&(gradient * (1.0 - beta2)), gradient);
        let denominator = second.sqrt() / root2 + eps;
        let _ = parameter.addcdiv_(&(&*first * (-lr / correction1)), &denominator);
    }
}

/// A copy of an fp32 tensor on a device; a copy too where it is there already, so that the CPU does all that a GPU does.
pub(super) fn copied(tensor: &Tensor, device: Device) -> Tensor {
    tensor.to_device_(device, Kind::Float, false, true)
}

/// Global L2 norm of some gradients, in fp32, without a temporary tensor of their size.
pub fn global_norm(gradients: &[Tensor]) -> f64 {
    let norms: Vec<Tensor> =
        gradients.iter().map(|g| g.norm_scalaropt_dtype(2, Kind::Float)).collect();
    Tensor::stack(&norms, 0)
        .to_kind(Kind::Double)
        .square()
        .sum(Kind::Double)
        .sqrt()
        .double_value(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(value: &serde_json::Value, shapes: &[Vec<i64>]) -> Vec<Tensor> {
        let values: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
        values
            .iter()
            .zip(shapes)
            .map(|(v, shape)| Tensor::from_slice(v).to_kind(Kind::Float).reshape(shape.as_slice()))
            .collect()
    }

    /// tests/golden/adamw.py: torch.optim.AdamW and clip_grad_norm_ over 20 steps with a falling learning rate.
    #[test]
    fn twenty_steps_equal_torch() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/golden/adamw.json")).unwrap();
        let cases = golden["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 4);
        for case in cases {
            let shapes: Vec<Vec<i64>> = serde_json::from_value(case["shapes"].clone()).unwrap();
            let options = AdamWOptions {
                weight_decay: case["weight_decay"].as_f64().unwrap(),
                max_grad_norm: case["max_grad_norm"].as_f64().unwrap(),
                ..AdamWOptions::default()
            };
            let mut parameters = tensors(&case["start"], &shapes);
            let mut optimizer = AdamW::new(&parameters, options, false);
            let mut plain = tensors(&case["start"], &shapes);
            let mut reference = AdamW::new(&plain, options, false);
            for step in 0..20usize {
                let gradients = tensors(&case["grads"][step], &shapes);
                let norm = global_norm(&gradients);
                if let Some(expected) = case["norms"][step].as_f64() {
                    assert!((norm - expected).abs() < 1e-5, "{norm} {expected}");
                }
                let factor = optimizer.clip_factor(norm);
                optimizer.begin();
                reference.begin();
                let lr = 1e-2 * (1.0 - step as f64 / 20.0);
                let expected = tensors(&case["values"][step], &shapes);
                for (index, expected) in expected.iter().enumerate() {
                    let gradient = &gradients[index] * factor;
                    optimizer.update(index, &mut parameters[index], &gradient, lr).unwrap();
                    reference.update_plain(index, &mut plain[index], &gradient, lr);
                    for got in [&parameters[index], &plain[index]] {
                        let difference = (got - expected).abs().max().double_value(&[]);
                        assert!(difference <= 1e-6, "step {step}: {difference}");
                    }
                }
            }
        }
    }
}
