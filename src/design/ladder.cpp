#include "design/ladder.hpp"

#include <algorithm>
#include <cmath>

#include "records/shape.hpp"

namespace scalelaw::inline design {
namespace {

struct Rung {
  ShapeConfig shape;
  double params = 0;
};

/// Widths are multiples of it.
std::int64_t width_unit(const StudyConfig& config) {
  return config.model.spec.d_head > 0 ? config.model.spec.d_head : kWidthUnit;
}

/// Every buildable shape from min_width up to the first width that has more than `largest` params even at its
/// shallowest.
std::vector<Rung> buildable_shapes(const StudyConfig& config, double largest) {
  std::vector<Rung> rungs;
  const std::int64_t step = width_unit(config);
  const auto params = [&](const ShapeConfig& shape) {
    return counted_params(model_spec(config.model, shape), config.design.convention.params);
  };
  for (std::int64_t width = (config.design.min_width + step - 1) / step * step; width <= 65536; width += step) {
    const auto d = static_cast<double>(width);
    const auto shallowest =
        std::max<std::int64_t>(1, static_cast<std::int64_t>(std::ceil(d / config.design.aspect_max)));
    const auto deepest =
        std::min<std::int64_t>(1024, static_cast<std::int64_t>(std::floor(d / config.design.aspect_min)));
    for (std::int64_t depth = shallowest; depth <= deepest; ++depth) {
      const ShapeConfig shape{width, depth};
      rungs.push_back({shape, params(shape)});
    }
    if (params({width, shallowest}) > largest) break;
  }
  return rungs;
}

/// Of the shapes within `tolerance` in ln params the one nearest to the middle aspect ratio, so that the aspect does
/// not jump from rung to rung; where none is that near, the one nearest in params.
const Rung& nearest(const std::vector<Rung>& rungs, double params, double tolerance, double middle_aspect) {
  return *std::ranges::min_element(rungs, {}, [&](const Rung& r) {
    const double distance = std::abs(std::log(r.params / params));
    const double aspect = static_cast<double>(r.shape.d_model) / static_cast<double>(r.shape.n_layer);
    return distance <= tolerance ? std::pair(0, std::abs(std::log(aspect / middle_aspect))) : std::pair(1, distance);
  });
}

}  // namespace

double expected_optimum(const DesignConfig& design, double flops) {
  return design.optimum_coefficient * std::pow(flops, design.optimum_exponent);
}

std::vector<std::vector<ShapeConfig>> isoflop_ladder(const StudyConfig& config) {
  const DesignConfig& design = config.design;
  const double smallest_optimum = expected_optimum(design, *std::ranges::min_element(design.budgets));
  const double largest_optimum = expected_optimum(design, *std::ranges::max_element(design.budgets));
  const double step = std::log(design.size_factor);
  const auto count = static_cast<double>(design.sizes_per_budget);
  const std::vector<Rung> shapes = buildable_shapes(config, largest_optimum * std::exp(step * (count + 6)));
  if (shapes.empty()) {
    fail_config(
        "design: no shape has d_model a multiple of {}, at least {}, and d_model / n_layer in {} .. {}; widen "
        "aspect_min .. aspect_max",
        width_unit(config), design.min_width, design.aspect_min, design.aspect_max);
  }
  const double middle_aspect = std::sqrt(design.aspect_min * design.aspect_max);
  std::vector<std::vector<ShapeConfig>> ladder;
  for (const double budget : design.budgets) {
    const double position = std::log(expected_optimum(design, budget) / smallest_optimum) / step;
    const double first = std::round(position - (count - 1) / 2);
    const double optimum = expected_optimum(design, budget);
    std::vector<Rung> sizes;
    const auto add = [&](double index) {
      const Rung& rung = nearest(shapes, smallest_optimum * std::exp(step * index), step / 8, middle_aspect);
      const auto at = std::ranges::lower_bound(sizes, rung.params, {}, &Rung::params);
      if (at == sizes.end() || at->params != rung.params) sizes.insert(at, rung);  // coarse shapes can collapse
    };
    for (double i = 0; i < count; ++i) add(first + i);
    for (double i = 1; i <= 4 && sizes.back().params <= optimum; ++i) add(first + count - 1 + i);
    for (double i = 1; i <= 4 && sizes.front().params >= optimum; ++i) add(first - i);
    ladder.emplace_back();
    for (const Rung& rung : sizes) ladder.back().push_back(rung.shape);
  }
  return ladder;
}

}  // namespace scalelaw::inline design
