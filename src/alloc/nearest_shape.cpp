#include "alloc/nearest_shape.hpp"

#include <algorithm>
#include <cmath>

#include "records/shape.hpp"

namespace scalelaw::inline alloc {
namespace {

constexpr double kAspectBand = 1.6;  // Porian et al. 2024 keep the aspect ratio within this factor
constexpr std::int64_t kMostLayers = 1024;
constexpr std::int64_t kMostUnits = 1024;

/// @param units of width, which are heads where their width is given
ModelSpec shape_of(std::int64_t layers, std::int64_t units, const ShapeFamily& family) {
  // With heads of no given width as a config that says nothing of the family.
  ModelSpec model = family.d_head == 0 ? default_family() : ModelSpec{};
  model.n_layer = layers;
  model.d_model = units * (family.d_head > 0 ? family.d_head : kWidthUnit);
  model.d_head = family.d_head > 0 ? family.d_head : default_d_head(model.d_model);
  model.n_head = model.d_model / model.d_head;
  model.d_ff = 4 * model.d_model;
  model.vocab = family.vocab;
  model.context = family.vocab <= 1024 ? 64 : 2048;
  return model;
}

}  // namespace

ShapeFamily default_shape_family(double params) {
  if (params < 1e8) return {.d_head = 0, .vocab = 256, .aspect = 16};
  return {.d_head = 64, .vocab = 32768, .aspect = 100};
}

ModelSpec nearest_shape(double params, const ShapeFamily& family, ParamsCount convention) {
  if (family.d_head < 0 || family.d_head % 2 != 0) {
    fail_config("shape: d_head is {}; it must be even and at least 2", family.d_head);
  }
  if (family.vocab < 2) fail_config("shape: vocab is {}; it must be at least 2", family.vocab);
  if (!(family.aspect > 0)) fail_config("shape: aspect is {}; it must be positive", family.aspect);

  const auto unit = static_cast<double>(family.d_head > 0 ? family.d_head : kWidthUnit);
  ModelSpec best = shape_of(1, 1, family);
  const auto distance = [&](const ModelSpec& m) { return std::abs(std::log(counted_params(m, convention) / params)); };
  double best_distance = distance(best);
  for (std::int64_t layers = 1; layers <= kMostLayers; ++layers) {
    const double width = family.aspect * static_cast<double>(layers) / unit;
    std::int64_t low = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(width / kAspectBand)));
    std::int64_t high = std::min<std::int64_t>(kMostUnits, static_cast<std::int64_t>(std::floor(width * kAspectBand)));
    if (low > high) continue;
    // Counts rise with the width: bisect to the first that is not below params.
    while (low < high) {
      const std::int64_t middle = (low + high) / 2;
      if (counted_params(shape_of(layers, middle, family), convention) < params) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    for (const std::int64_t units : {low, low - 1}) {
      if (static_cast<double>(units) < width / kAspectBand || units < 1) continue;
      const ModelSpec model = shape_of(layers, units, family);
      if (distance(model) < best_distance) {
        best = model;
        best_distance = distance(model);
      }
    }
  }
  return best;
}

}  // namespace scalelaw::inline alloc
