//! AdamW and gradient clipping.

use tch::{Kind, Tensor};

use howard::learn::recipe::AdamWOptions;

/// AdamW with decoupled weight decay (Loshchilov and Hutter 2019), as `torch.optim.AdamW` computes it.
#[derive(Debug)]
pub struct AdamW {
    options: AdamWOptions,
    /// Updates made so far.
    pub step: u64,
    /// First moments, shaped as the parameters.
    pub first: Vec<Tensor>,
    /// Second moments, shaped as the parameters.
    pub second: Vec<Tensor>,
}

impl AdamW {
    /// Zero moments (fp32) for some parameters.
    pub fn new(parameters: &[Tensor], options: AdamWOptions) -> Self {
        let zero = |p: &Tensor| Tensor::zeros(p.size(), (Kind::Float, p.device()));
        let zeros = || parameters.iter().map(zero).collect();
        Self { options, step: 0, first: zeros(), second: zeros() }
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

    /// Updates parameter `index` (fp32) in place. Call without gradients being recorded.
    pub fn update(&mut self, index: usize, parameter: &mut Tensor, gradient: &Tensor, lr: f64) {
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

/// Global L2 norm of some gradients, in fp32.
pub fn global_norm(gradients: &[Tensor]) -> f64 {
    let squares: Vec<Tensor> =
        gradients.iter().map(|g| g.to_kind(Kind::Float).square().sum(Kind::Float)).collect();
    Tensor::stack(&squares, 0).sum(Kind::Double).sqrt().double_value(&[])
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
            let mut optimizer = AdamW::new(&parameters, options);
            for step in 0..20usize {
                let gradients = tensors(&case["grads"][step], &shapes);
                let norm = global_norm(&gradients);
                if let Some(expected) = case["norms"][step].as_f64() {
                    assert!((norm - expected).abs() < 1e-5, "{norm} {expected}");
                }
                let factor = optimizer.clip_factor(norm);
                optimizer.begin();
                let lr = 1e-2 * (1.0 - step as f64 / 20.0);
                for (index, parameter) in parameters.iter_mut().enumerate() {
                    optimizer.update(index, parameter, &(&gradients[index] * factor), lr);
                }
                for (got, expected) in
                    parameters.iter().zip(tensors(&case["values"][step], &shapes))
                {
                    let difference = (got - expected).abs().max().double_value(&[]);
                    assert!(difference <= 1e-6, "step {step}: {difference}");
                }
            }
        }
    }
}
