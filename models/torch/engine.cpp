// The decoder in LibTorch, forward and backward by hand: K members stacked, every buffer allocated once, no autograd.
// Shapes: K members, B windows, T context, C d_model, H heads, D d_head, F d_ff, V vocab; N = B T tokens of a member,
// M = K B windows in all. A gradient buffer has the name of its tensor with a d in front.
#include "models/engine.hpp"

#include <torch/torch.h>
#include <torch/version.h>

#include <map>
#include <memory>

namespace scalelaw {
namespace {

using at::Tensor;
constexpr double kNormEps = 1e-6;

/// A matrix [K, in, out] of the parameters, and the place of its gradient.
struct Weight {
  Tensor value, gradient;
};
struct LayerWeights {
  Weight qkv, output, up, down;
};

/// What the forward pass of a block leaves for the backward pass.
struct LayerWork {
  Tensor attention_in, attention_scale;  // [K, N, C] normed, [K, N, 1]
  Tensor qk_scale, qk;                   // [M, T, 2, H, 1], normed [M, T, 2, H, D]
  Tensor heads;                          // q, k turned, and v: [3, M, H, T, D]
  Tensor weights;                        // [M H, T, T]
  Tensor mixed;                          // [K, N, H D]
  Tensor mlp_in, mlp_scale;              // [K, N, C], [K, N, 1]
  Tensor up, hidden;                     // [K, N, F] before and after GELU
};

/// Buffers for one number of windows.
struct Work {
  std::int64_t windows = 0;
  Tensor x, normed, scale, logits;                 // residual stream [K, N, C]; final norm; [K, N, V]
  Tensor qkv, mixed_heads;                         // [K, N, 3 H D]; [M H, T, D]
  std::vector<LayerWork> layers;                   // one that all layers share where there is no backward pass
  Tensor dx, dnormed, dscale, dhidden, dup, dqkv;  // backward: only in the buffers of training
  Tensor dheads, dmixed, dmixed_heads, dweights, dqk, dqk_scale;
};

class Decoder {
 public:
  Decoder(const Layout& layout, const Device& device, const EngineBuffers& buffers, const std::string& precision)
      : model_(layout.model),
        members_(buffers.members),
        width_(model_.n_head * model_.d_head),
        // Normed queries and keys of D numbers have length sqrt(D): the usual 1 / sqrt(D) would bound scores by
        // sqrt(D), too flat a bound at D = 8. Undivided they reach D.
        attention_scale_(1.0),
        options_(at::TensorOptions().device(device.kind == DeviceKind::cuda ? at::kCUDA : at::kCPU).dtype(at::kFloat)),
        half_(precision == "bf16") {
    const c10::InferenceMode guard;
    const Tensor values = at::from_blob(buffers.parameters, {members_, layout.params}, options_);
    const Tensor gradients = at::from_blob(buffers.gradients, {members_, layout.params}, options_);
    const auto weight = [&](const std::string& name) {
      const Slice& slice = layout.at(name);
      const auto view = [&](const Tensor& flat) {
        return flat.narrow(1, slice.offset, slice.size()).view({members_, slice.rows, slice.cols});
      };
      return Weight{.value = view(values), .gradient = view(gradients)};
    };
    for (std::int64_t i = 0; i < model_.n_layer; ++i) {
      const std::string layer = fmt::format("layers.{}.", i);
      layers_.push_back({.qkv = weight(layer + "attention.qkv"),
                         .output = weight(layer + "attention.output"),
                         .up = weight(layer + "mlp.up"),
                         .down = weight(layer + "mlp.down")});
    }
    embedding_ = weight("embedding");
    head_ = model_.tie_embeddings ? Weight{embedding_.value.transpose(1, 2), embedding_.gradient.transpose(1, 2)}
                                  : weight("head");
    rotation_ = rotation();
    mask_ = at::full({model_.context, model_.context}, -std::numeric_limits<double>::infinity(), options_).triu(1);
  }

  void loss_and_grad(const Batch& batch, float* losses) {
    const c10::InferenceMode guard;
    Work& work = work_for(batch.windows, /*backward=*/true);
    forward(work, batch);
    vector_of(losses, members_).copy_(token_losses(work, batch).view({members_, -1}).mean(1));
    backward(work, batch);
  }

