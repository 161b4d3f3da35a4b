#pragma once
// What the torch engine allocates, without LibTorch. models/torch/work.cpp makes tensors by the list below and
// study/memory.cpp adds it up, so that a new buffer is one line here. It lies in the waist because `study` may not
// include `models`. Shapes: K members, B windows, T context, C d_model, H heads, D d_head, F d_ff, V vocab; N = B T
// tokens of a member, M = K B windows in all. A gradient buffer has the name of its tensor with a d in front.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <utility>
#include <vector>

#include "records/records.hpp"

namespace scalelaw::inline records {

/// What the forward pass of a block leaves for the backward pass.
template <class Buffer>
struct TorchLayer {
  Buffer attention_in{}, attention_scale{};  // [K, N, C] normed, [K, N, 1]
  Buffer qk_scale{}, qk{};                   // [M, T, 2, H, 1], normed [M, T, 2, H, D]
  Buffer heads{};                            // q, k turned, and v: [3, M, H, T, D]
  Buffer mixed{};                            // [K, N, H D]
  Buffer mlp_in{}, mlp_scale{};              // [K, N, C], [K, N, 1]
  Buffer up{}, hidden{};                     // [K, N, F] before and after GELU
  Buffer weights{};                          // attention by products: [M H, T, T]
  // Attention by SDPA, made by LibTorch as it goes and so not in the list:
  std::array<Buffer, 3> parts{};  // q, k, v [M, H, T, D] as it saw them,
  Buffer attended{};              // and its result, with the graph of its backward
};

/// Buffers for one number of windows.
template <class Buffer>
struct TorchWork {
  std::int64_t windows = 0;
  Buffer x{}, normed{}, scale{}, logits{};                     // residual stream [K, N, C]; final norm; [K, N, V]
  Buffer token_losses{};                                       // [K, N, 1]
  Buffer qkv{}, mixed_heads{};                                 // [K, N, 3 H D]; [M H, T, D]
  std::vector<TorchLayer<Buffer>> layers;                      // one that all share where there is no backward pass
  Buffer dx{}, dnormed{}, dscale{}, dhidden{}, dup{}, dqkv{};  // backward: only in the buffers of training
  Buffer dheads{}, dmixed{}, dmixed_heads{}, dweights{}, dqk{}, dqk_scale{};
};

/// @param sdpa no buffers for attention by products; @param backward with those of the backward pass
/// @param make (shape) -> Buffer, the shape as std::initializer_list<std::int64_t> or what can be made of it
template <class Make>
auto torch_work(const ModelSpec& model, std::int64_t members, std::int64_t windows, bool sdpa, bool backward,
                Make&& make) {
  using Buffer = decltype(make(std::initializer_list<std::int64_t>{}));
  const std::int64_t n = windows * model.context, m = members * windows, t = model.context, h = model.n_head,
                     d = model.d_head, width = h * d;
  TorchWork<Buffer> work;
  work.windows = windows;
  work.x = make({members, n, model.d_model});
  work.normed = make({members, n, model.d_model});
  work.scale = make({members, n, 1});
  work.logits = make({members, n, model.vocab});
  work.token_losses = make({members, n, 1});
  work.qkv = make({members, n, 3 * width});
  work.mixed_heads = make({m * h, t, d});
  for (std::int64_t i = 0; i < (backward ? model.n_layer : 1); ++i) {
    TorchLayer<Buffer> layer;
    layer.attention_in = make({members, n, model.d_model});
    layer.attention_scale = make({members, n, 1});
    layer.qk_scale = make({m, t, 2, h, 1});
    layer.qk = make({m, t, 2, h, d});
    layer.heads = make({3, m, h, t, d});
    layer.mixed = make({members, n, width});
    layer.mlp_in = make({members, n, model.d_model});
    layer.mlp_scale = make({members, n, 1});
    layer.up = make({members, n, model.d_ff});
    layer.hidden = make({members, n, model.d_ff});
    if (!sdpa) layer.weights = make({m * h, t, t});
    work.layers.push_back(std::move(layer));
  }
  if (!backward) return work;
  work.dx = make({members, n, model.d_model});
  work.dnormed = make({members, n, model.d_model});
  work.dscale = make({members, n, 1});
  work.dhidden = make({members, n, model.d_ff});
  work.dup = make({members, n, model.d_ff});
  work.dqkv = make({members, n, 3 * width});
  work.dheads = make({3, m * h, t, d});
  work.dmixed = make({members, n, width});
  work.dmixed_heads = make({m * h, t, d});
  work.dqk = make({m, t, 2, h, d});
  work.dqk_scale = make({m, t, 2, h, 1});
  if (!sdpa) work.dweights = make({m * h, t, t});
  return work;
}

}  // namespace scalelaw::inline records
