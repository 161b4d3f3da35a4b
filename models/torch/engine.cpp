// The decoder in LibTorch, forward and backward by hand: K members stacked, every buffer allocated once, no autograd
// but that of SDPA. Shapes and names as in records/torch_buffers.hpp.
#include "models/engine.hpp"

#include <torch/torch.h>
#include <torch/version.h>

#include <cstdlib>
#include <memory>
#include <string_view>

#include "models/cuda_backend.hpp"
#include "models/torch/attention.hpp"

namespace scalelaw::inline models {
namespace {

using namespace torch_engine;
constexpr double kNormEps = 1e-6;
constexpr const char* kGelu = "none";

at::Device device_of(const Device& device) {
  return at::Device(device.kind == DeviceKind::cuda ? cuda::torch_device() : "cpu");
}

class Decoder {
 public:
  Decoder(const Layout& layout, const Device& device, const EngineBuffers& buffers, const TorchOptions& how)
      : model_(layout.model),
        members_(buffers.members),
        own_kernels_(device.kind == DeviceKind::cuda),
        options_(at::TensorOptions().device(device_of(device)).dtype(at::kFloat)),
        products_(how.precision == Precision::bf16, options_.device()),
        attention_(model_, options_,
                   how.attention == AttentionBy::sdpa ||
                       (how.attention == AttentionBy::automatic && device.kind == DeviceKind::cuda)) {
    const Guard guard(*this);
    values_ = at_memory(buffers.parameters, {members_, layout.params});
    factors_ = products_.bf16() ? values_.to(at::kBFloat16) : values_;
    const Tensor gradients = at_memory(buffers.gradients, {members_, layout.params});
    const auto weight = [&](const std::string& name) {
      const Slice& slice = layout.at(name);
      const auto view = [&](const Tensor& flat) {
        return flat.narrow(1, slice.offset, slice.size()).view({members_, slice.rows, slice.cols});
      };
      return Weight{.value = view(values_), .factor = view(factors_), .gradient = view(gradients)};
    };
    for (std::int64_t i = 0; i < model_.n_layer; ++i) {
      const std::string layer = fmt::format("layers.{}.", i);
      layers_.push_back({.qkv = weight(layer + "attention.qkv"),
                         .output = weight(layer + "attention.output"),
                         .up = weight(layer + "mlp.up"),
                         .down = weight(layer + "mlp.down"),
                         .qk_scale = learned() ? weight(layer + "attention.qk_scale") : Weight{}});
    }
    embedding_ = weight("embedding");
    const auto turned = [](const Tensor& x) { return x.transpose(1, 2); };
    head_ = model_.tie_embeddings ? Weight{.value = turned(embedding_.value),
                                           .factor = turned(embedding_.factor),
                                           .gradient = turned(embedding_.gradient)}
                                  : weight("head");
    embedding_gradient_ = {.ids = nullptr,
                           .dx = nullptr,
                           .gradient = buffers.gradients + layout.at("embedding").offset,
                           .members = members_,
                           .tokens = 0,
                           .width = model_.d_model,
                           .vocab = model_.vocab,
                           .stride = layout.params,
                           .add = model_.tie_embeddings};
    turning_ = rotation();
    turning_back_ = turning_.conj().resolve_conj();
  }

  void loss_and_grad(const Batch& batch, float* losses) {
    const Guard guard(*this);
    Work& work = work_for(batch.windows, /*backward=*/true);
    forward(work, batch, /*backward=*/true);
    const double alpha = token_losses(work, batch, /*backward=*/true);
    at_memory(losses, {members_}).copy_(work.token_losses.view({members_, -1}).mean(1));
    backward(work, batch, alpha);
  }

  void window_losses(const Batch& batch, float* losses) {
    const Guard guard(*this);
    Work& work = work_for(batch.windows, /*backward=*/false);
    forward(work, batch, /*backward=*/false);
    token_losses(work, batch, /*backward=*/false);
    at_memory(losses, {members_ * batch.windows}).copy_(work.token_losses.view({-1, model_.context}).mean(1));
  }

