#pragma once
// Sample statistics in double precision.
#include <span>
#include <utility>
#include <vector>

namespace scalelaw::inline core {

/// NaN for an empty sample.
[[nodiscard]] double mean(std::span<const double> x);
/// Standard deviation with n - 1; NaN for fewer than two values.
[[nodiscard]] double standard_deviation(std::span<const double> x);
/// Quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan 1996); NaN for an empty sample.
/// @param q in 0 .. 1
[[nodiscard]] double quantile(std::vector<double> x, double q);
[[nodiscard]] double median(std::vector<double> x);
/// The same of a sample in rising order.
[[nodiscard]] double sorted_quantile(std::span<const double> x, double q);
/// Central interval that holds `level` of the sample: quantiles (1 - level) / 2 and (1 + level) / 2.
[[nodiscard]] std::pair<double, double> central_interval(const std::vector<double>& x, double level);

/// Quantile of Student's t. @param p in 0 .. 1 @param freedom degrees of freedom, > 0
[[nodiscard]] double student_quantile(double p, double freedom);
[[nodiscard]] double normal_cdf(double z);
/// P(F > f) of the F distribution. @param freedom, rest degrees of freedom of numerator and denominator, > 0
[[nodiscard]] double f_tail(double f, double freedom, double rest);
/// Standard error of a statistic from its values with one of n equal parts left out each: sd (n - 1) / sqrt(n) (Efron
/// and Tibshirani 1993, eq. 11.5). NaN for fewer than two.
[[nodiscard]] double jackknife_stderr(std::span<const double> values);

/// Straight line y = intercept + slope x by weighted least squares.
struct Line {
  double intercept = 0;
  double slope = 0;
};
/// @param weights empty = all 1. Needs two different x values, else slope is NaN.
[[nodiscard]] Line fit_line(std::span<const double> x, std::span<const double> y, std::span<const double> weights = {});

}  // namespace scalelaw::inline core
