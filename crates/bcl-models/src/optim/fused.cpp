// libtorch's fused optimizer steps, one pass over the memory: tch does not bind operations on lists that return
// nothing. The Rust side is fused.rs, which declares the same signatures.

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/_fused_sgd.h>

#include <cstring>
#include <exception>

namespace {

constexpr size_t kMessage = 512;

// 0 on success, else 1 and a message of at most 512 bytes.
template <typename Work>
int guarded(char* message, Work work) {
  try {
    work();
    return 0;
  } catch (const std::exception& error) {
    std::strncpy(message, error.what(), kMessage - 1);
    return 1;
  }
}

}  // namespace

extern "C" {

// tensors: weight, gradient, first moment, second moment, number of the step (from 1).
// numbers: lr, beta1, beta2, weight decay, epsilon.
int bcl_fused_adam(at::Tensor** tensors, const double* numbers, bool decoupled, char* message) {
  return guarded(message, [&] {
    const auto list = [&](size_t i) { return at::TensorList(tensors[i], 1); };
    const auto step = [&](auto&& fused) {
      fused(list(0), list(1), list(2), list(3), at::TensorList(), list(4), numbers[0], numbers[1], numbers[2], numbers[3],
            numbers[4], /*amsgrad=*/false, /*maximize=*/false);
    };
    if (decoupled) {
      step([](auto&&... arguments) { at::_fused_adamw_(arguments...); });
    } else {
      step([](auto&&... arguments) { at::_fused_adam_(arguments...); });
    }
  });
}

// tensors: weight, gradient, momentum. numbers: weight decay, momentum, lr.
int bcl_fused_sgd(at::Tensor** tensors, const double* numbers, bool nesterov, bool first, char* message) {
  return guarded(message, [&] {
    const auto list = [&](size_t i) { return at::TensorList(tensors[i], 1); };
    at::_fused_sgd_(list(0), list(1), numbers[1] == 0 ? at::TensorList() : list(2), numbers[0], numbers[1], numbers[2],
                    /*dampening=*/0, nesterov, /*maximize=*/false, first);
  });
}
}
