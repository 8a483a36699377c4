// Operators of libtorch that tch does not bind. Plain C at the border: tensors are `at::Tensor*` (what tch holds), an error is a
// text that the caller frees, no exception passes.

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adamw.h>

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <stdexcept>
#include <string>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

// Runs `body`; the message of what it throws (without libtorch's backtrace), or null.
template <typename Body>
char *guarded(Body body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const c10::Error &error) {
    return strdup(error.what_without_backtrace());
  } catch (const std::exception &error) {
    return strdup(error.what());
  }
}

}  // namespace

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
