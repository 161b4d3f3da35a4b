#pragma once
// How many times less compute one recipe needs for the loss of another, against the loss.
#include <optional>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "fit/fit.hpp"
#include "inference/joint_fit.hpp"

namespace scalelaw::inline inference {

/// m = C1/C2 at one loss: the compute of the first source over that of the second, both at their compute-optimal N and
/// D. Above 1: the second is the better recipe.
struct LossMultiplier {
  double loss_nats = 0;
  double first_flops = 0, second_flops = 0;  ///< infinite where no compute reaches the loss
  double value = 0;                          ///< infinite where only the second reaches it, NaN where neither does
  Interval ci95 = {};                        ///< quantiles over paired draws; both 0 with fewer than kFewestDraws
  bool first_outside = false, second_outside = false;  ///< that compute, or that loss, lies outside the source's runs
  std::int64_t draws = 0,
               unreachable = 0;  ///< pairs, and those in which the first does not reach the loss, as infinite
};

struct MultiplierOptions {
  bool shared_exponents = false;    ///< by fit_jointly, so that m is one number; else by the fits as they are
  std::vector<double> losses = {};  ///< empty: five, over what both have reached
};

struct LossMultipliers {
  /// Losses that both sources have reached: at the compute of runs of theirs by the fitted laws, and not below the
  /// least that each measured. Both 0 where there is none.
  Interval reached = {};
  std::vector<LossMultiplier> at;
  std::optional<JointFit> joint;
  std::string failure;  ///< why there is none, a line; empty where there is one
};

/// @param first_points,second_points as given to fit_points by `options`; the fits hold their bootstrap draws
[[nodiscard]] LossMultipliers loss_multipliers(const std::vector<Observation>& first_points,
                                               const std::vector<Observation>& second_points, const FitResult& first,
                                               const FitResult& second, const FitOptions& options,
                                               const MultiplierOptions& wanted);

[[nodiscard]] Json to_json(const LossMultipliers& multipliers);
/// The answer as a sentence and a table, with what is extrapolated said. Ends with a newline.
[[nodiscard]] std::string describe(const LossMultipliers& multipliers, const std::string& first,
                                   const std::string& second);

}  // namespace scalelaw::inline inference