  std::string describe() const {
    return fmt::format("torch {}, {} products, attention by {}", torch_version(), products_.bf16() ? "bf16" : "fp32",
                       attention_.sdpa() ? "SDPA" : "products");
  }

 private:
  /// No autograd; SDPA's own switches it on for itself, which inference mode would not let it.
  struct Guard {
    c10::InferenceMode inference;
    at::NoGradGuard no_grad;
    explicit Guard(const Decoder& decoder) : inference(!decoder.attention_.sdpa()) {}
  };

  /// Device memory as a tensor; nothing asks the driver where it lies.
  template <class T>
  Tensor at_memory(T* data, at::IntArrayRef shape) const {
    constexpr auto kind = std::is_same_v<T, float> ? at::kFloat : at::kLong;
    return at::for_blob(const_cast<std::remove_const_t<T>*>(data), shape)
        .options(options_.dtype(kind))
        .target_device(options_.device())
        .make_tensor();
  }
  Tensor ids_of(const std::int64_t* data, std::int64_t windows) const {
    return at_memory(data, {members_, windows * model_.context, 1});
  }

  /// cos + i sin of the angles of rotary positions [T, 1, 1, D / 2], beside [M, T, 2, H, D / 2] (Su et al. 2021, arXiv
  /// 2104.09864): pair j (numbers 2 j and 2 j + 1) of position t turns by t / 10000^(2 j / D).
  Tensor rotation() const {
    const auto wide = at::TensorOptions().dtype(at::kDouble);
    const Tensor pairs = at::arange(0, model_.d_head / 2, wide);
    const Tensor speed = at::pow(10000.0, pairs * (-2.0 / static_cast<double>(model_.d_head)));
    const Tensor angle = at::arange(0, model_.context, wide).unsqueeze(1) * speed.unsqueeze(0);
    const Tensor turn = at::complex(angle.cos().to(at::kFloat), angle.sin().to(at::kFloat));
    return turn.to(options_.device()).unsqueeze(1).unsqueeze(1);
  }

