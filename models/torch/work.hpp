#pragma once
// What the decoder keeps on the device: weights as views of the flat buffers, and activations, each allocated once.
// Their list, with the letters of shapes, is records/torch_buffers.hpp.
#include <ATen/ATen.h>

#include "records/torch_buffers.hpp"

namespace scalelaw::torch_engine {

using at::Tensor;

/// A matrix [K, in, out] of the parameters, and the place of its gradient.
struct Weight {
  Tensor value;   ///< fp32
  Tensor factor;  ///< what products take: the value, or its copy in bf16
  Tensor gradient;
};
struct LayerWeights {
  Weight qkv, output, up, down;
  Weight qk_scale;  ///< [K, 1, H], where it is learned
};

using LayerWork = TorchLayer<Tensor>;
using Work = TorchWork<Tensor>;

/// The buffers, zero at first. @param sdpa no buffers for attention by products; @param backward with those of the
/// backward pass
[[nodiscard]] Work make_work(const ModelSpec& model, std::int64_t members, std::int64_t windows,
                             const at::TensorOptions& options, bool sdpa, bool backward);

}  // namespace scalelaw::torch_engine
