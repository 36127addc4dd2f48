// A node of libtorch's graph whose backward pass is Rust code: tch has no custom functions.
// The Rust side is autograd.rs, which declares the same signatures.

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include <cstring>
#include <memory>
#include <vector>

namespace {

constexpr size_t kMessage = 512;

extern "C" {
// Writes `count` gradients, owned by the caller, for the upstream gradient; 0 on success, else a message.
typedef int (*Backward)(void* state, const at::Tensor* upstream, at::Tensor** gradients, size_t count, char* message);
typedef void (*Release)(void* state);
}

struct LossBackward final : torch::autograd::Node {
  LossBackward(void* state, Backward backward, Release release, torch::autograd::edge_list&& edges)
      : Node(std::move(edges)), state_(state), backward_(backward), release_(release) {}
  ~LossBackward() override { release_variables(); }

  std::string name() const override { return "ContrastiveLossBackward"; }

  void release_variables() override {
    if (state_ != nullptr) {
      release_(state_);
      state_ = nullptr;
    }
  }

  torch::autograd::variable_list apply(torch::autograd::variable_list&& upstream) override {
    std::lock_guard<std::mutex> lock(mutex_);
    TORCH_CHECK(state_ != nullptr, "contrastive loss: its graph has been freed; keep it (keep_graph) to go backward twice");
    TORCH_CHECK(!at::GradMode::is_enabled(),
                "contrastive loss: second derivatives (create_graph) need the plain evaluation, Evaluation::Plain");
    const size_t count = num_outputs();
    torch::autograd::variable_list gradients(count);
    if (!upstream[0].defined()) {
      return gradients;
    }
    std::vector<at::Tensor*> out(count, nullptr);
    char message[kMessage] = "";
    const int status = backward_(state_, &upstream[0], out.data(), count, message);
    for (size_t i = 0; i < count; ++i) {
      if (out[i] != nullptr) {
        gradients[i] = std::move(*out[i]);
        delete out[i];
      }
    }
    TORCH_CHECK(status == 0, message);
    return gradients;
  }

 private:
  void* state_;
  Backward backward_;
  Release release_;
};

}  // namespace

extern "C" {

bool bcl_grad_enabled() { return at::GradMode::is_enabled(); }

// Makes `value`, which must be fresh and without a graph, the result of a node over `inputs`. Takes `state` over in
// any case. 0 on success, else a message of at most 512 bytes.
int bcl_attach(at::Tensor* value, at::Tensor** inputs, size_t count, void* state, Backward backward, Release release,
               char* message) {
  try {
    std::vector<at::Tensor> list;
    for (size_t i = 0; i < count; ++i) {
      list.push_back(*inputs[i]);
    }
    auto node = std::shared_ptr<LossBackward>(
        new LossBackward(state, backward, release, torch::autograd::collect_next_edges(list)),
        torch::autograd::deleteNode);
    state = nullptr;
    torch::autograd::set_history(*value, node);
    return 0;
  } catch (const std::exception& error) {
    if (state != nullptr) {
      release(state);
    }
    std::strncpy(message, error.what(), kMessage - 1);
    return 1;
  }
}

// A tensor of its own for C++ to own, from one that Rust owns.
at::Tensor* bcl_share(const at::Tensor* tensor) { return new at::Tensor(*tensor); }
}