  Work& work_for(std::int64_t windows, bool backward) {
    Work& work = backward ? training_ : evaluation_;
    if (work.windows != windows) {
      work = make_work(model_, members_, windows, options_, attention_.sdpa(), backward);
    }
    return work;
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

  /// [.., D] as complex pairs [.., D / 2].
  static Tensor pairs(const Tensor& x) { return at::view_as_complex(x.unflatten(-1, {-1, 2})); }
  Tensor split(const Tensor& qkv) const { return qkv.view({-1, model_.context, 3, model_.n_head, model_.d_head}); }

  bool learned() const { return model_.qk_scale.is(QkScale::learned); }
  /// Of heads [K B, H, T, D], the members apart.
  std::vector<std::int64_t> by_head_sizes() const {
    return {members_, -1, model_.n_head, model_.context, model_.d_head};
  }
  /// A number a head, [K, 1, H], beside those.
  Tensor per_head(const Tensor& x) const { return x.view({members_, 1, model_.n_head, 1, 1}); }

  /// Queries are q' = c q of the normed and turned q. After norm_backward, dqk holds dq' - q mean(dq' q), turned back,
  /// and dqk_scale mean(dq' q) of every head and token: dc is their sum times D, and dq takes the factor c.
  void learned_scale_backward(Work& work, const LayerWeights& w) const {
    const std::vector<std::int64_t> sizes = {members_, -1, model_.n_head};
    Tensor dc = w.qk_scale.gradient.view({members_, model_.n_head});
    at::sum_out(dc, work.dqk_scale.select(2, 0).view(sizes), at::IntArrayRef{1});
    dc.mul_(static_cast<double>(model_.d_head));
    work.dqk.select(2, 0)
        .view({members_, -1, model_.n_head, model_.d_head})
        .mul_(w.qk_scale.value.view({members_, 1, model_.n_head, 1}));
  }

  void attention(Work& work, LayerWork& l, const LayerWeights& w, bool backward) {
    norm(work.x, l.attention_in, l.attention_scale);
    products_.multiply(work.qkv, l.attention_in, w.qkv.factor);
    const Tensor qkv = split(work.qkv);
    norm(qkv.narrow(2, 0, 2), l.qk, l.qk_scale);
    Tensor turned = pairs(l.heads.narrow(0, 0, 2)).permute({1, 3, 0, 2, 4});  // [M, T, 2, H, D / 2]
    at::mul_out(turned, pairs(l.qk), turning_);
    if (learned()) l.heads[0].view(by_head_sizes()).mul_(per_head(w.qk_scale.value));
    l.heads[2].copy_(qkv.select(2, 2).transpose(1, 2));
    attention_.forward(products_, work, l, backward);
    products_.multiply(work.x, l.mixed, w.output.factor, 1, 1);
  }

  void attention_backward(Work& work, LayerWork& l, const LayerWeights& w) {
    products_.backward(work.dx, l.mixed, w.output, work.dmixed);
    attention_.backward(products_, work, l);
    const Tensor dheads = work.dheads.view(l.heads.sizes()), dqkv = split(work.dqkv);
    Tensor dqk_pairs = pairs(work.dqk);
    at::mul_out(dqk_pairs, pairs(dheads.narrow(0, 0, 2)).permute({1, 3, 0, 2, 4}), turning_back_);
    norm_backward(work.dqk, l.qk, work.dqk_scale);
    if (learned()) learned_scale_backward(work, w);
    Tensor dqk = dqkv.narrow(2, 0, 2);
    at::mul_out(dqk, work.dqk, l.qk_scale);
    dqkv.select(2, 2).copy_(dheads[2].transpose(1, 2));
    products_.backward(work.dqkv, l.attention_in, w.qkv, work.dnormed);
    norm_backward(work.dnormed, l.attention_in, work.dscale);
    work.dx.addcmul_(work.dnormed, l.attention_scale);
  }

  void mlp(Work& work, LayerWork& l, const LayerWeights& w) {
    norm(work.x, l.mlp_in, l.mlp_scale);
    products_.multiply(l.up, l.mlp_in, w.up.factor);
    at::gelu_out(l.hidden, l.up, kGelu);
    products_.multiply(work.x, l.hidden, w.down.factor, 1, 1);
  }

  void mlp_backward(Work& work, LayerWork& l, const LayerWeights& w) {
    products_.backward(work.dx, l.hidden, w.down, work.dhidden);
    at::gelu_backward_out(work.dup, work.dhidden, l.up, kGelu);
    products_.backward(work.dup, l.mlp_in, w.up, work.dnormed);
    norm_backward(work.dnormed, l.mlp_in, work.dscale);
    work.dx.addcmul_(work.dnormed, l.mlp_scale);
  }

  /// Leaves the logits in work.logits.
  void forward(Work& work, const Batch& batch, bool backward) {
    if (products_.bf16()) factors_.copy_(values_);
    const Tensor index = ids_of(batch.inputs, batch.windows).expand({-1, -1, model_.d_model});
    at::gather_out(work.x, embedding_.value, 1, index);
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      LayerWork& l = work.layers[std::min(i, work.layers.size() - 1)];
      attention(work, l, layers_[i], backward);
      mlp(work, l, layers_[i]);
    }
    norm(work.x, work.normed, work.scale);
    products_.multiply(work.logits, work.normed, head_.factor);
  }

