//! AdamW and gradient clipping.

use tch::{Kind, Tensor};

use crate::learn::recipe::AdamWOptions;

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
    /// Zero moments for some parameters.
    pub fn new(parameters: &[Tensor], options: AdamWOptions) -> Self {
        let zeros = || parameters.iter().map(|p| p.zeros_like().detach()).collect();
        Self { options, step: 0, first: zeros(), second: zeros() }
    }

    /// Scales gradients so that their global L2 norm is at most `max_grad_norm`, as
    /// `torch.nn.utils.clip_grad_norm_`; `norm` is the norm they have.
    pub fn clip(&self, gradients: &mut [Tensor], norm: f64) {
        let max = self.options.max_grad_norm;
        if max > 0.0 {
            let scale = (max / (norm + 1e-6)).min(1.0);
            for gradient in gradients {
                let _ = gradient.g_mul_scalar_(scale);
            }
        }
    }

    /// One update in place. Call without gradients being recorded.
    pub fn update(&mut self, parameters: &mut [Tensor], gradients: &[Tensor], lr: f64) {
        let AdamWOptions { beta1, beta2, eps, weight_decay, .. } = self.options;
        self.step += 1;
        let step = i32::try_from(self.step).unwrap_or(i32::MAX);
        let correction1 = 1.0 - beta1.powi(step);
        let root2 = (1.0 - beta2.powi(step)).sqrt();
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((parameter, gradient), (first, second)) in
            parameters.iter_mut().zip(gradients).zip(moments)
        {
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
}

/// Global L2 norm of some gradients, in fp32.
pub fn global_norm(gradients: &[Tensor]) -> f64 {
    let squares: Vec<Tensor> =
        gradients.iter().map(|g| g.to_kind(Kind::Float).square().sum(Kind::Float)).collect();
    Tensor::stack(&squares, 0).sum(Kind::Double).sqrt().double_value(&[])
}
