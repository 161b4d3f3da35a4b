#pragma once
// The linear problem inside a law at given exponents: amplitudes by projection.
#include <array>
#include <map>
#include <optional>
#include <vector>

#include "fit/problem.hpp"
#include "fit/projection.hpp"

namespace scalelaw::inline fit {

/// A point of the grid over exponents (or over decays), and the start that it gives.
struct Cell {
  double value = 0;
  std::array<int, 3> at{};  ///< index in the grid of each exponent; of each decay where the law has some
  int layer = 0;
  std::vector<double> values;  ///< of all constants
};

/// The linear problem inside a law (LawForm::linear), with the columns that cells share kept. Refers to the problem.
class LinearProblem {
 public:
  explicit LinearProblem(const Problem& problem);

  /// A cell at these exponents and decays; none where the problem has no solution that the law can take.
  [[nodiscard]] std::optional<Cell> solve(std::vector<double> values);

 private:
  void set_offset(double offset);
  const std::vector<double>& target_at(double power);
  LinearColumn column(const LinearForm& form, std::size_t k, LawValues values, const std::vector<double>& target);
  [[nodiscard]] std::vector<double> divided(const LinearTerm& term, const std::vector<double>& logs,
                                            const std::vector<double>& target) const;
  [[nodiscard]] std::vector<double> place_of(std::size_t k, LawValues values) const;
  const std::vector<double>& log_variable(std::size_t k, const LinearTerm& term, LawValues values);

  const Problem& p_;
  std::vector<std::size_t> repetition_;  // but for its amplitude
  double offset_ = 0;
  std::vector<double> shares_;  // (loss - offset) / loss
  std::map<double, std::vector<double>> targets_;
  std::map<std::vector<double>, std::vector<double>> logs_, columns_;
};

}  // namespace scalelaw::inline fit
