#pragma once
// Causal attention of all heads of a layer, in two ways that agree: by matrix products, the reference and the rule on a
// CPU; or by LibTorch's scaled_dot_product_attention (SDPA), which holds no [T, T] matrix in memory, the rule on CUDA.
#include "models/torch/products.hpp"

namespace scalelaw::torch_engine {

class Attention {
 public:
  Attention(const ModelSpec& model, const at::TensorOptions& options, bool sdpa);

  [[nodiscard]] bool sdpa() const { return sdpa_; }
  /// From layer.heads to layer.mixed. @param backward SDPA: keep what the backward pass needs
  void forward(const Products& products, Work& work, LayerWork& layer, bool backward) const;
  /// From work.dmixed to work.dheads.
  void backward(const Products& products, Work& work, LayerWork& layer) const;

 private:
  [[nodiscard]] Tensor matrices(const Tensor& heads, std::int64_t part) const;
  [[nodiscard]] Tensor by_head(const Tensor& x) const;

  std::int64_t context_, n_head_, d_head_;
  double scale_;  // of the scores, but for learned factors, which are put into the queries
  bool sdpa_;
  Tensor mask_;
};

}  // namespace scalelaw::torch_engine
