#pragma once
// What a design can know before it is run: whole studies are simulated from a known law and put through the complete
// estimator, which then states intervals whose truth is known.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "design/plan.hpp"
#include "fit/fit.hpp"
#include "sim/simulate.hpp"

namespace scalelaw::inline inference {

/// A design whose every run is simulated in each study, rates and all, and tuned as trained runs are: the noise of a
/// point is then that of its tuned loss.
struct TunedDesign {
  std::vector<PlannedRun> runs;
  SimulationSpec simulation;   ///< law, noise of a run, price of a wrong rate
  std::int64_t lr_extend = 0;  ///< rates added on each side in steps of 2, as design.lr_extend adds them at an edge
};

struct CoverageOptions {
  FitOptions fit = {};  ///< the estimator; bootstrap.replicates >= 40. Profiles and held-out check are left out
  /// Laws that each study chooses among (fit/choice.hpp); empty: fit.law is fitted.
  std::vector<LawKind> laws = {};
  std::optional<TunedDesign> tuned = std::nullopt;  ///< simulate runs instead of points; noise is its own
  std::int64_t studies = 200;                       ///< >= 2
  PointNoise noise = {.sd = 0.01};
  /// Degrees of freedom with which seeds show each study the noise of a run, drawn with it; 0: none do. Replicates
  /// differ in all of a run's noise, what its shape and trunk share included.
  std::int64_t seed_freedom = 0;
  std::uint64_t seed = 1;
};

/// One estimated quantity over all studies that converged.
struct QuantityCoverage {
  /// alpha, beta, a, ... of the law fitted. At the largest compute C of the points ln_params_optimal: ln N*(C);
  /// loss_optimal: L*(C); loss_predicted: the loss at the true N* and D*. The same with _10 at ten times that compute.
  std::string name;
  double truth = 0;
  double mean = 0, bias = 0, sd = 0;    ///< of the estimates; bias = mean - truth
  double width80 = 0, width95 = 0;      ///< median width of the intervals; infinite where half of them are open
  double covered80 = 0, covered95 = 0;  ///< share of the intervals that hold the truth
};

struct Coverage {
  std::string law;
  std::int64_t points = 0, groups = 0;       ///< groups: independent units, runs without a group count alone
  std::int64_t studies = 0, failed = 0;      ///< failed: fits that did not converge, left out of what follows
  std::int64_t refits_failed = 0;            ///< bootstrap refits that did not converge, over all studies
  double flops = 0;                          ///< C of N*(C)
  std::map<LawKind, std::int64_t> answered;  ///< studies that each law answered, where they chose
  CoverageOptions options;
  std::vector<QuantityCoverage> quantities;
  std::vector<std::string> notes;

  /// Standard error of a share near p that comes from the number of studies alone.
  [[nodiscard]] double share_se(double p) const;
};

/// The points of a design as a fit sees them: one per shape and tokens (learning rates tuned, seeds averaged), losses
/// not yet known (1). Runs of one shape share a group where the schedule has a trunk.
[[nodiscard]] std::vector<Observation> design_points(const std::vector<PlannedRun>& runs, const Convention& convention);

/// The same with the groups that tuning makes: every run is simulated once, each point takes the best of its rates, and
/// points share a group where the runs that won belong to one trunk (select/select.hpp).
/// @param simulation law, noise and price of a wrong rate
/// @param lr_extend rates added on each side in steps of 2, as design.lr_extend adds them where the best lies on the
/// edge
[[nodiscard]] std::vector<Observation> tuned_design_points(const std::vector<PlannedRun>& runs,
                                                           const SimulationSpec& simulation,
                                                           const Convention& convention, std::int64_t lr_extend = 0);

/// Simulates `options.studies` studies of `law` at the points (N as the points count it), fits each and counts. Study i
/// depends on seed and i alone, whatever options.fit.threads is. Errors (config): too few studies or refits, negative
/// noise, a group share outside 0 .. 1, a law that gives no loss.
[[nodiscard]] Coverage coverage(const std::vector<Observation>& points, const Law& law, const CoverageOptions& options);

}  // namespace scalelaw::inline inference
