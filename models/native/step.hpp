#pragma once
// Forward and backward of one member. Windows are independent, so a chunk of a few of them goes through all layers and
// back before the next one starts: the activations of one chunk are all that is kept, and they stay in cache.
#include <cstdlib>
#include <memory>
#include <vector>

#include "models/layout.hpp"
#include "models/native/kernels.hpp"
#include "records/native_buffers.hpp"

namespace scalelaw::native {

/// Floats on cache lines, zero at first, with kSlack behind them.
class Floats {
 public:
  Floats() = default;
  explicit Floats(Index size);
  operator float*() const { return data_.get(); }
  [[nodiscard]] Index size() const { return size_; }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
  Index size_ = 0;
};

/// Floats of the scratch that attention and its backward pass take.
constexpr Index attention_scratch(const AttentionShape& s) {
  return native_scratch(s.context, s.d_head, {.tokens = s.context, .positions = s.context, .row = stride}) + kSlack;
}

class Step {
 public:
  Step(const Layout& layout, const Kernels& kernels);

  /// Losses [windows] of one member. @param gradients [P] of the mean over all windows, overwritten; may be null.
  void run(const float* parameters, float* gradients, const std::int64_t* inputs, const std::int64_t* targets,
           Index windows, float* losses);
  /// Of all buffers, with what lies behind each.
  [[nodiscard]] Index bytes() const { return bytes_; }

 private:
  struct Weight {
    Index offset = 0, rows = 0, cols = 0;
    bool transposed = false;  // the product uses the transpose of what is stored: a tied head
    Floats forward, backward;
  };
  using Layer = NativeLayer<Weight, Floats>;

  Floats floats(Index size);
  Weight weight(const Slice& slice, Index rows, Index cols, bool transposed = false);
  void fill_rotations();
  void fill_scales(const float* parameters);
  void write_scale_gradients(float* gradients) const;
  [[nodiscard]] AttentionShape attention_shape(Index windows, const float* scales) const;
  void pack(Weight& w, const float* parameters, bool backward) const;
  void multiply(const float* x, Index ldx, const Weight& w, float* y, Index ldy, Index rows, bool add) const;
  void multiply_back(const float* dy, Index ld_dy, const Weight& w, float* dx, Index ldx, Index rows) const;
  void add_gradient(const float* x, Index ldx, const float* dy, Index ld_dy, const Weight& w, float* gradients,
                    Index rows, bool add) const;
  void forward(const float* parameters, const std::int64_t* inputs, Index windows);
  void backward(float* gradients, const std::int64_t* inputs, Index windows, bool first);

  const Kernels& k_;
  ModelSpec model_;
  Index width_ = 0, chunk_ = 1, bytes_ = 0;  // width of attention; windows of a chunk
  Index ld_model_, ld_width_, ld_qkv_, ld_hidden_, ld_vocab_;
  Slice embedding_;
  std::vector<Layer> layers_;
  NativeWork<Weight, Floats> work_;
  std::vector<Index> learned_scales_;  // offsets of those of each layer, if there are such
};

}  // namespace scalelaw::native
