#pragma once
// What the training loop knows about a model. An engine works on flat buffers of K stacked members (layout.hpp) in
// device memory; it holds no state of the training, so optimizer, checkpoints and evaluation are the same for every
// engine.
#include <functional>
#include <string>

#include "models/device.hpp"
#include "models/layout.hpp"
#include "records/precision.hpp"

namespace scalelaw::inline models {

/// Windows of token ids in device memory: [members, windows, context] each.
struct Batch {
  const std::int64_t* inputs = nullptr;
  const std::int64_t* targets = nullptr;
  std::int64_t windows = 0;  ///< per member
};

struct Engine {
  std::string name;  ///< "torch 2.15.0, fp32 products, attention by SDPA"
  /// Mean loss of each member over its windows, nats per token -> losses [K]; gradients [K, P] are overwritten. Members
  /// do not influence one another, whatever values they hold. Queued on the device: nothing waits.
  std::function<void(const Batch& batch, float* losses)> loss_and_grad;
  /// Mean loss of each window -> losses [K, windows]; no gradients.
  std::function<void(const Batch& batch, float* losses)> window_losses;
};

/// The buffers an engine is bound to for its life: device memory [members, P] each.
struct EngineBuffers {
  std::int64_t members = 1;
  float* parameters = nullptr;
  float* gradients = nullptr;
};

/// How LibTorch attends: by matrix products and softmax, or by its scaled_dot_product_attention; automatic: sdpa on
/// CUDA. They agree to rounding.
enum class AttentionBy { automatic, products, sdpa };
constexpr std::array<std::string_view, 3> names_of(AttentionBy) { return {"auto", "products", "sdpa"}; }

struct TorchOptions {
  Precision precision = Precision::fp32;
  AttentionBy attention = AttentionBy::automatic;
};
/// The decoder in LibTorch; on CUDA with our own kernels for the loss and the embedding's gradient.
[[nodiscard]] Engine make_torch_engine(const Layout& layout, const Device& device, const EngineBuffers& buffers,
                                       const TorchOptions& how = {});

/// Process-wide settings of LibTorch, once, before anything else: threads, no denormals, true fp32 products (no TF32).
void configure_torch(std::int64_t threads);
/// "2.15.0"
[[nodiscard]] std::string torch_version();

}  // namespace scalelaw::inline models
