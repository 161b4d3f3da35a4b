#pragma once
// How well a fitted law describes its own points: residuals, the worst rows and series, and a test of the form.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "records/observation.hpp"

namespace scalelaw {

struct FitOptions;
struct FitResult;

/// One point and what the law says of it. For the law `optimal` the quantity is N instead of the loss.
struct Residual {
  std::size_t row = 0;  ///< from 1, among the points fitted
  std::string run;      ///< may be empty
  double params = 0, tokens = 0, flops = 0;
  double observed = 0, predicted = 0;  ///< nats (optimal: parameters)
  double residual = 0;                 ///< ln observed - ln predicted
  double standardised = 0;             ///< residual / Goodness::scale
};

/// Points that share a group, shape, budget, prefix of their run names, N or D.
struct SeriesResidual {
  std::string by, name;  ///< "shape", "d64 L2"
  std::int64_t points = 0;
  double mean = 0;          ///< mean residual of ln loss
  double standardised = 0;  ///< mean sqrt(points) / scale
};

/// F test of quadratic terms in the logarithms of N and D (of the law's own variable where it has one), added to the
/// law's tangent space. Residuals of the right law have nothing to give to them.
struct LackOfFit {
  double f = 0, freedom = 0, rest = 0;  ///< F and its two degrees of freedom
  double p = 1;                         ///< probability of a larger F under the law
  double explained = 0;                 ///< share of the squared residuals that the terms take
};

struct Goodness {
  std::int64_t n = 0;    ///< 0 = nothing was measured
  double rms = 0;        ///< of ln observed - ln predicted
  double r_squared = 0;  ///< of ln loss: 1 - squares about the law / squares about the mean; NaN for constant losses
  double scale = 0;      ///< of one residual: 1.4826 times the median size of the n - p largest
  double limit = 0;      ///< |standardised| that one point in a hundred data sets of normal noise exceeds
  std::optional<double> noise;      ///< rms sd of ln loss between seeds at these points
  std::vector<Residual> residuals;  ///< largest |residual| first
  std::int64_t outliers = 0;        ///< of them beyond the limit: the first ones
  std::optional<SeriesResidual> worst_series;
  bool series_stands_out = false;  ///< more than one series in a hundred data sets would by chance
  std::optional<LackOfFit> lack_of_fit;
  std::map<std::string, double>
      without_outliers;  ///< parameters, a and b of a fit without them; empty: none or not done

  /// Up to a fifth of the points are single ones; more say that the losses are of two kinds.
  [[nodiscard]] bool few_outliers() const { return outliers > 0 && 5 * outliers <= n; }
};

/// |standardised| from which a point is listed as one of the worst.
constexpr double kListedResidual = 3;
/// Level of the test of the form, of the outliers and of the series, each for the whole data set.
constexpr double kGoodnessLevel = 0.01;

/// Of a parametric fit to these points, which are those that the fit used. `without_outliers` stays empty. Empty
/// (n = 0) where nothing was fitted or a value is not positive.
[[nodiscard]] Goodness goodness_of(const FitResult& fit, const std::vector<Observation>& points,
                                   const FitOptions& options);

/// "exp17-d128", or "row 4 (N 20M, D 1B)" for a point without a name.
[[nodiscard]] std::string residual_name(const Residual& r);
/// What the goodness says against the fit, a line each: an outlier, a series, a form that its residuals reject.
/// @param held whether parameters were held at given values
[[nodiscard]] std::vector<std::string> goodness_cautions(const FitResult& fit, bool held);
/// "fit: rms of ln loss 0.0056, ..." with at most `rows` of the worst rows below it; 0 or more lines.
[[nodiscard]] std::string goodness_text(const FitResult& fit, std::size_t rows);
/// Table of all residuals, largest first.
[[nodiscard]] std::string residuals_text(const Goodness& goodness);

[[nodiscard]] Json to_json(const Goodness& goodness);
/// @param residuals every residual instead of those beyond kListedResidual
[[nodiscard]] Json residuals_json(const Goodness& goodness, bool all);
[[nodiscard]] Goodness goodness_from_json(const Json& json);

}  // namespace scalelaw
