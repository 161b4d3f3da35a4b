#pragma once
// How much the loss of a run depends on its seed.
#include <cstdint>
#include <optional>
#include <vector>

#include "records/observation.hpp"

namespace scalelaw::inline select {

/// Standard deviation of ln loss between runs that differ in nothing but their seed: sd(L) = sd (L / at_loss)^slope.
/// Noise tends to grow with the loss (Porian et al. 2024 take a line in ln sd too).
struct NoiseModel {
  double sd = 0;
  double at_loss = 1;  ///< nats
  double slope = 0;    ///< 0 where the replicates do not show one
  std::int64_t freedom = 0;

  [[nodiscard]] double at(double loss_nats) const;
};
template <class Visit, FieldsOf<NoiseModel> T>
void fields(Visit&& visit, T& m) {
  visit("sd", m.sd, any(), "standard deviation of ln loss between seeds, at at_loss");
  visit("at_loss", m.at_loss, any(), "nats");
  visit("slope", m.slope, any(), "of ln sd against ln loss");
  visit("freedom", m.freedom, any(), "degrees of freedom");
}

/// Replicates with fewer degrees of freedom than these say nothing of the noise.
constexpr std::int64_t kFewestSeedFreedom = 3;

/// Standard deviation of normal noise from the sizes of a fit's residuals, 1.4826 times their median, so that few far
/// rows do not move it. Huber's function passes through as many points as it has parameters: there those residuals, the
/// smallest, are left out; with squares the median is scaled by sqrt(n / (n - parameters)). Needs at least one size.
[[nodiscard]] double robust_scatter(std::vector<double> size, std::size_t parameters, bool huber);

/// |residual| over robust_scatter that one of `trials` of n residuals of normal noise exceeds in one data set of a
/// hundred (of 1/level): Student's quantile with 0.37 (n - parameters) degrees of freedom, which is what that scatter
/// is worth.
[[nodiscard]] double outlier_limit(std::size_t n, std::size_t parameters, std::size_t trials, double level = 0.01);

/// The model that makes the replicates among these points likeliest, each set of replicates (same N, D, unique tokens,
/// learning rate, steps, batch and shape, another seed) normal in ln loss. It has a slope only where three or more sets
/// show one at the 5 % level of the likelihood ratio. None with fewer than 3 degrees of freedom.
[[nodiscard]] std::optional<NoiseModel> estimate_noise(const std::vector<Observation>& points);

/// The same from the records themselves, before a learning rate is chosen and seeds are averaged. Replicates are runs
/// of one replicate_key (select/population.hpp).
[[nodiscard]] std::optional<NoiseModel> estimate_noise(const std::vector<RunRecord>& records, std::int64_t min_steps);

}  // namespace scalelaw::inline select
