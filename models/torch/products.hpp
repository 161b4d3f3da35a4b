#pragma once
// Matrix products of the decoder in the precision asked for.
#include "models/torch/work.hpp"

namespace scalelaw::torch_engine {

/// Batched products into fp32 tensors. With bf16 both factors are cast (unless they already are bf16) and the sums are
/// fp32; the result too where the device can give it (CUDA), else it is rounded to bf16 once and widened.
class Products {
 public:
  Products(bool bf16, const at::Device& device);

  [[nodiscard]] bool bf16() const { return bf16_; }
  /// out = beta out + alpha a b.
  void multiply(const Tensor& out, const Tensor& a, const Tensor& b, double alpha = 1, double beta = 0) const;
  /// Gradients of y = x W times alpha: dx and the weight's, both overwritten.
  void backward(const Tensor& dy, const Tensor& x, const Weight& w, const Tensor& dx, double alpha = 1) const;

 private:
  bool bf16_;
  bool fp32_result_ = false;
};

}  // namespace scalelaw::torch_engine
