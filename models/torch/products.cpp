#include "models/torch/products.hpp"

namespace scalelaw::torch_engine {
namespace {

/// Whether bf16 factors can give an fp32 product here (LibTorch: on CUDA only).
bool gives_fp32(const at::Device& device) {
  if (device.is_meta()) return false;
  try {
    const Tensor a = at::zeros({1, 8, 8}, at::TensorOptions().device(device).dtype(at::kBFloat16));
    return at::bmm(a, a, at::kFloat).scalar_type() == at::kFloat;
  } catch (const c10::Error&) {
    return false;
  }
}

}  // namespace

Products::Products(bool bf16, const at::Device& device) : bf16_(bf16), fp32_result_(bf16 && gives_fp32(device)) {}

void Products::multiply(const Tensor& out, const Tensor& a, const Tensor& b, double alpha, double beta) const {
  if (bf16_) {
    const Tensor left = a.to(at::kBFloat16), right = b.to(at::kBFloat16);
    const Tensor y = fp32_result_ ? at::bmm(left, right, at::kFloat) : at::bmm(left, right);
    if (beta == 0 && alpha == 1) {
      out.copy_(y);
    } else {
      out.mul_(beta).add_(y.to(at::kFloat), alpha);
    }
  } else if (a.size(0) == 1) {  // one member: a plain product, since batched ones of one matrix are slow
    out[0].addmm_(a[0], b[0], beta, alpha);
  } else {
    out.baddbmm_(a, b, beta, alpha);
  }
}

void Products::backward(const Tensor& dy, const Tensor& x, const Weight& w, const Tensor& dx, double alpha) const {
  multiply(w.gradient, x.transpose(1, 2), dy, alpha);
  multiply(dx, dy, w.factor.transpose(1, 2), alpha);
}

}  // namespace scalelaw::torch_engine
