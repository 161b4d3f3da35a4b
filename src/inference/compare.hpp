#pragma once
// The same estimator on two sources of records: do their exponents differ?
//
// Against a law (compare_with_law). Simulated studies have the same (N, D) points, weights and groups as the empirical
// one; each is fitted with the same options. With e the empirical estimate of an exponent, s_e the scale of its fit's
// residuals of ln loss, t_i and s_i the same of simulated study i, and m the median of the t_i:
//   difference = e - m,   interval = difference - s_e q,   q: quantiles of (t_i - m) / s_i
// (a parametric bootstrap-t). Bias of the estimator cancels in e - m; dividing by each study's own residual scale
// accounts for the noise being estimated, so that under the null (the law holds, the noise is normal) the 95 % interval
// misses 0 in 5 % of studies. Where the noise is given instead, s_e = s_i = 1.
//
// Between two sets of observations (compare_observations): quantiles of the differences of paired bootstrap draws, at
// the level of the fits' own intervals (fit/bootstrap.hpp).
//
// Verdict for a margin (a share of the second exponent, or an absolute difference): "different" if the 95 % interval of
// the difference excludes 0, marked within_margin where its 90 % interval lies within [-margin, margin]; else
// "equivalent" if the 90 % interval lies within it (two one-sided tests of 5 % each, Schuirmann 1987); otherwise
// "inconclusive". "not_converged" where either fit did not converge, or where fewer than half of the simulated studies
// give the exponent.
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fit/fit.hpp"
#include "inference/multiplier.hpp"
#include "sim/simulate.hpp"

namespace scalelaw {

/// How far apart exponents may lie and count as equivalent.
struct Margin {
  double value = 0.1;    ///< > 0
  bool relative = true;  ///< a share of the second exponent's magnitude; else the difference itself

