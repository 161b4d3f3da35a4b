#include "models/torch/work.hpp"

namespace scalelaw::torch_engine {

Work make_work(const ModelSpec& model, std::int64_t members, std::int64_t windows, const at::TensorOptions& options,
               bool sdpa, bool backward) {
  const std::int64_t n = windows * model.context, m = members * windows, t = model.context, h = model.n_head,
                     d = model.d_head, width = h * d;
  const auto make = [&](at::IntArrayRef shape) { return at::zeros(shape, options); };
  Work work;
  work.windows = windows;
  work.x = make({members, n, model.d_model});
  work.normed = make({members, n, model.d_model});
  work.scale = make({members, n, 1});
  work.logits = make({members, n, model.vocab});
  work.token_losses = make({members, n, 1});
  work.qkv = make({members, n, 3 * width});
  work.mixed_heads = make({m * h, t, d});
  for (std::int64_t i = 0; i < (backward ? model.n_layer : 1); ++i) {
    LayerWork layer;
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

}  // namespace scalelaw::torch_engine
