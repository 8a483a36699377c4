//! Weights as the optimizer sees them (fp32), whatever the model computes with.

use tch::{Device, Kind, Tensor};

use super::optimizer::copied;

use howard::learn::compute::Precision;

/// What is kept beside the tensors that the model computes with.
#[derive(Debug)]
pub enum Master {
    /// Nothing: they are fp32 themselves.
    Same,
    /// An fp32 copy of each; the bf16 ones are rounded from it.
    Float32(Vec<Tensor>),
    /// The rounding error of each bf16 weight as another bf16 number (Kahan summation; Zamirai et al. 2020,
    /// arXiv:2010.06192). A weight is the sum of both.
    Kahan(Vec<Tensor>),
}

impl Master {
    /// For tensors that were just loaded. `offloaded` fp32 copies stay in the host's memory.
    pub fn new(precision: Precision, computed: &[Tensor], offloaded: bool) -> Self {
        let _guard = tch::no_grad_guard();
        match precision {
            Precision::Auto | Precision::Float32 => Self::Same,
            Precision::Mixed => {
                let home = |t: &Tensor| if offloaded { Device::Cpu } else { t.device() };
                let copy = |t: &Tensor| t.detach().to_device(home(t)).to_kind(Kind::Float);
                Self::Float32(computed.iter().map(copy).collect())
            }
            Precision::Bfloat16Kahan => {
                Self::Kahan(computed.iter().map(|t| t.detach().zeros_like()).collect())
            }
        }
    }

    /// Kind in which gradients are summed: what the optimizer state has room for.
    pub fn gradient_kind(&self) -> Kind {
        match self {
            Self::Same | Self::Float32(_) => Kind::Float,
            Self::Kahan(_) => Kind::BFloat16,
        }
    }

    /// The weight in fp32 where the model computes, to be updated and then [`Self::set`].
    pub fn on_device(&self, index: usize, computed: &Tensor, offloaded: bool) -> Tensor {
        match self {
            Self::Float32(masters) if offloaded => copied(&masters[index], computed.device()),
            _ => self.value(index, computed),
        }
    }

    /// The weight in fp32 where it is kept; shares memory where it is fp32 already.
    pub fn value(&self, index: usize, computed: &Tensor) -> Tensor {
        match self {
            Self::Same => computed.detach(),
            Self::Float32(masters) => masters[index].shallow_clone(),
            Self::Kahan(errors) => {
                computed.detach().to_kind(Kind::Float) + errors[index].to_kind(Kind::Float)
            }
        }
    }

    /// Sets a weight, and rounds what the model computes with. Call without gradients being recorded.
    pub fn set(&mut self, index: usize, computed: &Tensor, value: &Tensor) {
        let mut target = computed.detach();
        match self {
            Self::Same => {
                if target.data_ptr() != value.data_ptr() {
                    target.copy_(value);
                }
            }
            Self::Float32(masters) => {
                if masters[index].data_ptr() != value.data_ptr() {
                    masters[index].copy_(value);
                }
                target.copy_(value);
            }
            Self::Kahan(errors) => {
                let error = |sum: &Tensor| {
                    (sum - sum.to_kind(Kind::BFloat16).to_kind(Kind::Float)).to_kind(Kind::BFloat16)
                };
                // Twice, so that what is kept is a pair that rounds to itself: a resumed run finds the same pair.
                let sum = value.to_kind(Kind::BFloat16).to_kind(Kind::Float)
                    + error(value).to_kind(Kind::Float);
                target.copy_(&sum);
                errors[index].copy_(&error(&sum));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1,000 additions of 1e-4 to 1: bf16 alone (8 bits) does not move at all.
    #[test]
    fn small_updates_are_not_lost() {
        for precision in [Precision::Mixed, Precision::Bfloat16Kahan] {
            let weight = Tensor::ones([3], (Kind::BFloat16, Device::Cpu));
            let mut master = Master::new(precision, std::slice::from_ref(&weight), false);
            for _ in 0..1000 {
                let value = master.value(0, &weight) + 1e-4;
                master.set(0, &weight, &value);
            }
            let got = weight.double_value(&[0]);
            assert!((got - 1.1).abs() < 0.005, "{precision:?}: {got}");
            // What a checkpoint holds leads back to the same numbers.
            let value = master.value(0, &weight).copy();
            let loaded = Tensor::zeros([3], (Kind::BFloat16, Device::Cpu));
            let mut again = Master::new(precision, std::slice::from_ref(&loaded), false);
            again.set(0, &loaded, &value);
            assert!(loaded.equal(&weight) && again.value(0, &loaded).equal(&value));
        }
    }
}