  [[nodiscard]] double at(double exponent) const { return relative ? value * std::abs(exponent) : value; }
};
/// "0.05": a difference, "10%": a share. Errors (config): anything else, or not positive.
[[nodiscard]] Margin parse_margin(const std::string& text);
/// "10 % of the second exponent", "0.05"
[[nodiscard]] std::string describe(const Margin& margin);

struct ExponentComparison {
  std::string name;  ///< alpha, beta, a, b, frontier, ... (exponents_of); isoflop_a, isoflop_b, loss_slope (slopes_of)
  double first = 0, second = 0;
  Interval first_ci95, second_ci95;  ///< second: of the simulated studies, or of its bootstrap
  double difference = 0;             ///< first - second
  Interval difference_ci95, difference_ci90;
  bool significant = false;  ///< the 95 % interval of the difference excludes 0
  double detectable = 0;     ///< power: the smallest difference that this design finds significant in 80 % of studies
  double margin = 0;         ///< of this exponent, as a difference
  std::string verdict;  ///< equivalent | different | inconclusive within the margin; "not_converged" if a fit did not
  bool within_margin = false;  ///< of "different": the difference is real and small
};

/// "different, but within the margin"; else the verdict in words.
[[nodiscard]] std::string verdict_text(const ExponentComparison& exponent);

/// How a source counts N where nothing says it: a table without a column for the convention asked for.
inline constexpr const char* kOwnCounts = "own";

struct Comparison {
  std::string first, second;  ///< names of the two sources
  Convention convention;      ///< asked for; says nothing of a source whose count is kOwnCounts
  /// How each counts N: total | non_embedding | effective, what a table's own column says, or kOwnCounts.
  std::string first_counted, second_counted;
  bool second_measured = false;  ///< the second source is a set of observations, no law
  Margin margin;
  std::int64_t studies =
      0;  ///< simulated studies or bootstrap replicates behind the second source, those that converged
  std::int64_t failed = 0;          ///< those that did not
  double noise = 0;                 ///< sd of ln loss in the simulated studies; 0 between two sets of observations
  double group_share = 0;           ///< share of its variance that the points of one group have in common
  bool noise_estimated = false;     ///< from the residuals of the first fit
  bool reanchored = false;          ///< the law's amplitudes were refitted to the points, its exponents kept
  FitResult first_fit, second_fit;  ///< second: of the law's losses without noise
  std::vector<ExponentComparison> exponents;
  std::vector<ComputeMultiplier> multipliers;  ///< between two sets of observations whose law has an optimum
  std::vector<std::string> notes;              ///< what a reader has to know, one line each
  std::string failure;                         ///< why no exponent has a verdict, a line; empty where one has
};

/// What speaks against the fit of a measured source, a line each, as `fit` prints it.
[[nodiscard]] std::vector<std::string> first_cautions(const Comparison& comparison);
/// The same of the second source; empty where that is a law.
[[nodiscard]] std::vector<std::string> second_cautions(const Comparison& comparison);

struct CompareOptions {
  FitOptions fit;
  Margin margin;
  std::int64_t studies = 200;  ///< simulated studies at the same points
  std::uint64_t seed = 1;
  bool reanchor = true;            ///< refit the law's amplitudes to the points (sim/reanchor.hpp)
  double largest_loss = 0;         ///< ln(vocab) of the points: a simulated loss above it is refused; 0 = not known
  std::vector<double> flops = {};  ///< budgets of the compute multiplier; empty = multiplier_budgets
  std::optional<NoiseModel> second_noise = {};  ///< between seeds, of the second points; that of the first is fit.noise
  /// How the points count N: kOwnCounts, or what their table says; empty = as fit.convention does.
  std::string first_counted = {}, second_counted = {};
};

/// Exponents of a law's constants: its parameters named alpha* or beta* and "exponent"; a and b of N* ~ C^a, D* ~ C^b
/// where there is an optimum; for chinchilla also "frontier": alpha beta / (alpha + beta), as in L*(C) - E ~
/// C^-frontier.
[[nodiscard]] std::map<std::string, double> exponents_of(const Law& law);
/// Those of the fitted constants and of `derived`.
[[nodiscard]] std::map<std::string, double> exponents_of(const FitResult& fit);

/// Noise of ln loss from the residuals of a converged fit. sd: sqrt(pi / 2) * mean |residual| * n / (n - p), for normal
/// noise the standard deviation, and less moved by outliers than their root mean square; p counts the constants fitted.
/// group_share: mean product of the residuals of two points of one group, over the mean square; 0 without groups.
[[nodiscard]] PointNoise residual_noise(const FitResult& fit, const std::vector<Observation>& points);

/// Whether the fit says what loss to expect; approaches 1 and 2 fit N* and D* alone.
[[nodiscard]] bool has_loss(const FitResult& fit);
/// residual_noise of the fit, or, where it has no loss, of the law chinchilla fitted to the same points.
/// Errors (config): that does not converge.
[[nodiscard]] PointNoise estimated_noise(const FitResult& fit, const std::vector<Observation>& points,
                                         FitOptions options);

/// Empirical observations against `law`, see the top of this file. `noise`: known sd of ln loss, or 0 to estimate it
/// and the groups' share from the residuals. Points left out by fit.drop_highest are left out of the simulated studies
/// too. Errors (config): a law whose losses at these points lie above options.largest_loss. (data): a law over
/// optimizer steps, and points without steps.
[[nodiscard]] Comparison compare_with_law(const std::string& name, const std::vector<Observation>& points,
                                          const Law& law, double noise, const CompareOptions& options);
/// Two sets of observations, each bootstrapped (200 replicates where the options ask for none).
[[nodiscard]] Comparison compare_observations(const std::string& first, const std::vector<Observation>& first_points,
                                              const std::string& second, const std::vector<Observation>& second_points,
                                              const CompareOptions& options);
/// "scalelaw.comparison/1"
[[nodiscard]] Json to_json(const Comparison& comparison);
[[nodiscard]] std::string describe(const Comparison& comparison);
/// "caution: SOURCE: ..." for both sources; 0 or more lines. The report has them of its own fits already.
[[nodiscard]] std::string cautions_text(const Comparison& comparison);

}  // namespace scalelaw