  /// Loss of every token -> work.token_losses; with `backward` the logits become their gradient: (probabilities - one
  /// hot targets), to be multiplied by the number returned.
  double token_losses(Work& work, const Batch& batch, bool backward) const {
    const double mean = 1.0 / static_cast<double>(batch.windows * model_.context);
    if (own_kernels_) {
      cuda::cross_entropy(static_cast<float*>(work.logits.data_ptr()), batch.targets,
                          static_cast<float*>(work.token_losses.data_ptr()), members_ * batch.windows * model_.context,
                          model_.vocab, backward ? static_cast<float>(mean) : 0.0F);
      return 1;
    }
    const Tensor targets = ids_of(batch.targets, batch.windows);
    at::_log_softmax_out(work.logits, work.logits, -1, false);
    at::gather_out(work.token_losses, work.logits, 2, targets);
    work.token_losses.neg_();
    if (!backward) return mean;
    work.logits.exp_().scatter_add_(2, targets, at::full({1, 1, 1}, -1.0, options_).expand(targets.sizes()));
    return mean;
  }

  void backward(Work& work, const Batch& batch, double alpha) {
    products_.backward(work.logits, work.normed, head_, work.dx, alpha);
    norm_backward(work.dx, work.normed, work.dscale);
    work.dx.mul_(work.scale);
    for (std::size_t i = layers_.size(); i-- > 0;) {
      mlp_backward(work, work.layers[i], layers_[i]);
      attention_backward(work, work.layers[i], layers_[i]);
    }
    if (own_kernels_) {
      cuda::EmbeddingGradient call = embedding_gradient_;
      call.ids = batch.inputs;
      call.dx = static_cast<const float*>(work.dx.data_ptr());
      call.tokens = batch.windows * model_.context;
      return cuda::embedding_gradient(call);
    }
    if (!model_.tie_embeddings) embedding_.gradient.zero_();
    embedding_.gradient.scatter_add_(1, ids_of(batch.inputs, batch.windows).expand({-1, -1, model_.d_model}), work.dx);
  }

  ModelSpec model_;
  std::int64_t members_;
  bool own_kernels_;  // for the loss and the embedding's gradient, which LibTorch gives only with atomics or copies
  at::TensorOptions options_;
  Products products_;
  Attention attention_;
  Tensor values_, factors_;  // all parameters [K, P], and what products take
  Weight embedding_, head_;
  cuda::EmbeddingGradient embedding_gradient_;
  Tensor turning_, turning_back_;
  std::vector<LayerWeights> layers_;
  Work training_, evaluation_;
};

}  // namespace

Engine make_torch_engine(const Layout& layout, const Device& device, const EngineBuffers& buffers,
                         const TorchOptions& how) {
  const auto decoder = std::make_shared<Decoder>(layout, device, buffers, how);
  return {.name = decoder->describe(),
          .loss_and_grad = [decoder](const Batch& batch, float* losses) { decoder->loss_and_grad(batch, losses); },
          .window_losses = [decoder](const Batch& batch, float* losses) { decoder->window_losses(batch, losses); }};
}

void configure_torch(std::int64_t threads) {
  // Read by cuBLAS when CUDA starts. With other values than these two repeated products may differ in the last bit, and
  // LibTorch refuses them.
  const char* workspace = std::getenv("CUBLAS_WORKSPACE_CONFIG");
  if (workspace == nullptr || std::string_view(workspace) != ":16:8") {
    ::setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/1);
  }
  at::set_num_threads(static_cast<int>(threads));
  at::set_num_interop_threads(1);
  at::globalContext().setFlushDenormal(true);
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowBF16ReductionCuBLAS(false);
  // SDPA on CUDA: flash attention for bf16, the memory-efficient kernel for fp32. Their backward passes repeat
  // themselves to the bit in deterministic mode, and only if that mode does not merely warn: then both add by atomics.
  // cuDNN's is put first by some versions and is slow on some devices.
  at::globalContext().setSDPUseCuDNN(false);
  at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/false);
  at::globalContext().setDeterministicFillUninitializedMemory(false);
}

std::string torch_version() {
  return fmt::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
}

}  // namespace scalelaw::inline models
