#pragma once
// Memory and the few operations of the step that are not the model: on the CPU, or on one CUDA device. No LibTorch
// here.
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "core/permutation.hpp"
#include "records/device_kind.hpp"
#include "records/token_view.hpp"

namespace scalelaw::inline models {

struct Device {
  DeviceKind kind = DeviceKind::cpu;
  std::string name;  ///< "cpu: Intel Xeon ..." or "cuda:0 NVIDIA H100 ..."
};

/// Errors (device): no CUDA in this program, or no usable CUDA device.
[[nodiscard]] Device open_device(DeviceKind kind);

namespace detail {
[[nodiscard]] std::shared_ptr<void> allocate(DeviceKind kind, std::size_t bytes);  // zeroed
void copy_in(DeviceKind kind, void* to, const void* from, std::size_t bytes);
void copy_out(DeviceKind kind, void* to, const void* from, std::size_t bytes);
}  // namespace detail

/// An array in the memory of a device, zero at first. Copies share it. Transfers wait for the device.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Device& device, std::int64_t size)
      : kind_(device.kind), size_(size), memory_(detail::allocate(kind_, static_cast<std::size_t>(size) * sizeof(T))) {}

  [[nodiscard]] T* data() const { return static_cast<T*>(memory_.get()); }
  [[nodiscard]] std::int64_t size() const { return size_; }
  /// Writes values (anything contiguous of type T) from index `at` on.
  template <class Range>
  void upload(const Range& values, std::int64_t at = 0) {
    const T* first = std::data(values);
    detail::copy_in(kind_, data() + at, first, std::size(values) * sizeof(T));
  }
  [[nodiscard]] std::vector<T> download(std::int64_t at, std::int64_t count) const {
    std::vector<T> values(static_cast<std::size_t>(count));
    detail::copy_out(kind_, values.data(), data() + at, values.size() * sizeof(T));
    return values;
  }
  [[nodiscard]] std::vector<T> download() const { return download(0, size_); }

 private:
  DeviceKind kind_ = DeviceKind::cpu;
  std::int64_t size_ = 0;
  std::shared_ptr<void> memory_;
};

/// Settings of AdamW that stay the same for a member's whole run.
struct AdamSettings {
  float beta1 = 0.9F, beta2 = 0.95F, eps = 1e-8F, weight_decay = 0.1F;
  float clip = 1.0F;  ///< largest gradient norm; 0 = no clipping
};
/// What changes from step to step.
struct AdamScalars {
  float lr = 0;
  float correction1 = 1;  ///< 1 / (1 - beta1^t), t = 1 for the first step
  float correction2 = 1;  ///< 1 / (1 - beta2^t)
};

/// Parameters with the same factors of a step: from `begin` to that of the next group, or to the end.
struct AdamGroup {
  std::int64_t begin = 0;
  float decay = 1;  ///< of weight_decay; 0: none
  float rate = 1;   ///< of the gradient's part of the change; that of the decay stays
  float eps = 1;    ///< of eps
};

/// K members in device memory; every pointer is [K] or, for parameters to moments, [K, P]; all members have the same
/// groups.
struct AdamState {
  std::int64_t members = 0, params = 0;
  const AdamGroup* groups = nullptr;  ///< [group_count], the first from parameter 0, rising, none empty
  std::int64_t group_count = 0;
  bool fours = false;  ///< every group begins at a multiple of four: CUDA then moves four parameters a thread
  float* parameters = nullptr;
  const float* gradients = nullptr;
  float* moment1 = nullptr;
  float* moment2 = nullptr;
  const AdamSettings* settings = nullptr;
  std::int64_t* diverged = nullptr;  ///< 0, or the step at which the loss or the gradient stopped being finite
};

/// One step of AdamW with decoupled decay (Loshchilov and Hutter 2019, arXiv 1711.05101, as PyTorch has it) for each
/// member:
///   g = gradient * min(1, clip / |gradient|);  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
///   p -= lr (decay weight_decay p + rate c1 m / (sqrt(c2 v) + eps' eps)), decay, rate and eps' of the group
/// A member whose loss or gradient norm is not finite is marked in `diverged` and never changed again; the others do
/// not notice. On a CPU; counted_adam_step is the same on every device.
/// @param step number of the step, from 1; @param losses [K] in; @param norms [K] out.
void adam_step(const Device& device, const AdamState& state, const AdamScalars* scalars, std::int64_t step,
               const float* losses, float* norms);

/// What a step reads to know which one it is. It lies in device memory and the step itself moves it on, so that the
/// same commands can be queued, or replayed from a graph, again and again.
struct StepCounters {
  std::int64_t step = 0;  ///< steps done
  std::int64_t slot = 0;  ///< row of the tables that this step uses
};
/// The rates of the steps to come and the metrics of those done, a row of K for each step. Device memory.
struct StepTables {
  StepCounters* counters = nullptr;
  const AdamScalars* scalars = nullptr;  ///< [slots, K]
  float* losses = nullptr;               ///< [slots, K]
  float* norms = nullptr;                ///< [slots, K], of the gradients before clipping
  double* scratch = nullptr;             ///< [K, kStepScratch], used by CUDA
};
constexpr int kStepScratch = 36;

/// adam_step with the scalars of the counters' row; the losses [K] and the gradient norms are written to that row, and
/// the counters move on by one.
void counted_adam_step(const Device& device, const AdamState& state, const StepTables& tables, const float* losses);

/// Some of the windows that each member takes in a step: `count` of them from `first` on, of `all`.
struct StepWindows {
  std::int64_t all = 0, first = 0, count = 0;
};
/// starts[k, w] = first token of window windows.first + w of member k in the step that the counters name.
/// @param orders [K]; @param starts [K, windows.count]; all device memory.
void draw_starts(const Device& device, const WindowOrder* orders, const StepCounters* counters, std::int64_t members,
                 const StepWindows& windows, std::int64_t* starts);

/// Copies windows of context + 1 tokens: inputs[w] = tokens[start .. start + context), targets one further, as 64-bit
/// ids.
/// @param tokens of a split; @param starts [windows]; @param inputs, targets [windows, context]; all device memory.
void gather_windows(const Device& device, const TokenView& tokens, const std::int64_t* starts, std::int64_t windows,
                    std::int64_t context, std::int64_t* inputs, std::int64_t* targets);

/// sum[i] = weight * values[i] for i < count, added to what is there if `add`. Device memory.
struct WeightedSum {
  float* sum = nullptr;
  const float* values = nullptr;
  std::int64_t count = 0;
  float weight = 1;
  bool add = false;
};
void weighted_sum(const Device& device, const WeightedSum& call);

}  // namespace scalelaw::inline models
