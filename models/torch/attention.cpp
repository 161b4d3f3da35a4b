#include "models/torch/attention.hpp"

#include <torch/autograd.h>

#include <cmath>

#include "records/shape.hpp"

namespace scalelaw::torch_engine {

Attention::Attention(const ModelSpec& model, const at::TensorOptions& options, bool sdpa)
    : context_(model.context),
      n_head_(model.n_head),
      d_head_(model.d_head),
      scale_(model.qk_scale.is(QkScale::learned) ? 1 / std::sqrt(static_cast<double>(d_head_)) : score_scale(model)),
      sdpa_(sdpa) {
  if (!sdpa) mask_ = at::full({context_, context_}, -std::numeric_limits<double>::infinity(), options).triu(1);
}

/// Head h of window m as matrix [T, D]: [M H, T, D] of one of the three parts.
Tensor Attention::matrices(const Tensor& heads, std::int64_t part) const {
  return heads[part].view({-1, context_, d_head_});
}
/// [K, N, H D] seen as [M, H, T, D].
Tensor Attention::by_head(const Tensor& x) const { return x.view({-1, context_, n_head_, d_head_}).transpose(1, 2); }

void Attention::forward(const Products& products, Work& work, LayerWork& layer, bool backward) const {
  if (sdpa_) {
    const at::AutoGradMode record(backward);
    const Tensor heads = products.bf16() ? layer.heads.detach().to(at::kBFloat16) : layer.heads.detach();
    for (std::size_t i = 0; i < layer.parts.size(); ++i) {
      layer.parts[i] = heads[static_cast<std::int64_t>(i)].detach().requires_grad_(backward);
    }
    layer.attended = at::scaled_dot_product_attention(layer.parts[0], layer.parts[1], layer.parts[2], {}, 0.0,
                                                      /*is_causal=*/true, scale_);
    by_head(layer.mixed).copy_(layer.attended.detach());
    return;
  }
  layer.weights.copy_(mask_);
  products.multiply(layer.weights, matrices(layer.heads, 0), matrices(layer.heads, 1).transpose(1, 2), scale_, 1);
  at::_softmax_out(layer.weights, layer.weights, -1, false);
  products.multiply(work.mixed_heads, layer.weights, matrices(layer.heads, 2));
  by_head(layer.mixed).copy_(work.mixed_heads.view({-1, n_head_, context_, d_head_}));
}

void Attention::backward(const Products& products, Work& work, LayerWork& layer) const {
  if (sdpa_) {
    const Tensor dattended = by_head(work.dmixed).to(layer.attended.scalar_type()).contiguous();
    const auto gradients =
        torch::autograd::grad({layer.attended}, {layer.parts[0], layer.parts[1], layer.parts[2]}, {dattended});
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      work.dheads[static_cast<std::int64_t>(i)].view(gradients[i].sizes()).copy_(gradients[i]);
    }
    layer.attended.reset();
    return;
  }
  work.dmixed_heads.view({-1, n_head_, context_, d_head_}).copy_(by_head(work.dmixed));
  products.multiply(work.dheads[2], layer.weights.transpose(1, 2), work.dmixed_heads);
  products.multiply(work.dweights, work.dmixed_heads, matrices(layer.heads, 2).transpose(1, 2));
  at::_softmax_backward_data_out(work.dweights, work.dweights, layer.weights, -1, at::kFloat);
  products.multiply(work.dheads[0], work.dweights, matrices(layer.heads, 1), scale_);
  products.multiply(work.dheads[1], work.dweights.transpose(1, 2), matrices(layer.heads, 0), scale_);
}

}  // namespace scalelaw::torch_engine
