#pragma once
// What the decoder keeps on the device: weights as views of the flat buffers, and activations, each allocated once.
// Shapes: K members, B windows, T context, C d_model, H heads, D d_head, F d_ff, V vocab; N = B T tokens of a member,
// M = K B windows in all. A gradient buffer has the name of its tensor with a d in front.
#include <ATen/ATen.h>

#include <array>
#include <vector>

#include "records/records.hpp"

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
};

/// What the forward pass of a block leaves for the backward pass.
struct LayerWork {
  Tensor attention_in, attention_scale;  // [K, N, C] normed, [K, N, 1]
  Tensor qk_scale, qk;                   // [M, T, 2, H, 1], normed [M, T, 2, H, D]
  Tensor heads;                          // q, k turned, and v: [3, M, H, T, D]
  Tensor mixed;                          // [K, N, H D]
  Tensor mlp_in, mlp_scale;              // [K, N, C], [K, N, 1]
  Tensor up, hidden;                     // [K, N, F] before and after GELU
  Tensor weights;                        // attention by products: [M H, T, T]
  std::array<Tensor, 3> parts;           // attention by SDPA: q, k, v [M, H, T, D] as it saw them,
  Tensor attended;                       // and its result, with the graph of its backward
};

/// Buffers for one number of windows.
struct Work {
  std::int64_t windows = 0;
  Tensor x, normed, scale, logits;                 // residual stream [K, N, C]; final norm; [K, N, V]
  Tensor token_losses;                             // [K, N, 1]
  Tensor qkv, mixed_heads;                         // [K, N, 3 H D]; [M H, T, D]
  std::vector<LayerWork> layers;                   // one that all layers share where there is no backward pass
  Tensor dx, dnormed, dscale, dhidden, dup, dqkv;  // backward: only in the buffers of training
  Tensor dheads, dmixed, dmixed_heads, dweights, dqk, dqk_scale;
};

/// @param sdpa no buffers for attention by products; @param backward with those of the backward pass
[[nodiscard]] Work make_work(const ModelSpec& model, std::int64_t members, std::int64_t windows,
                             const at::TensorOptions& options, bool sdpa, bool backward);

}  // namespace scalelaw::torch_engine
