// Operators of training that libtorch computes in many passes over the activations, each as one forward and one backward
// pass. Autograd's side of them is here; their loops are in Rust (`fused.rs`), compiled for the vectors of the machine.
//
// All tensors are fp32 on the CPU. Axes: n rows, h heads, d width of a head (or h = 1 and d = hidden), f feed-forward.

#include "border.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <vector>

extern "C" {
// `x` and `out` are `[n, h, d]`, rows of `x` `stride` apart; `cos` and `sin` `[n, d]` or null; `scales` `[n, h]`.
void howard_norm_forward(int64_t n, int64_t h, int64_t d, int64_t stride, const float *x, const float *weight, const float *cos,
                         const float *sin, double eps, float *out, float *scales) noexcept;
// `grad` and `into` are `[n, h, d]`; `weight_grad` `[d]`.
void howard_norm_backward(int64_t n, int64_t h, int64_t d, int64_t stride, const float *x, const float *weight,
                          const float *cos, const float *sin, const float *scales, const float *grad, float *into,
                          float *weight_grad) noexcept;
// `both` and `into` are `[n, 2f]`: gate, then up; `out` and `grad` `[n, f]`.
void howard_gated_forward(int64_t n, int64_t f, const float *both, float *out) noexcept;
void howard_gated_backward(int64_t n, int64_t f, const float *both, const float *grad, float *into) noexcept;
}

namespace {

using torch::autograd::AutogradContext;
using torch::autograd::Function;
using torch::autograd::variable_list;

// `[n, h, d]` with heads side by side, without a copy where that is so already.
at::Tensor heads(const at::Tensor &x, int64_t h) {
  const int64_t d = x.size(-1);
  at::Tensor rows = x.reshape({x.numel() / (h * d), h, d});
  return rows.stride(2) == 1 && (h == 1 || rows.stride(1) == d) ? rows : rows.contiguous();
}

const float *values(const at::Tensor &x) { return x.defined() ? x.const_data_ptr<float>() : nullptr; }

struct Norm : Function<Norm> {
  static at::Tensor forward(AutogradContext *ctx, const at::Tensor &x, const at::Tensor &weight, const std::optional<at::Tensor> &cos,
                            const std::optional<at::Tensor> &sin, int64_t h, double eps) {
    const at::Tensor first = cos.value_or(at::Tensor()), second = sin.value_or(at::Tensor());
    const at::Tensor rows = heads(x, h);
    const at::Tensor out = at::empty(rows.sizes(), x.options());
    const at::Tensor scales = at::empty({rows.size(0), h}, x.options());
    howard_norm_forward(rows.size(0), h, rows.size(2), rows.stride(0), values(rows), values(weight), values(first), values(second),
                        eps, out.mutable_data_ptr<float>(), scales.mutable_data_ptr<float>());
    ctx->save_for_backward({rows, weight, first, second, scales});
    return out.view(x.sizes());
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const variable_list saved = ctx->get_saved_variables();
    const at::Tensor &rows = saved[0], &weight = saved[1];
    const int64_t n = rows.size(0), h = rows.size(1), d = rows.size(2);
    const at::Tensor grad = grads[0].contiguous();
    const at::Tensor into = at::empty(grad.sizes(), grad.options());
    const at::Tensor weight_grad = at::empty(weight.sizes(), weight.options());
    howard_norm_backward(n, h, d, rows.stride(0), values(rows), values(weight), values(saved[2]), values(saved[3]),
                         values(saved[4]), values(grad), into.mutable_data_ptr<float>(),
                         weight_grad.mutable_data_ptr<float>());
    return {into, weight_grad, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

struct Gated : Function<Gated> {
  static at::Tensor forward(AutogradContext *ctx, const at::Tensor &gate_up) {
    const at::Tensor both = gate_up.contiguous();
    std::vector<int64_t> sizes = both.sizes().vec();
    const int64_t f = sizes.back() /= 2;
    const at::Tensor out = at::empty(sizes, both.options());
    howard_gated_forward(out.numel() / f, f, values(both), out.mutable_data_ptr<float>());
    ctx->save_for_backward({both});
    return out;
  }

  static variable_list backward(AutogradContext *ctx, variable_list grads) {
    const at::Tensor both = ctx->get_saved_variables()[0];
    const at::Tensor grad = grads[0].contiguous();
    const at::Tensor into = at::empty(both.sizes(), both.options());
    const int64_t f = grad.size(-1);
    howard_gated_backward(grad.numel() / f, f, values(both), values(grad), into.mutable_data_ptr<float>());
    return {into};
  }
};

}  // namespace

extern "C" {

// RMSNorm of each of `h` heads, then, where `cos` is not null, rotation.
char *howard_norm(at::Tensor **out, const at::Tensor *x, const at::Tensor *weight, const at::Tensor *cos, const at::Tensor *sin,
                  int64_t h, double eps) noexcept {
  return guarded([&] {
    std::optional<at::Tensor> first, second;
    if (cos != nullptr) first = *cos, second = *sin;
    *out = new at::Tensor(Norm::apply(*x, *weight, first, second, h, eps));
  });
}

// silu(gate) * up of `[.., 2f]`.
char *howard_gated(at::Tensor **out, const at::Tensor *gate_up) noexcept {
  return guarded([&] { *out = new at::Tensor(Gated::apply(*gate_up)); });
}

}  // extern "C"
