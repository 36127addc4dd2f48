// Whether CUDA convolutions of f32 may multiply in TF32: tch does not bind the switch. The Rust side is tf32.rs, which
// declares the same signature.

#include <ATen/Context.h>

#include <exception>

extern "C" bool bcl_convolutions_in_tf32(bool allowed) {
  try {
    at::globalContext().setFloat32Precision(at::Float32Backend::CUDA, at::Float32Op::CONV,
                                            allowed ? at::Float32Precision::TF32 : at::Float32Precision::IEEE);
    return at::globalContext().allowTF32CuDNN(at::Float32Op::CONV) == allowed;
  } catch (const std::exception&) {
    return false;
  }
}
