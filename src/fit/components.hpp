#pragma once
// Noise of ln loss that runs of one shape and runs of one trunk share, estimated from what a fit leaves.
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/rng.hpp"
#include "records/observation.hpp"
#include "select/noise.hpp"

namespace scalelaw::inline fit {

/// Shares of the variance of one run's noise that all runs of its shape, and all runs of its trunk, have in common; the
/// rest is its own. sd(L) = sd (L/L0)^slope.
struct NoiseShares {
  double shape = 0, trunk = 0;
  double slope = 0;
};

/// What is assumed of the shares where points alone cannot say: with few shapes the law bends to what a shape has in
/// common, and the residuals hold next to nothing of it.
struct SharesAssumed {
  double largest_shape = 0.8;
  double shape_power = 8;  ///< density of the shape's share before the points: its power, up to largest_shape
  std::optional<NoiseShares> held = std::nullopt;  ///< shares taken as they are; of the slope the points decide
};

/// Which shape and trunk each point belongs to, numbered from 0. A point without a shape has that of its N; one without
/// a group is a trunk of its own.
struct SharedUnits {
  std::vector<std::size_t> shape, trunk;
  std::size_t shapes = 0, trunks = 0;

  [[nodiscard]] std::size_t points() const { return shape.size(); }
  /// Whether two points share a shape, or a trunk.
  [[nodiscard]] bool any_shape() const { return shapes < points(); }
  [[nodiscard]] bool any_trunk() const { return trunks < points(); }
};
[[nodiscard]] SharedUnits shared_units(const std::vector<Observation>& points);

/// Residuals of ln loss at a fit and their Jacobian in its free parameters, row per point.
struct FitResiduals {
  std::vector<double> log_residual;
  std::vector<double> log_jacobian;
  std::vector<double> log_predicted;
  std::vector<bool> used;  ///< points of weight 0 and outliers are left out of the estimate
};

/// The distribution of shares and variance that residuals leave open: cells of a grid of shares and slopes, each with
/// its probability. Given a cell, sum / variance is chi-squared with `freedom` degrees of freedom.
///
/// Residuals r = J d + e with e ~ N(0, sigma^2 V), V = D (s S S' + t T T' + (1 - s - t) I) D, S and T the incidence of
/// shapes and trunks and D = diag((L/L0)^slope / sqrt(seeds)). d has a flat prior and sigma^2 the density 1/sigma^2
/// (restricted likelihood: Patterson and Thompson 1971, Biometrika 58, 545-554), so that
///   p(s, t, slope | r) ~ p(s) |V|^-1/2 |J' V^-1 J|^-1/2 q^-(freedom/2),   q = r' V^-1 r - (fit of J),
/// where seeds known by themselves add their own squares to q and their degrees of freedom.
struct NoiseComponents {
  struct Cell {
    NoiseShares shares;
    double squares = 0;     ///< q
    double cumulative = 0;  ///< probability of this cell and those before it
  };
  std::vector<Cell> cells;  ///< empty: nothing to estimate from
  double freedom = 0;
  double log_reference = 0;  ///< ln L0
  SharedUnits units;
  std::vector<double> log_predicted, seeds;

  [[nodiscard]] NoiseShares mean_shares() const;
  /// Root of the mean variance of a single run's noise of ln loss at L0; 0 where there are no cells.
  [[nodiscard]] double sd() const;
};

/// @param seeds of the noise between seeds, where replicates show it
[[nodiscard]] NoiseComponents noise_components(const std::vector<Observation>& points, const FitResiduals& at,
                                               std::size_t parameters, const std::optional<NoiseModel>& seeds,
                                               const SharesAssumed& assumed = {});

/// Noise of ln loss of every point, from shares and a variance that are drawn too. Needs cells.
[[nodiscard]] std::vector<double> draw_noise(const NoiseComponents& noise, Rng& rng);

/// "0.0024 (sd of ln loss), 0.71 of its variance shared by the runs of a shape and 0.08 by those of a trunk".
[[nodiscard]] std::string describe(const NoiseComponents& noise);

}  // namespace scalelaw::inline fit
