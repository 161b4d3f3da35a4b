#pragma once
// What a comparison of exponents asks and what it gives; inference/compare.hpp makes it.
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "fit/fit.hpp"
#include "inference/loss_multiplier.hpp"
#include "inference/multiplier.hpp"

namespace scalelaw::inline inference {

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

enum class Verdict { equivalent, different, inconclusive, not_converged };
constexpr std::array<std::string_view, 4> names_of(Verdict) {
  return {"equivalent", "different", "inconclusive", "not_converged"};
}

struct ExponentComparison {
  std::string name;  ///< alpha, beta, a, b, frontier, ... (exponents_of); isoflop_a, isoflop_b, loss_slope (slopes_of)
  double first = 0, second = 0;
  Interval first_ci95, second_ci95;  ///< second: of the simulated studies, or of its bootstrap
  double difference = 0;             ///< first - second
  Interval difference_ci95, difference_ci90;
  bool significant = false;  ///< the 95 % interval of the difference excludes 0
  double detectable = 0;     ///< power: the smallest difference that this design finds significant in 80 % of studies
  double margin = 0;         ///< of this exponent, as a difference
  std::optional<Verdict> verdict = {};  ///< within the margin, or that a fit did not converge; none yet: give_verdict
  bool within_margin = false;           ///< of "different": the difference is real and small
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
  std::vector<ComputeMultiplier> multipliers;       ///< between two sets of observations whose law has an optimum
  std::optional<LossMultipliers> loss_multipliers;  ///< where they were asked for
  std::vector<std::string> notes;                   ///< what a reader has to know, one line each
  std::string failure;                              ///< why no exponent has a verdict, a line; empty where one has
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
  std::optional<MultiplierOptions> multiplier = {};  ///< between two sets of observations: against the loss too
  std::optional<NoiseModel> second_noise = {};  ///< between seeds, of the second points; that of the first is fit.noise
  /// How the points count N: kOwnCounts, or what their table says; empty = as fit.convention does.
  std::string first_counted = {}, second_counted = {};
};

/// "scalelaw.comparison/1"
[[nodiscard]] Json to_json(const Comparison& comparison);
[[nodiscard]] std::string describe(const Comparison& comparison);
/// The multipliers against the loss as the answer, with the notes. Ends with a newline.
[[nodiscard]] std::string describe_multipliers(const Comparison& comparison);
/// "caution: SOURCE: ..." for both sources; 0 or more lines. The report has them of its own fits already.
[[nodiscard]] std::string cautions_text(const Comparison& comparison);

}  // namespace scalelaw::inline inference