  void window_losses(const Batch& batch, float* losses) {
    const c10::InferenceMode guard;
    Work& work = work_for(batch.windows, /*backward=*/false);
    forward(work, batch);
    vector_of(losses, members_ * batch.windows).copy_(token_losses(work, batch).view({-1, model_.context}).mean(1));
  }

 private:
  Tensor vector_of(float* data, std::int64_t size) const { return at::from_blob(data, {size}, options_); }
  Tensor ids_of(const std::int64_t* data, std::int64_t windows) const {
    return at::from_blob(const_cast<std::int64_t*>(data), {members_, windows * model_.context, 1},
                         options_.dtype(at::kLong));
  }

  /// cos + i sin of the angles of rotary positions [T, 1, D / 2] (Su et al. 2021, arXiv 2104.09864): pair j (numbers 2
  /// j and 2 j + 1) of position t turns by t / 10000^(2 j / D).
  Tensor rotation() const {
    const auto wide = at::TensorOptions().dtype(at::kDouble);
    const Tensor pairs = at::arange(0, model_.d_head / 2, wide);
    const Tensor speed = at::pow(10000.0, pairs * (-2.0 / static_cast<double>(model_.d_head)));
    const Tensor angle = at::arange(0, model_.context, wide).unsqueeze(1) * speed.unsqueeze(0);
    return at::complex(angle.cos().to(at::kFloat), angle.sin().to(at::kFloat)).to(options_.device()).unsqueeze(1);
  }

  /// out = beta out + alpha a b, batched; one member: a plain product, since batched ones of one matrix are slow.
  void product(const Tensor& out, const Tensor& a, const Tensor& b, double alpha = 1, double beta = 0) const {
    if (half_) {
      const Tensor y = at::bmm(a.to(at::kBFloat16), b.to(at::kBFloat16)).to(at::kFloat).mul_(alpha);
      beta == 0 ? out.copy_(y) : out.mul_(beta).add_(y);
    } else if (a.size(0) == 1) {
      out[0].addmm_(a[0], b[0], beta, alpha);
    } else {
      out.baddbmm_(a, b, beta, alpha);
    }
  }
  /// Gradients of y = x W: dx and the weight's, both overwritten.
  void product_backward(const Tensor& dy, const Tensor& x, const Weight& w, const Tensor& dx, double alpha = 1) const {
    product(w.gradient, x.transpose(1, 2), dy, alpha);
    product(dx, dy, w.value.transpose(1, 2), alpha);
  }

  /// RMSNorm without gain: y = s x, s = 1 / sqrt(mean(x^2) + eps) over the last dimension.
  static void norm(const Tensor& x, const Tensor& y, const Tensor& s) {
    at::mul_out(const_cast<Tensor&>(y), x, x);
    at::mean_out(const_cast<Tensor&>(s), y, -1, /*keepdim=*/true);
    s.add_(kNormEps).rsqrt_();
    at::mul_out(const_cast<Tensor&>(y), x, s);
  }
  /// dy <- dy - y mean(dy y): times s it is the gradient with respect to x. `scratch` has the shape of s.
  static void norm_backward(const Tensor& dy, const Tensor& y, const Tensor& scratch) {
    at::mean_out(const_cast<Tensor&>(scratch), dy * y, -1, /*keepdim=*/true);
    dy.addcmul_(y, scratch, -1);
  }

