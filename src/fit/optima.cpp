#include "fit/optima.hpp"

#include <algorithm>
#include <cmath>

#include "core/format.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kSameCompute = 0.05, kSameSize = 0.01, kWorse = 0.01;

std::string name_of(const Observation& o) {
  const std::string sizes = fmt::format("N {}, D {}", short_count(o.params), short_count(o.tokens));
  return o.run.empty() ? sizes : fmt::format("{} ({})", o.run, sizes);
}

}  // namespace

std::string not_optima(const std::vector<Observation>& points, bool losses) {
  std::vector<const Observation*> by_flops;
  for (const Observation& o : points) by_flops.push_back(&o);
  std::ranges::stable_sort(by_flops, {}, &Observation::flops);
  const Observation* best = nullptr;  // least loss so far
  for (std::size_t i = 0; i < by_flops.size(); ++i) {
    const Observation& o = *by_flops[i];
    for (std::size_t k = i + 1; k < by_flops.size(); ++k) {
      const Observation& other = *by_flops[k];
      if (other.flops > (1 + kSameCompute) * o.flops) break;
      if (std::abs(std::log(other.params / o.params)) <= kSameSize) continue;
      return fmt::format("{} and {} both took about {} FLOPs, and only one of two sizes can be the best there",
                         name_of(o), name_of(other), power_text(o.flops));
    }
    if (losses && best != nullptr && o.loss_nats > (1 + kWorse) * best->loss_nats &&
        o.flops > (1 + kSameCompute) * best->flops) {
      return fmt::format("{} took more FLOPs than {} and has a higher loss, {:.4g} against {:.4g}", name_of(o),
                         name_of(*best), o.loss_nats, best->loss_nats);
    }
    if (best == nullptr || o.loss_nats < best->loss_nats) best = &o;
  }
  return "";
}

}  // namespace scalelaw::inline fit
