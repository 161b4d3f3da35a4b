#include "models/native/step.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include <fmt/format.h>

namespace scalelaw::native {
namespace {

constexpr float kNormEps = 1e-6F;
constexpr float kScoreScale = 1.0F;  // queries and keys are normalized: a head can be as sharp as exp(+-d_head)
/// Tokens of a chunk. Wide models read more weights than activations, so each pass over them should serve more tokens
/// (measured on AVX-512: 9 % at 256, a loss below 128).
constexpr Index chunk_tokens(Index d_model) { return d_model >= 128 ? 256 : 128; }

class InUse {
 public:
  explicit InUse(const Kernels& kernels) : kernels_(kernels) { kernels_.begin(); }
  ~InUse() { kernels_.end(); }
  InUse(const InUse&) = delete;
  InUse& operator=(const InUse&) = delete;

 private:
  const Kernels& kernels_;
};

}  // namespace

Floats::Floats(Index size) : size_(size) {
  const auto bytes = static_cast<std::size_t>((size + kSlack + 15) / 16 * 64);
  data_.reset(static_cast<float*>(std::aligned_alloc(64, bytes)));
  if (!data_) throw std::bad_alloc();
  std::memset(data_.get(), 0, bytes);
}

Floats Step::floats(Index size) {
  bytes_ += size * static_cast<Index>(sizeof(float));
  return Floats(size);
}

Step::Weight Step::weight(const Slice& slice, bool transposed) {
  Weight w{.offset = slice.offset,
           .rows = slice.rows,
           .cols = slice.cols,
           .transposed = transposed,
           .forward = {},
           .backward = {}};
  if (transposed) std::swap(w.rows, w.cols);
  w.forward = floats(packed_size(k_, w.rows, w.cols));
  w.backward = floats(packed_size(k_, w.cols, w.rows));
  return w;
}

Step::Step(const Layout& layout, const Kernels& kernels)
    : k_(kernels),
      model_(layout.model),
      width_(model_.n_head * model_.d_head),
      chunk_(std::max<Index>(1, chunk_tokens(model_.d_model) / model_.context)),
      ld_model_(stride(model_.d_model)),
      ld_width_(stride(width_)),
      ld_qkv_(stride(3 * width_)),
      ld_hidden_(stride(model_.d_ff)),
      ld_vocab_(stride(model_.vocab)) {
  const Index context = model_.context, rows = chunk_ * context, heads = model_.n_head;
  const AttentionShape shape{chunk_, context, heads, model_.d_head, kScoreScale};
  for (Index i = 0; i < model_.n_layer; ++i) {
    const std::string name = fmt::format("layers.{}.", i);
    Layer& y = layers_.emplace_back();
    y.qkv = weight(layout.at(name + "attention.qkv"));
    y.output = weight(layout.at(name + "attention.output"));
    y.up = weight(layout.at(name + "mlp.up"));
    y.down = weight(layout.at(name + "mlp.down"));
    y.normed1 = floats(rows * ld_model_);
    y.normed2 = floats(rows * ld_model_);
    y.scale1 = floats(rows);
    y.scale2 = floats(rows);
    y.qkv_rows = floats(rows * ld_qkv_);
    y.qk_scale = floats(rows * 2 * heads);
    y.weights = floats(chunk_ * heads * context * stride(context));
    y.inverse_sums = floats(rows * heads);
    y.attended = floats(rows * ld_width_);
    y.hidden = floats(rows * ld_hidden_);
    y.slope = floats(rows * ld_hidden_);
  }
  const Slice& embedding = layout.at("embedding");
  embedding_ = {
      .offset = embedding.offset, .rows = embedding.rows, .cols = embedding.cols, .forward = {}, .backward = {}};
  head_ = model_.tie_embeddings ? weight(embedding, true) : weight(layout.at("head"));
  x_ = floats(rows * ld_model_);
  normed_ = floats(rows * ld_model_);
  scale_ = floats(rows);
  logits_ = floats(rows * ld_vocab_);
  losses_ = floats(rows);
  dx_ = floats(rows * ld_model_);
  dnormed_ = floats(rows * ld_model_);
  dattended_ = floats(rows * ld_width_);
  dqkv_ = floats(rows * ld_qkv_);
  dhidden_ = floats(rows * ld_hidden_);
  scratch_ = floats(attention_scratch(shape));
  // Rotary positions (Su et al. 2021, arXiv 2104.09864): pair j of position t turns by t / 10000^(2 j / d_head).
  cos_ = floats(context * model_.d_head);
  sin_ = floats(context * model_.d_head);
  for (Index t = 0; t < context; ++t) {
    for (Index c = 0; c < model_.d_head; ++c) {
      const double speed = std::pow(10000.0, static_cast<double>(c / 2) * (-2.0 / static_cast<double>(model_.d_head)));
      const double angle = static_cast<double>(t) * speed;
      cos_[t * model_.d_head + c] = static_cast<float>(std::cos(angle));
      sin_[t * model_.d_head + c] = static_cast<float>(c % 2 == 0 ? -std::sin(angle) : std::sin(angle));
    }
  }
}

void Step::pack(Weight& w, const float* parameters, bool backward) const {
  const float* from = parameters + w.offset;
  if (w.transposed) {
    k_.pack_transposed(from, w.cols, w.rows, w.forward);
    if (backward) k_.pack(from, w.cols, w.rows, w.backward);
  } else {
    k_.pack(from, w.rows, w.cols, w.forward);
    if (backward) k_.pack_transposed(from, w.rows, w.cols, w.backward);
  }
}

/// y (+)= x W
void Step::multiply(const float* x, Index ldx, const Weight& w, float* y, Index ldy, Index rows, bool add) const {
  const Index whole = (w.cols + k_.lanes - 1) / k_.lanes * k_.lanes;  // panels and rows of y are padded
  k_.product(rows, whole, w.rows, {x, ldx, 1}, packed_right(k_, w.forward, w.rows), y, ldy, add);
}

/// dx = dy W^T
void Step::multiply_back(const float* dy, Index ld_dy, const Weight& w, float* dx, Index ldx, Index rows) const {
  const Index whole = (w.rows + k_.lanes - 1) / k_.lanes * k_.lanes;
  k_.product(rows, whole, w.cols, {dy, ld_dy, 1}, packed_right(k_, w.backward, w.cols), dx, ldx, false);
}

/// dW (+)= x^T dy
void Step::add_gradient(const float* x, Index ldx, const float* dy, Index ld_dy, const Weight& w, float* gradients,
                        Index rows, bool add) const {
  float* to = gradients + w.offset;
  if (w.transposed) {
    k_.product(w.cols, w.rows, rows, {dy, 1, ld_dy}, plain_right(k_, x, ldx), to, w.rows, add);
  } else {
    k_.product(w.rows, w.cols, rows, {x, 1, ldx}, plain_right(k_, dy, ld_dy), to, w.cols, add);
  }
}

void Step::forward(const float* parameters, const std::int64_t* inputs, Index windows) {
  const AttentionShape shape{windows, model_.context, model_.n_head, model_.d_head, kScoreScale};
  const Index rows = windows * model_.context, d_model = model_.d_model, d_ff = model_.d_ff;
  k_.gather(parameters + embedding_.offset, inputs, x_, ld_model_, rows, d_model);
  for (Layer& y : layers_) {
    k_.norm(x_, y.normed1, ld_model_, y.scale1, rows, d_model, kNormEps);
    multiply(y.normed1, ld_model_, y.qkv, y.qkv_rows, ld_qkv_, rows, false);
    k_.rotate_qk(y.qkv_rows, ld_qkv_, y.qk_scale, cos_, sin_, shape, kNormEps);
    k_.attention({.qkv = y.qkv_rows,
                  .ld_qkv = ld_qkv_,
                  .out = y.attended,
                  .ld_out = ld_width_,
                  .weights = y.weights,
                  .inverse_sums = y.inverse_sums,
                  .scratch = scratch_},
                 shape);
    multiply(y.attended, ld_width_, y.output, x_, ld_model_, rows, true);
    k_.norm(x_, y.normed2, ld_model_, y.scale2, rows, d_model, kNormEps);
    multiply(y.normed2, ld_model_, y.up, y.hidden, ld_hidden_, rows, false);
    k_.gelu(y.hidden, y.slope, ld_hidden_, rows, d_ff);
    multiply(y.hidden, ld_hidden_, y.down, x_, ld_model_, rows, true);
  }
  k_.norm(x_, normed_, ld_model_, scale_, rows, d_model, kNormEps);
  multiply(normed_, ld_model_, head_, logits_, ld_vocab_, rows, false);
}

void Step::backward(float* gradients, const std::int64_t* inputs, Index windows, bool first) {
  const AttentionShape shape{windows, model_.context, model_.n_head, model_.d_head, kScoreScale};
  const Index rows = windows * model_.context, d_model = model_.d_model, d_ff = model_.d_ff;
  // The gradient of a tied head shares its place with the embedding's, which starts from zero.
  add_gradient(normed_, ld_model_, logits_, ld_vocab_, head_, gradients, rows, !first || head_.transposed);
  multiply_back(logits_, ld_vocab_, head_, dnormed_, ld_model_, rows);
  k_.norm_backward(dnormed_, normed_, scale_, dx_, ld_model_, rows, d_model, false);
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    Layer& y = *layer;
    add_gradient(y.hidden, ld_hidden_, dx_, ld_model_, y.down, gradients, rows, !first);
    multiply_back(dx_, ld_model_, y.down, dhidden_, ld_hidden_, rows);
    k_.multiply(dhidden_, y.slope, ld_hidden_, rows, d_ff);
    add_gradient(y.normed2, ld_model_, dhidden_, ld_hidden_, y.up, gradients, rows, !first);
    multiply_back(dhidden_, ld_hidden_, y.up, dnormed_, ld_model_, rows);
    k_.norm_backward(dnormed_, y.normed2, y.scale2, dx_, ld_model_, rows, d_model, true);

    add_gradient(y.attended, ld_width_, dx_, ld_model_, y.output, gradients, rows, !first);
    multiply_back(dx_, ld_model_, y.output, dattended_, ld_width_, rows);
    k_.attention_backward({.qkv = y.qkv_rows,
                           .ld_qkv = ld_qkv_,
                           .out = y.attended,
                           .ld_out = ld_width_,
                           .weights = y.weights,
                           .inverse_sums = y.inverse_sums,
                           .dout = dattended_,
                           .ld_dout = ld_width_,
                           .dqkv = dqkv_,
                           .scratch = scratch_},
                          shape);
    k_.rotate_qk_backward(dqkv_, y.qkv_rows, ld_qkv_, y.qk_scale, cos_, sin_, shape);
    add_gradient(y.normed1, ld_model_, dqkv_, ld_qkv_, y.qkv, gradients, rows, !first);
    multiply_back(dqkv_, ld_qkv_, y.qkv, dnormed_, ld_model_, rows);
    k_.norm_backward(dnormed_, y.normed1, y.scale1, dx_, ld_model_, rows, d_model, true);
  }
  k_.scatter_add(dx_, ld_model_, inputs, gradients + embedding_.offset, rows, d_model);
}

