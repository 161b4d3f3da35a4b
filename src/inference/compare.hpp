#pragma once
// The same estimator on two sources of records: do their exponents differ?
#include <string>
#include <vector>

#include "fit/fit.hpp"
#include "sim/simulate.hpp"

namespace scalelaw {

struct ExponentComparison {
  std::string name;  ///< alpha, beta, a, b
  double first = 0, second = 0;
  Interval first_ci95, second_ci95;
  double difference = 0;  ///< first - second
  Interval difference_ci95;
  std::string verdict;    ///< equivalent | different | inconclusive within the margin; "not_converged" if a fit did not
};

struct Comparison {
  std::string first, second;  ///< names of the two sources
  Convention convention;
  double margin = 0.05;
  std::int64_t studies = 0;   ///< simulated studies or bootstrap replicates behind the second source
  FitResult first_fit, second_fit;
  std::vector<ExponentComparison> exponents;
};

struct CompareOptions {
  FitOptions fit;
  double margin = 0.05;
  std::int64_t studies = 200;  ///< simulated studies at the same points
  std::uint64_t seed = 1;
};

/// Empirical observations against `law`: simulated at the same (N, D) points with noise sd `noise` of ln loss, refitted with
/// the same estimator; the interval of the difference joins the bootstrap of the first and the spread of the second.
[[nodiscard]] Comparison compare_with_law(const std::string& name, const std::vector<Observation>& points, const Law& law,
                                          double noise, const CompareOptions& options);
/// Two sets of observations, each bootstrapped.
[[nodiscard]] Comparison compare_observations(const std::string& first, const std::vector<Observation>& first_points,
                                              const std::string& second, const std::vector<Observation>& second_points,
                                              const CompareOptions& options);
[[nodiscard]] Json to_json(const Comparison& comparison);
[[nodiscard]] std::string describe(const Comparison& comparison);

}  // namespace scalelaw