  Work& work_for(std::int64_t windows, bool backward) {
    Work& work = backward ? training_ : evaluation_;
    if (work.windows == windows) return work;
    const std::int64_t n = windows * model_.context, m = members_ * windows, t = model_.context, h = model_.n_head,
                       d = model_.d_head;
    const auto make = [&](at::IntArrayRef shape) { return at::zeros(shape, options_); };
    work = Work();
    work.windows = windows;
    work.x = make({members_, n, model_.d_model});
    work.normed = make({members_, n, model_.d_model});
    work.scale = make({members_, n, 1});
    work.logits = make({members_, n, model_.vocab});
    work.qkv = make({members_, n, 3 * width_});
    work.mixed_heads = make({m * h, t, d});
    for (std::int64_t i = 0; i < (backward ? model_.n_layer : 1); ++i) {
      work.layers.push_back({.attention_in = make({members_, n, model_.d_model}),
                             .attention_scale = make({members_, n, 1}),
                             .qk_scale = make({m, t, 2, h, 1}),
                             .qk = make({m, t, 2, h, d}),
                             .heads = make({3, m, h, t, d}),
                             .weights = make({m * h, t, t}),
                             .mixed = make({members_, n, width_}),
                             .mlp_in = make({members_, n, model_.d_model}),
                             .mlp_scale = make({members_, n, 1}),
                             .up = make({members_, n, model_.d_ff}),
                             .hidden = make({members_, n, model_.d_ff})});
    }
    if (!backward) return work;
    work.dx = make({members_, n, model_.d_model});
    work.dnormed = make({members_, n, model_.d_model});
    work.dscale = make({members_, n, 1});
    work.dhidden = make({members_, n, model_.d_ff});
    work.dup = make({members_, n, model_.d_ff});
    work.dqkv = make({members_, n, 3 * width_});
    work.dheads = make({3, m * h, t, d});
    work.dmixed = make({members_, n, width_});
    work.dmixed_heads = make({m * h, t, d});
    work.dweights = make({m * h, t, t});
    work.dqk = make({m, t, 2, h, d});
    work.dqk_scale = make({m, t, 2, h, 1});
    return work;
  }

  /// [.., D] as complex pairs [.., D / 2].
  static Tensor pairs(const Tensor& x) { return at::view_as_complex(x.unflatten(-1, {-1, 2})); }
  /// Head h of window m as matrix [T, D]: [M H, T, D] of one of the three parts.
  Tensor part(const Tensor& heads, std::int64_t i) const { return heads[i].view({-1, model_.context, model_.d_head}); }
  /// [K, N, H D] seen as [M, H, T, D].
  Tensor by_head(const Tensor& x) const {
    return x.view({-1, model_.context, model_.n_head, model_.d_head}).transpose(1, 2);
  }
  Tensor split(const Tensor& qkv) const { return qkv.view({-1, model_.context, 3, model_.n_head, model_.d_head}); }
  Tensor turning() const { return rotation_.unsqueeze(1); }  // [T, 1, 1, D / 2] beside [M, T, 2, H, D / 2]

  void attention(Work& work, LayerWork& l, const LayerWeights& w) {
    norm(work.x, l.attention_in, l.attention_scale);
    product(work.qkv, l.attention_in, w.qkv.value);
    const Tensor qkv = split(work.qkv);
    norm(qkv.narrow(2, 0, 2), l.qk, l.qk_scale);
    Tensor turned = pairs(l.heads.narrow(0, 0, 2)).permute({1, 3, 0, 2, 4});  // [M, T, 2, H, D / 2]
    at::mul_out(turned, pairs(l.qk), turning());
    l.heads[2].copy_(qkv.select(2, 2).transpose(1, 2));
    l.weights.copy_(mask_);
    product(l.weights, part(l.heads, 0), part(l.heads, 1).transpose(1, 2), attention_scale_, 1);
    at::_softmax_out(l.weights, l.weights, -1, false);
    product(work.mixed_heads, l.weights, part(l.heads, 2));
    by_head(l.mixed).copy_(work.mixed_heads.view({-1, model_.n_head, model_.context, model_.d_head}));
    product(work.x, l.mixed, w.output.value, 1, 1);
  }

