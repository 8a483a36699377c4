//! Operators of libtorch that tch does not bind (`ext.cpp`). Everything unsafe about them is here.

#![allow(unsafe_code)] // the border to C++

use std::ffi::{CStr, c_char};

use tch::{Device, Kind, Tensor};
use torch_sys::C_tensor;

use howard::error::{Error, Result};
use howard::learn::recipe::AdamWOptions;

#[link(name = "howard_ext", kind = "static")]
unsafe extern "C" {
    fn howard_free(message: *mut c_char);
    fn howard_keep_memory();
    fn howard_load_cuda() -> *mut c_char;
    fn howard_device_peak(device: i8, bytes: *mut u64) -> *mut c_char;
    fn howard_fused_adamw(
        parameter: *mut C_tensor,
        gradient: *const C_tensor,
        first: *mut C_tensor,
        second: *mut C_tensor,
        step: *const C_tensor,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        eps: f64,
    ) -> *mut c_char;
}

/// Loads libtorch's CUDA half, which programs are not linked with: loaded, it takes 230 MB and a tenth of a second, also
/// where there is no GPU. Call before anything asks libtorch about CUDA, because libtorch keeps the first answer.
///
/// # Errors
/// It is there but cannot be loaded, for instance because an NVIDIA library is missing.
pub fn load_cuda() -> Result<()> {
    // SAFETY: takes nothing; the C++ side throws nothing. Loading twice is loading once.
    result("loading libtorch's CUDA half", unsafe { howard_load_cuda() })
}

/// Lets freed memory of the CPU stay with the process for the next step, up to a gibibyte, where the C library is glibc. Asking
/// the system anew for each tensor took a twentieth of the processor time of a training step of small models.
pub fn keep_memory() {
    // SAFETY: takes nothing and only sets options of the C library's allocator, which locks itself.
    unsafe { howard_keep_memory() }
}

/// The most memory that libtorch has ever held of a CUDA device, in bytes; none on the CPU.
///
/// # Errors
/// libtorch has no such device.
pub fn device_peak_bytes(device: Device) -> Result<Option<u64>> {
    let Device::Cuda(index) = device else { return Ok(None) };
    let index = i8::try_from(index).unwrap_or(i8::MAX);
    let mut bytes = 0;
    // SAFETY: `bytes` is written before the call returns or not at all; the C++ side throws nothing.
    let message = unsafe { howard_device_peak(index, &raw mut bytes) };
    result("asking for a device's memory", message)?;
    Ok(Some(bytes))
}

/// One AdamW update in place by libtorch's fused kernel: no temporary tensor, each value read and written once. `step`
/// counts from 1. All tensors have one shape, dtype and device. Call without gradients being recorded.
///
/// # Errors
/// The tensors do not fit together; nothing is changed then.
pub fn fused_adamw(
    parameter: &mut Tensor,
    gradient: &Tensor,
    first: &mut Tensor,
    second: &mut Tensor,
    step: u64,
    lr: f64,
    options: &AdamWOptions,
) -> Result<()> {
    #[allow(clippy::cast_possible_truncation)]
    let step = Tensor::from_slice(&[step as f32]).to_device(parameter.device());
    debug_assert_eq!(step.kind(), Kind::Float);
    // SAFETY: every pointer is of a live tensor (tch's `C_tensor` is `at::Tensor`) that is borrowed for the call, the
    // written ones mutably; the C++ side keeps none of them and throws nothing.
    let message = unsafe {
        howard_fused_adamw(
            parameter.as_mut_ptr(),
            gradient.as_ptr(),
            first.as_mut_ptr(),
            second.as_mut_ptr(),
            step.as_ptr(),
            lr,
            options.beta1,
            options.beta2,
            options.weight_decay,
            options.eps,
        )
    };
    result("the update of AdamW", message)
}

/// The error of a call, cut to its first line.
pub(crate) fn result(doing: &str, message: *mut c_char) -> Result<()> {
    if message.is_null() {
        return Ok(());
    }
    // SAFETY: not null, so a text that ext.cpp made with strdup, whole and ours until it is freed, once, here.
    let text = unsafe {
        let text = CStr::from_ptr(message).to_string_lossy().into_owned();
        howard_free(message);
        text
    };
    let first = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Err(Error::Torch { doing: doing.to_string(), problem: first.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In a process of its own, because libtorch keeps the first answer to whether it has CUDA.
    #[test]
    #[ignore = "run by the_cuda_half_is_loaded_when_a_cuda_device_is_asked_for"]
    fn cuda_in_a_process_of_its_own() {
        assert!(!maps().contains("/libtorch_cuda.so"));
        let _ = crate::device("cuda");
        let maps = maps();
        let line = maps.lines().find_map(|line| line.split_once("/libtorch_cpu.so")).unwrap().0;
        let dir = &line[line.find('/').unwrap()..];
        if std::path::Path::new(dir).join("libtorch_cuda.so").exists() {
            assert!(maps.contains("/libtorch_cuda.so"));
            // Its CUDA half has registered itself: only that knows a version of the CUDA runtime.
            assert!(tch::utils::has_cudart());
        }
    }

    fn maps() -> String {
        std::fs::read_to_string("/proc/self/maps").unwrap_or_default()
    }

    #[test]
    fn the_cuda_half_is_loaded_when_a_cuda_device_is_asked_for() {
        let test = "ext::tests::cuda_in_a_process_of_its_own";
        let output = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    #[test]
    fn memory_of_a_device_that_is_not_there_is_an_error() {
        assert_eq!(device_peak_bytes(Device::Cpu).unwrap(), None);
        let error = device_peak_bytes(Device::Cuda(99)).unwrap_err().to_string();
        let expected = "libtorch failed while asking for a device's memory: ";
        assert!(error.starts_with(expected) && !error.contains('\n'), "{error}");
    }

    #[test]
    fn an_error_of_libtorch_is_one_sentence_and_changes_nothing() {
        let _guard = tch::no_grad_guard();
        let zeros = |n: i64, kind| Tensor::zeros([n], (kind, Device::Cpu));
        let (mut p, mut m, mut v) =
            (zeros(3, Kind::Float), zeros(3, Kind::Float), zeros(3, Kind::Float));
        let gradient = zeros(3, Kind::BFloat16) + 1.0;
        let options = AdamWOptions::default();
        let error = fused_adamw(&mut p, &gradient, &mut m, &mut v, 1, 1e-3, &options)
            .unwrap_err()
            .to_string();
        assert!(error.contains("AdamW") && !error.contains('\n'), "{error}");
        assert!(!error.contains("Exception raised") && error.len() < 300, "{error}");
        assert!(p.equal(&zeros(3, Kind::Float)) && m.equal(&zeros(3, Kind::Float)));
    }
}
