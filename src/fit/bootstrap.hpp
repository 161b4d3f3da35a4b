#pragma once
// Resampling: how far the estimates would move with other data.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "fit/components.hpp"
#include "fit/options.hpp"
#include "fit/result.hpp"
#include "fit/solve.hpp"

namespace scalelaw::inline fit {

enum class RefitStatus { ok, at_bound, failed };

/// One refit: values of the law's parameters and derived quantities.
struct Refit {
  RefitStatus status = RefitStatus::failed;
  std::vector<double> values;
  std::map<std::string, double> derived;
};

/// Fewer groups than this say nothing of how an estimate would move with others.
constexpr std::size_t kFewestGroups = 3;

/// What `auto` resamples. IsoFLOP: parametric, losses redrawn around each budget's curve. For a law of the loss:
/// components where at most kFewRuns points share shapes or groups; else groups wherever two points share one; else
/// parametric for a law of the loss with fewer than 60 points, and runs. Anything but "auto" is returned as it is.
[[nodiscard]] Resample resolved_resample(Resample resample, Method method, const std::vector<Observation>& points);

/// From more points than these, units drawn with replacement need no assumption about what is shared.
constexpr std::size_t kFewRuns = 120;

/// Points that are resampled together: each run alone, runs with the same non-empty group, or those of a shape.
/// Returns the unit of each point, numbered from 0 in order of appearance.
[[nodiscard]] std::vector<std::size_t> resampling_units(const std::vector<Observation>& points, Resample resample);

/// How often each point is drawn in replicate i: as many units as there are, with replacement. Depends on seed and i
/// alone.
/// @param strata units are drawn within each stratum; empty = one stratum
[[nodiscard]] std::vector<double> multiplicities(const std::vector<std::size_t>& units,
                                                 const std::vector<std::size_t>& strata, std::uint64_t seed,
                                                 std::int64_t replicate);

/// Runs `refit` for each replicate and summarises. Intervals of runs and groups are percentiles. Those of the
/// parametric bootstrap, which knows the noise only with some degrees of freedom, are percentiles at the levels Phi(-t)
/// and Phi(t), t the quantile of Student's t. docs/METHODS.md, "Intervals", has the measured coverage of each.
/// @param freedom of the noise; 0 = plain percentiles
[[nodiscard]] BootstrapResult run_bootstrap(const BootstrapOptions& options, int threads,
                                            const std::vector<std::string>& names, std::int64_t freedom,
                                            const std::function<Refit(std::int64_t)>& refit);

/// The minimum near theta for these weights: at once, else by continuation in delta.
[[nodiscard]] Solution resolve(const Problem& problem, std::span<const double> weights, const Vector& theta);

/// Residuals of ln loss at a fit, without points of weight 0 and outliers (select/noise.hpp).
[[nodiscard]] FitResiduals residuals_of_fit(const Problem& problem, std::span<const double> theta);

/// The problem with other losses.
[[nodiscard]] Problem with_losses(Problem problem, const std::vector<double>& losses);
/// Losses about those of the law with noise of ln loss of every point.
[[nodiscard]] std::vector<double> noisy_losses(const std::vector<double>& log_predicted,
                                               const std::vector<double>& noise);

/// Bootstrap of a parametric fit, each refit started from the full fit and run to convergence. The noise of the
/// parametric one is options.noise, or that of the fit's residuals.
[[nodiscard]] BootstrapResult bootstrap_parametric(const Problem& problem, const std::vector<Observation>& points,
                                                   const Solution& solution, const FitOptions& options);

/// a and b, and for the law optimal the prefactors, of constants fitted to weighted points.
[[nodiscard]] std::map<std::string, double> derived_quantities(const Problem& problem, std::span<const double> weights,
                                                               const std::vector<double>& values);

}  // namespace scalelaw::inline fit
