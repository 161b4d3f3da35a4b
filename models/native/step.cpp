#include "models/native/step.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "os/error.hpp"
#include "records/shape.hpp"

namespace scalelaw::native {
namespace {

constexpr float kNormEps = 1e-6F;
/// Tokens of a chunk. Wide models read more weights than activations, so each pass over them should serve more tokens
/// (measured on AVX-512: 9 % at 256, a loss below 128).
constexpr Index chunk_tokens(Index d_model) { return d_model >= 128 ? kNativeChunkTokens : kNativeChunkTokens / 2; }

constexpr bool rows_are_bounded() {
  for (Index width = 1; width <= 128; ++width) {
    if (stride(width) > widest_native_row(width)) return false;
  }
  return true;
}
static_assert(rows_are_bounded(), "estimates count rows that are at least as long (study/memory.cpp)");

constexpr std::size_t kLineBytes = 64;

/// Bytes that so many floats take: whole cache lines, with kSlack behind them.
constexpr std::size_t allocated_bytes(Index floats) {
  const std::size_t bytes = static_cast<std::size_t>(floats + kSlack) * sizeof(float);
  return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
}

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
  const std::size_t bytes = allocated_bytes(size);
  data_.reset(static_cast<float*>(std::aligned_alloc(kLineBytes, bytes)));
  if (!data_) throw std::bad_alloc();
  std::memset(data_.get(), 0, bytes);
}

Floats Step::floats(Index size) {
  bytes_ += static_cast<Index>(allocated_bytes(size));
  return Floats(size);
}

/// A matrix [rows, cols] as products take it. @param transposed what is stored is its transpose
Step::Weight Step::weight(const Slice& slice, Index rows, Index cols, bool transposed) {
  SCALELAW_CHECK(slice.rows == (transposed ? cols : rows) && slice.size() == rows * cols, "{} [{}, {}] as [{}, {}]",
                 slice.name, slice.rows, slice.cols, rows, cols);
  Weight w{.offset = slice.offset, .rows = rows, .cols = cols, .transposed = transposed, .forward = {}, .backward = {}};
  w.forward = floats(packed_size(k_, rows, cols));
  w.backward = floats(packed_size(k_, cols, rows));
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
      ld_vocab_(stride(model_.vocab)),
      embedding_(layout.at("embedding")) {
  const NativeRows rows{.tokens = chunk_ * model_.context, .positions = model_.context, .row = stride};
  const auto buffer = [this](Index size) { return floats(size); };
  for (Index i = 0; i < model_.n_layer; ++i) {
    const auto matrix = [&](const char* name, Index n, Index cols) {
      return weight(layout.at(fmt::format("layers.{}.{}", i, name)), n, cols);
    };
    layers_.push_back(native_layer(model_, rows, matrix, buffer));
  }
  const auto head = [&](const char* name, Index n, Index cols) {
    const bool tied = model_.tie_embeddings;
    return weight(tied ? embedding_ : layout.at(name), n, cols, tied);
  };
  work_ = native_work(model_, rows, head, buffer);
  fill_rotations();
  for (Index i = 0; i < model_.n_layer && model_.qk_scale.is(QkScale::learned); ++i) {
    learned_scales_.push_back(layout.at(fmt::format("layers.{}.attention.qk_scale", i)).offset);
  }
}

/// Scales of the scores of every layer and head.
void Step::fill_scales(const float* parameters) {
  const auto fixed = static_cast<float>(score_scale(model_));
  const float per_width = 1.0F / std::sqrt(static_cast<float>(model_.d_head));
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    for (Index h = 0; h < model_.n_head; ++h) {
      layers_[i].scales[h] = learned_scales_.empty() ? fixed : parameters[learned_scales_[i] + h] * per_width;
    }
  }
}

/// From the scale c / sqrt(d_head) to c, the parameter.
void Step::write_scale_gradients(float* gradients) const {
  const float per_width = 1.0F / std::sqrt(static_cast<float>(model_.d_head));
  for (std::size_t i = 0; i < learned_scales_.size(); ++i) {
    for (Index h = 0; h < model_.n_head; ++h) gradients[learned_scales_[i] + h] = layers_[i].dscales[h] * per_width;
  }
}

AttentionShape Step::attention_shape(Index windows, const float* scales) const {
  return {.sequences = windows,
          .context = model_.context,
          .heads = model_.n_head,
          .d_head = model_.d_head,
          .scales = scales};
}

/// Rotary positions (Su et al. 2021, arXiv 2104.09864): pair j of position t turns by t / 10000^(2 j / d_head).
void Step::fill_rotations() {
  for (Index t = 0; t < model_.context; ++t) {
    for (Index c = 0; c < model_.d_head; ++c) {
      const double speed = std::pow(10000.0, static_cast<double>(c / 2) * (-2.0 / static_cast<double>(model_.d_head)));
      const double angle = static_cast<double>(t) * speed;
      work_.cos[t * model_.d_head + c] = static_cast<float>(std::cos(angle));
      work_.sin[t * model_.d_head + c] = static_cast<float>(c % 2 == 0 ? -std::sin(angle) : std::sin(angle));
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
  const Index rows = windows * model_.context, d_model = model_.d_model, d_ff = model_.d_ff;
  k_.gather(parameters + embedding_.offset, inputs, work_.x, ld_model_, rows, d_model);
  for (Layer& y : layers_) {
    const AttentionShape shape = attention_shape(windows, y.scales);
    k_.norm(work_.x, y.normed1, ld_model_, y.scale1, rows, d_model, kNormEps);
    multiply(y.normed1, ld_model_, y.qkv, y.qkv_rows, ld_qkv_, rows, false);
    k_.rotate_qk(y.qkv_rows, ld_qkv_, y.qk_scale, work_.cos, work_.sin, shape, kNormEps);
    k_.attention({.qkv = y.qkv_rows,
                  .ld_qkv = ld_qkv_,
                  .out = y.attended,
                  .ld_out = ld_width_,
                  .weights = y.weights,
                  .inverse_sums = y.inverse_sums,
                  .scratch = work_.scratch},
                 shape);
    multiply(y.attended, ld_width_, y.output, work_.x, ld_model_, rows, true);
    k_.norm(work_.x, y.normed2, ld_model_, y.scale2, rows, d_model, kNormEps);
    multiply(y.normed2, ld_model_, y.up, y.hidden, ld_hidden_, rows, false);
    k_.gelu(y.hidden, y.slope, ld_hidden_, rows, d_ff);
    multiply(y.hidden, ld_hidden_, y.down, work_.x, ld_model_, rows, true);
  }
  k_.norm(work_.x, work_.normed, ld_model_, work_.scale, rows, d_model, kNormEps);
  multiply(work_.normed, ld_model_, work_.head, work_.logits, ld_vocab_, rows, false);
}

void Step::backward(float* gradients, const std::int64_t* inputs, Index windows, bool first) {
  const Index rows = windows * model_.context, d_model = model_.d_model, d_ff = model_.d_ff;
  // The gradient of a tied head shares its place with the embedding's, which starts from zero.
  add_gradient(work_.normed, ld_model_, work_.logits, ld_vocab_, work_.head, gradients, rows,
               !first || work_.head.transposed);
  multiply_back(work_.logits, ld_vocab_, work_.head, work_.dnormed, ld_model_, rows);
  k_.norm_backward(work_.dnormed, work_.normed, work_.scale, work_.dx, ld_model_, rows, d_model, false);
  for (auto layer = layers_.rbegin(); layer != layers_.rend(); ++layer) {
    Layer& y = *layer;
    const AttentionShape shape = attention_shape(windows, y.scales);
    add_gradient(y.hidden, ld_hidden_, work_.dx, ld_model_, y.down, gradients, rows, !first);
    multiply_back(work_.dx, ld_model_, y.down, work_.dhidden, ld_hidden_, rows);
    k_.multiply(work_.dhidden, y.slope, ld_hidden_, rows, d_ff);
    add_gradient(y.normed2, ld_model_, work_.dhidden, ld_hidden_, y.up, gradients, rows, !first);
    multiply_back(work_.dhidden, ld_hidden_, y.up, work_.dnormed, ld_model_, rows);
    k_.norm_backward(work_.dnormed, y.normed2, y.scale2, work_.dx, ld_model_, rows, d_model, true);

    add_gradient(y.attended, ld_width_, work_.dx, ld_model_, y.output, gradients, rows, !first);
    multiply_back(work_.dx, ld_model_, y.output, work_.dattended, ld_width_, rows);
    k_.attention_backward({.qkv = y.qkv_rows,
                           .ld_qkv = ld_qkv_,
                           .out = y.attended,
                           .ld_out = ld_width_,
                           .weights = y.weights,
                           .inverse_sums = y.inverse_sums,
                           .dout = work_.dattended,
                           .ld_dout = ld_width_,
                           .dqkv = work_.dqkv,
                           .scratch = work_.scratch},
                          shape);
    k_.rotate_qk_backward(work_.dqkv, y.qkv_rows, ld_qkv_, y.qk_scale, work_.cos, work_.sin, shape,
                          learned_scales_.empty() ? nullptr : static_cast<float*>(y.dscales));
    add_gradient(y.normed1, ld_model_, work_.dqkv, ld_qkv_, y.qkv, gradients, rows, !first);
    multiply_back(work_.dqkv, ld_qkv_, y.qkv, work_.dnormed, ld_model_, rows);
    k_.norm_backward(work_.dnormed, y.normed1, y.scale1, work_.dx, ld_model_, rows, d_model, true);
  }
  k_.scatter_add(work_.dx, ld_model_, inputs, gradients + embedding_.offset, rows, d_model);
}

void Step::run(const float* parameters, float* gradients, const std::int64_t* inputs, const std::int64_t* targets,
               Index windows, float* losses) {
  const InUse tiles(k_);
  const bool with_gradients = gradients != nullptr;
  for (Layer& y : layers_) {
    for (Weight* w : {&y.qkv, &y.output, &y.up, &y.down}) pack(*w, parameters, with_gradients);
  }
  pack(work_.head, parameters, with_gradients);
  fill_scales(parameters);
  for (Layer& y : layers_) std::fill_n(static_cast<float*>(y.dscales), model_.n_head, 0.0F);
  if (with_gradients) std::fill_n(gradients + embedding_.offset, embedding_.rows * embedding_.cols, 0.0F);
  const Index context = model_.context;
  const float scale = with_gradients ? 1.0F / static_cast<float>(windows * context) : 0.0F;
  for (Index begin = 0; begin < windows; begin += chunk_) {
    const Index count = std::min(chunk_, windows - begin);
    forward(parameters, inputs + begin * context, count);
    k_.cross_entropy(work_.logits, ld_vocab_, targets + begin * context, work_.losses, scale, count * context,
                     model_.vocab);
    for (Index w = 0; w < count; ++w) {
      double total = 0;
      for (Index t = 0; t < context; ++t) total += static_cast<double>(work_.losses[w * context + t]);
      losses[begin + w] = static_cast<float>(total / static_cast<double>(context));
    }
    if (with_gradients) backward(gradients, inputs + begin * context, count, begin == 0);
  }
  if (with_gradients) write_scale_gradients(gradients);
}

}  // namespace scalelaw::native