  void attention_backward(Work& work, LayerWork& l, const LayerWeights& w) {
    product_backward(work.dx, l.mixed, w.output, work.dmixed);
    work.dmixed_heads.view({-1, model_.n_head, model_.context, model_.d_head}).copy_(by_head(work.dmixed));
    product(work.dheads[2], l.weights.transpose(1, 2), work.dmixed_heads);
    product(work.dweights, work.dmixed_heads, part(l.heads, 2).transpose(1, 2));
    at::_softmax_backward_data_out(work.dweights, work.dweights, l.weights, -1, at::kFloat);
    product(work.dheads[0], work.dweights, part(l.heads, 1), attention_scale_);
    product(work.dheads[1], work.dweights.transpose(1, 2), part(l.heads, 0), attention_scale_);
    const Tensor dheads = work.dheads.view(l.heads.sizes()), dqkv = split(work.dqkv);
    Tensor dqk_pairs = pairs(work.dqk);
    at::mul_out(dqk_pairs, pairs(dheads.narrow(0, 0, 2)).permute({1, 3, 0, 2, 4}), turning().conj().resolve_conj());
    norm_backward(work.dqk, l.qk, work.dqk_scale);
    Tensor dqk = dqkv.narrow(2, 0, 2);
    at::mul_out(dqk, work.dqk, l.qk_scale);
    dqkv.select(2, 2).copy_(dheads[2].transpose(1, 2));
    product_backward(work.dqkv, l.attention_in, w.qkv, work.dnormed);
    norm_backward(work.dnormed, l.attention_in, work.dscale);
    work.dx.addcmul_(work.dnormed, l.attention_scale);
  }

  void mlp(Work& work, LayerWork& l, const LayerWeights& w) {
    norm(work.x, l.mlp_in, l.mlp_scale);
    product(l.up, l.mlp_in, w.up.value);
    at::gelu_out(l.hidden, l.up, kGelu);
    product(work.x, l.hidden, w.down.value, 1, 1);
  }

  void mlp_backward(Work& work, LayerWork& l, const LayerWeights& w) {
    product_backward(work.dx, l.hidden, w.down, work.dhidden);
    at::gelu_backward_out(work.dup, work.dhidden, l.up, kGelu);
    product_backward(work.dup, l.mlp_in, w.up, work.dnormed);
    norm_backward(work.dnormed, l.mlp_in, work.dscale);
    work.dx.addcmul_(work.dnormed, l.mlp_scale);
  }

  /// Leaves log probabilities in work.logits.
  void forward(Work& work, const Batch& batch) {
    const Tensor index = ids_of(batch.inputs, batch.windows).expand({-1, -1, model_.d_model});
    at::gather_out(work.x, embedding_.value, 1, index);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      LayerWork& l = work.layers[std::min(i, work.layers.size() - 1)];
      attention(work, l, layers_[i]);
      mlp(work, l, layers_[i]);
    }
    norm(work.x, work.normed, work.scale);
    product(work.logits, work.normed, head_.value);
    at::_log_softmax_out(work.logits, work.logits, -1, false);
  }

  /// Loss of every token [K, N, 1].
  Tensor token_losses(const Work& work, const Batch& batch) const {
    return work.logits.gather(2, ids_of(batch.targets, batch.windows)).neg_();
  }

  void backward(Work& work, const Batch& batch) {
    const std::int64_t n = batch.windows * model_.context;
    Tensor& dlogits = work.logits.exp_();  // (probabilities - one-hot targets) / N; the factor comes with the products
    dlogits.scatter_add_(2, ids_of(batch.targets, batch.windows),
                         at::full({1, 1, 1}, -1.0, options_).expand({members_, n, 1}));
    product_backward(dlogits, work.normed, head_, work.dx, 1.0 / static_cast<double>(n));
    norm_backward(work.dx, work.normed, work.dscale);
    work.dx.mul_(work.scale);
    for (std::size_t i = layers_.size(); i-- > 0;) {
      mlp_backward(work, work.layers[i], layers_[i]);
      attention_backward(work, work.layers[i], layers_[i]);
    }
    if (!model_.tie_embeddings) embedding_.gradient.zero_();
    embedding_.gradient.scatter_add_(1, ids_of(batch.inputs, batch.windows).expand({-1, -1, model_.d_model}), work.dx);
  }

  static constexpr const char* kGelu = "none";
  ModelSpec model_;
  std::int64_t members_, width_;
  double attention_scale_;
  at::TensorOptions options_;
  bool half_;
  Weight embedding_, head_;
  Tensor rotation_, mask_;
  std::vector<LayerWeights> layers_;
  Work training_, evaluation_;
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
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

std::string torch_version() {
  return fmt::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
}

}  // namespace scalelaw
