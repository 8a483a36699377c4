// Operators of libtorch that tch does not bind. Plain C at the border: tensors are `at::Tensor*` (what tch holds), an error is a
// text that the caller frees, no exception passes.

#include "border.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

#ifdef __GLIBC__
#include <malloc.h>
#endif

extern "C" {

void howard_free(char *message) noexcept { std::free(message); }

// Loads libtorch's CUDA half from where its CPU half is: it registers itself. Once; nothing where it is loaded already or where
// this libtorch has none.
char *howard_load_cuda(void) noexcept {
  return guarded([] {
    Dl_info cpu;
    if (dladdr(reinterpret_cast<void *>(&at::_ops::_fused_adamw_::call), &cpu) == 0 || cpu.dli_fname == nullptr) return;
    const std::string path(cpu.dli_fname);
    const std::string cuda = path.substr(0, path.rfind('/') + 1) + "libtorch_cuda.so";
    std::FILE *file = std::fopen(cuda.c_str(), "rb");
    if (file == nullptr) return;
    std::fclose(file);
    if (dlopen(cuda.c_str(), RTLD_NOW | RTLD_GLOBAL) == nullptr) throw std::runtime_error(dlerror());
  });
}

// The most memory that libtorch has ever held of a CUDA device, in bytes.
char *howard_device_peak(int8_t device, uint64_t *bytes) noexcept {
  return guarded([&] {
    const auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    if (dynamic_cast<c10::DeviceAllocator *>(c10::GetAllocator(c10::DeviceType::CUDA)) == nullptr) {
      throw std::runtime_error("libtorch's CUDA half is not there");
    }
    *bytes = at::getDeviceAllocator(c10::DeviceType::CUDA)->getDeviceStats(device).reserved_bytes[all].peak;
  });
}

// Freed memory stays with the process, up to a gibibyte, where the C library is glibc: by default each of a step's tensors is
// mapped, filled with zeros by the system, page by page, and unmapped again.
void howard_keep_memory(void) noexcept {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that glibc allows
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, 32 << 20);
  mallopt(M_ARENA_MAX, 1);  // heaps of further arenas are unmapped again in spite of all this
#endif
}

// One AdamW update of `parameter` in place: all five tensors on one device, all but `step` (one float) of one dtype and shape.
char *howard_fused_adamw(at::Tensor *parameter, const at::Tensor *gradient, at::Tensor *first, at::Tensor *second,
                         const at::Tensor *step, double lr, double beta1, double beta2, double weight_decay,
                         double eps) noexcept {
  return guarded([&] {
    at::_fused_adamw_({*parameter}, {*gradient}, {*first}, {*second}, {}, {*step}, lr, beta1, beta2, weight_decay, eps,
                      /*amsgrad=*/false, /*maximize=*/false);
  });
}

}  // extern "C"
