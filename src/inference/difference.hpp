#pragma once
// The difference of one exponent between two sources: its intervals and its verdict. Formulas: inference/compare.hpp.
#include <optional>
#include <string>
#include <vector>

#include "inference/comparison.hpp"
#include "inference/studies.hpp"

namespace scalelaw::inline inference {

/// Fewer simulated studies or bootstrap draws have no 2.5 % quantile.
constexpr std::size_t kFewestStudies = 40;

/// An estimate with its bootstrap draws, and its own interval where it is not that of the draws.
struct Bootstrapped {
  double estimate = 0;
  std::vector<double> draws;
  std::optional<Interval> ci95;
};

/// An exponent of a fit, with its draws and the fit's own interval.
[[nodiscard]] Bootstrapped bootstrapped(const FitResult& fit, const std::string& name, double estimate);

/// Quantiles of the differences of paired draws at the level `tail`; none with too few draws. Without a verdict.
[[nodiscard]] std::optional<ExponentComparison> paired(const std::string& name, const Bootstrapped& a,
                                                       const Bootstrapped& b, double tail);

/// An estimate against those of the simulated studies; "not_converged" where fewer than half of them give one, else
/// without a verdict.
/// @param first_scale residual scale of the first fit
/// @param studentized each study's deviation is divided by its own residual scale
[[nodiscard]] ExponentComparison against_studies(const std::string& name, double estimate, const FitResult& first,
                                                 const SimulatedStudies& simulated, double first_scale,
                                                 bool studentized);

/// An exponent without a verdict; what is not known of it is NaN.
[[nodiscard]] ExponentComparison not_converged(const std::string& name, double first, double second);

/// Fills margin, significant, verdict and within_margin from the intervals.
void give_verdict(ExponentComparison& exponent, const Margin& margin);

}  // namespace scalelaw::inline inference