void Step::run(const float* parameters, float* gradients, const std::int64_t* inputs, const std::int64_t* targets,
               Index windows, float* losses) {
  const InUse tiles(k_);
  const bool with_gradients = gradients != nullptr;
  for (Layer& y : layers_) {
    for (Weight* w : {&y.qkv, &y.output, &y.up, &y.down}) pack(*w, parameters, with_gradients);
  }
  pack(head_, parameters, with_gradients);
  if (with_gradients) std::fill_n(gradients + embedding_.offset, embedding_.rows * embedding_.cols, 0.0F);
  const Index context = model_.context;
  const float scale = with_gradients ? 1.0F / static_cast<float>(windows * context) : 0.0F;
  for (Index begin = 0; begin < windows; begin += chunk_) {
    const Index count = std::min(chunk_, windows - begin);
    forward(parameters, inputs + begin * context, count);
    k_.cross_entropy(logits_, ld_vocab_, targets + begin * context, losses_, scale, count * context, model_.vocab);
    for (Index w = 0; w < count; ++w) {
      double total = 0;
      for (Index t = 0; t < context; ++t) total += static_cast<double>(losses_[w * context + t]);
      losses[begin + w] = static_cast<float>(total / static_cast<double>(context));
    }
    if (with_gradients) backward(gradients, inputs + begin * context, count, begin == 0);
  }
}

}  // namespace scalelaw::native
