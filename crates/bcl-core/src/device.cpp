// What libtorch tells of a device: the memory of its tensors, and the operations for which the processor waits.
// The Rust side is device.rs, which declares the same signatures.

#include <ATen/core/Tensor.h>
#include <ATen/record_function.h>
#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace {

constexpr size_t kMessage = 512;

// The names, each with a line's end, of what has been waited for since bcl_waits_begin; `lock` guards them, for backward
// passes on a device have a thread of their own.
std::mutex lock;
std::string names;

// Operations whose result, or its shape, the processor reads from the device.
constexpr std::string_view kReads[] = {
    "aten::_local_scalar_dense", "aten::nonzero",           "aten::masked_select", "aten::equal",
    "aten::_unique2",            "aten::unique_dim",        "aten::bincount",      "aten::unique_consecutive",
};

// A copy between devices that does not return at once: to the processor, or from memory that is not pinned.
bool blocks(c10::ArrayRef<const c10::IValue> inputs) {
  if (inputs.size() < 3 || !inputs[0].isTensor() || !inputs[1].isTensor() || !inputs[2].isBool()) {
    return false;
  }
  const at::Tensor &to = inputs[0].toTensor(), &from = inputs[1].toTensor();
  if (!to.defined() || !from.defined() || to.device().type() == from.device().type()) {
    return false;
  }
  return !(inputs[2].toBool() && from.device().is_cpu() && from.is_pinned());
}

std::unique_ptr<at::ObserverContext> note(const at::RecordFunction& call) {
  const std::string_view name = call.name();
  const bool reads = std::find(std::begin(kReads), std::end(kReads), name) != std::end(kReads);
  if (reads || (name == "aten::copy_" && blocks(call.inputs()))) {
    std::lock_guard<std::mutex> guard(lock);
    names.append(name).append("\n");
  }
  return nullptr;
}

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

// numbers: free bytes, largest bytes of tensors since bcl_device_reset_peak. 0 on success, else 1 and a message of at most
// 512 bytes.
int bcl_device_memory(int index, int64_t* numbers, char* message) {
  return guarded(message, [&] {
    auto* allocator = c10::getDeviceAllocator(c10::DeviceType::CUDA);
    const auto device = static_cast<c10::DeviceIndex>(index);
    constexpr auto kAll = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    numbers[0] = static_cast<int64_t>(allocator->getMemoryInfo(device).first);
    numbers[1] = allocator->getDeviceStats(device).allocated_bytes[kAll].peak;
  });
}

int bcl_device_reset_peak(int index, char* message) {
  return guarded(message, [&] {
    c10::getDeviceAllocator(c10::DeviceType::CUDA)->resetPeakStats(static_cast<c10::DeviceIndex>(index));
  });
}

// Watches the operations of this thread, and of the backward passes it starts, until bcl_waits_end. One at a time.
uint64_t bcl_waits_begin() {
  std::lock_guard<std::mutex> guard(lock);
  names.clear();
  return at::addThreadLocalCallback(at::RecordFunctionCallback(note).needsInputs(true).scopes({at::RecordScope::FUNCTION}));
}

// Hands the names over, at most `size` - 1 bytes of them and a 0; returns how many bytes they are.
size_t bcl_waits_end(uint64_t handle, char* text, size_t size) {
  at::removeCallback(handle);
  std::lock_guard<std::mutex> guard(lock);
  const size_t copied = std::min(names.size(), size - 1);
  std::memcpy(text, names.data(), copied);
  text[copied] = 0;
  return names.size();
}
}
