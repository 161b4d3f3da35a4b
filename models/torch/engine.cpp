// The decoder in LibTorch: K members stacked, forward by hand, gradients by autograd.
// Shapes: K members, B windows, T context, C d_model, H heads, D d_head, F d_ff, V vocab; N = B T tokens of a member.
#include <torch/torch.h>
#include <torch/version.h>

#include <memory>

#include "models/engine.hpp"

namespace scalelaw {
namespace {

using at::Tensor;
constexpr double kNormEps = 1e-6;

struct LayerWeights {
  Tensor qkv, output, up, down;
};

class Decoder {
 public:
  Decoder(const Layout& layout, const Device& device, const EngineBuffers& buffers, const std::string& precision)
      : model_(layout.model),
        members_(buffers.members),
        options_(at::TensorOptions().device(device.kind == DeviceKind::cuda ? at::kCUDA : at::kCPU).dtype(at::kFloat)),
        half_(precision == "bf16") {
    const auto flat = [&](float* data) { return at::from_blob(data, {members_, layout.params}, options_); };
    parameters_ = flat(buffers.parameters);
    gradients_ = flat(buffers.gradients);
    for (std::int64_t i = 0; i < model_.n_layer; ++i) {
      const std::string layer = fmt::format("layers.{}.", i);
      layers_.push_back({leaf(layout.at(layer + "attention.qkv")), leaf(layout.at(layer + "attention.output")),
                         leaf(layout.at(layer + "mlp.up")), leaf(layout.at(layer + "mlp.down"))});
    }
    embedding_ = leaf(layout.at("embedding"));
    head_ = model_.tie_embeddings ? embedding_.transpose(1, 2) : leaf(layout.at("head"));
    rotation_ = rotation();
  }

  void loss_and_grad(const Batch& batch, float* losses) {
    gradients_.zero_();
    const Tensor loss_k = token_losses(batch).view({members_, -1}).mean(1);
    // Members share no parameter, so the gradient of the sum of their losses is the gradient of each.
    loss_k.sum().backward();
    vector_of(losses, members_).copy_(loss_k.detach());
  }

  void window_losses(const Batch& batch, float* losses) {
    const at::NoGradGuard guard;
    vector_of(losses, members_ * batch.windows).copy_(token_losses(batch).view({-1, model_.context}).mean(1));
  }

 private:
  Tensor vector_of(float* data, std::int64_t size) const { return at::from_blob(data, {size}, options_); }

  /// A [K, rows, cols] view of a slice of the parameters, whose gradient is the same view of the gradients: autograd
  /// adds to it in place.
  Tensor leaf(const Slice& slice) {
    const auto view = [&](const Tensor& flat) {
      return flat.narrow(1, slice.offset, slice.size()).view({members_, slice.rows, slice.cols});
    };
    Tensor weight = view(parameters_).detach().requires_grad_(true);
    weight.mutable_grad() = view(gradients_);
    return weight;
  }

  /// cos + i sin of the angles of rotary positions [T, 1, 1, D / 2] (Su et al. 2021, arXiv 2104.09864): pair j of
  /// position t turns by t / 10000^(2 j / D).
  Tensor rotation() const {
    const auto wide = at::TensorOptions().dtype(at::kDouble);
    const Tensor pairs = at::arange(0, model_.d_head / 2, wide);
    const Tensor speed = at::pow(10000.0, pairs * (-2.0 / static_cast<double>(model_.d_head)));
    const Tensor angle = at::arange(0, model_.context, wide).unsqueeze(1) * speed.unsqueeze(0);
    return at::complex(angle.cos().to(at::kFloat), angle.sin().to(at::kFloat))
        .view({model_.context, 1, 1, -1})
        .to(options_.device());
  }

  static Tensor normed(const Tensor& x) { return x * at::rsqrt(at::mean(x * x, -1, /*keepdim=*/true) + kNormEps); }

  Tensor cast(const Tensor& x) const { return half_ ? x.to(at::kBFloat16) : x; }

  /// x [K, N, in] times w [K, in, out]. One member: a plain product, since batched ones of one matrix are slow.
  Tensor product(const Tensor& x, const Tensor& w) const {
    const Tensor y = members_ == 1 ? at::mm(cast(x)[0], cast(w)[0]).unsqueeze(0) : at::bmm(cast(x), cast(w));
    return half_ ? y.to(at::kFloat) : y;
  }

  Tensor attention(const Tensor& x, const LayerWeights& w) const {
    const std::int64_t heads = model_.n_head, width = heads * model_.d_head;
    const Tensor qkv =
        product(normed(x), w.qkv).view({-1, model_.context, 3, heads, model_.d_head});  // [K B, T, 3, H, D]
    const Tensor qk = normed(qkv.narrow(2, 0, 2));
    const Tensor turned =
        at::view_as_real(at::view_as_complex(qk.unflatten(-1, {model_.d_head / 2, 2})) * rotation_).flatten(-2);
    const auto head_major = [&](const Tensor& t) { return cast(t).transpose(1, 2); };  // [K B, H, T, D]
    const Tensor o = at::scaled_dot_product_attention(head_major(turned.select(2, 0)), head_major(turned.select(2, 1)),
                                                      head_major(qkv.select(2, 2)), {}, 0.0, /*is_causal=*/true);
    return product(o.transpose(1, 2).reshape({members_, -1, width}).to(at::kFloat), w.output);
  }

  /// Loss of every token [K N].
  Tensor token_losses(const Batch& batch) const {
    const auto ids = [&](const std::int64_t* data) {
      return at::from_blob(const_cast<std::int64_t*>(data), {members_, batch.windows * model_.context},
                           options_.dtype(at::kLong));
    };
    const Tensor index = ids(batch.inputs).unsqueeze(2).expand({-1, -1, model_.d_model});
    Tensor x = at::gather(embedding_, 1, index);  // [K, N, C]
    for (const LayerWeights& w : layers_) {
      x = x + attention(x, w);
      x = x + product(at::gelu(product(normed(x), w.up), "tanh"), w.down);
    }
    const Tensor logits = product(normed(x), head_).view({-1, model_.vocab});
    return at::cross_entropy_loss(logits, ids(batch.targets).view({-1}), {}, at::Reduction::None);
  }

  ModelSpec model_;
  std::int64_t members_;
  at::TensorOptions options_;
  bool half_;
  Tensor parameters_, gradients_, embedding_, head_, rotation_;
  std::vector<LayerWeights> layers_;
};

}  // namespace

Engine make_torch_engine(const Layout& layout, const Device& device, const EngineBuffers& buffers,
                         const std::string& precision) {
  const auto decoder = std::make_shared<Decoder>(layout, device, buffers, precision);
  return {.name = "torch " + torch_version(),
          .loss_and_grad = [decoder](const Batch& batch, float* losses) { decoder->loss_and_grad(batch, losses); },
          .window_losses = [decoder](const Batch& batch, float* losses) { decoder->window_losses(batch, losses); }};
}

void configure_torch(std::int64_t threads) {
  at::set_num_threads(static_cast<int>(threads));
  at::set_num_interop_threads(1);
  at::globalContext().setFlushDenormal(true);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
}

std::string torch_version() {
  return fmt::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
}

}  // namespace scalelaw
