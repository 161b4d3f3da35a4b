#pragma once
// A stack of members with random parameters and tokens on one device.
#include <cmath>
#include <string>
#include <vector>

#include "core/rng.hpp"
#include "models/engine.hpp"
#include "os/error.hpp"

namespace scalelaw::cuda {

struct Stacked {
  Layout layout;
  Device device;
  std::int64_t members, windows;
  Buffer<float> parameters, gradients, losses, window_losses;
  Buffer<std::int64_t> inputs, targets;
  Engine engine;

  Stacked(DeviceKind kind, const ModelSpec& model, std::int64_t k, std::int64_t b, const TorchOptions& how)
      : layout(make_layout(model)), device(open_device(kind)), members(k), windows(b) {
    const std::int64_t p = layout.params, tokens = k * b * model.context;
    parameters = Buffer<float>(device, k * p);
    gradients = Buffer<float>(device, k * p);
    losses = Buffer<float>(device, k);
    window_losses = Buffer<float>(device, k * b);
    inputs = Buffer<std::int64_t>(device, tokens);
    targets = Buffer<std::int64_t>(device, tokens);
    std::vector<float> row(static_cast<std::size_t>(p));
    for (std::int64_t i = 0; i < k; ++i) {
      initialize(layout, i + 1, row);
      parameters.upload(row, i * p);
    }
    Rng rng = make_rng(1, "tokens");
    std::vector<std::int64_t> ids(static_cast<std::size_t>(tokens));
    for (Buffer<std::int64_t>* buffer : {&inputs, &targets}) {
      for (std::int64_t& id : ids) {
        id = static_cast<std::int64_t>(uniform_below(rng, static_cast<std::uint64_t>(model.vocab)));
      }
      buffer->upload(ids);
    }
    engine = make_torch_engine(layout, device,
                               {.members = k, .parameters = parameters.data(), .gradients = gradients.data()}, how);
    // what is not overwritten will show
    gradients.upload(std::vector<float>(static_cast<std::size_t>(k * p), 1e9F));
  }
  Batch batch() const { return {.inputs = inputs.data(), .targets = targets.data(), .windows = windows}; }
  void step() { engine.loss_and_grad(batch(), losses.data()); }
};

/// |a - b| / |b|, Euclidean.
inline double distance(const std::vector<float>& a, const std::vector<float>& b) {
  SCALELAW_CHECK(a.size() == b.size(), "{} numbers against {}", a.size(), b.size());
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < b.size(); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    difference += (x - y) * (x - y);
    size += y * y;
  }
  return std::sqrt(difference / size);
}

/// Largest distance of what a step on a device gives from what the CPU gives, of losses and of the gradient of a
/// matrix.
struct Limits {
  double loss, gradient;
};
/// fp32: sums in another order. bf16: factors rounded to 8 bits, which moves the losses of tiny shapes by 1.6e-4 and
/// their worst gradients by 0.05 on a CPU, by 7e-5 and 0.06 on an H100.
inline Limits limits_of(Precision precision) {
  return precision == Precision::bf16 ? Limits{.loss = 1e-3, .gradient = 0.1} : Limits{.loss = 1e-5, .gradient = 1e-4};
}

}  // namespace scalelaw::cuda
