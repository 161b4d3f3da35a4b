#pragma once
// The best learning rate as a power law of model size and data.
#include <limits>
#include <string>
#include <vector>

#include "select/select.hpp"

namespace scalelaw::inline select {

/// Whether there is a law; not_identified: N and D do not vary on their own.
enum class LrLawStatus { fitted, too_few_points, not_identified };
constexpr std::array<std::string_view, 3> names_of(LrLawStatus) {
  return {"fitted", "too_few_points", "not_identified"};
}

/// lr(N, D) = coefficient * N^params_exponent * D^tokens_exponent.
struct LrLaw {
  LrLawStatus status = LrLawStatus::too_few_points;
  double coefficient = 0;
  double params_exponent = 0;
  double tokens_exponent = 0;
  double params_exponent_se = 0;
  double tokens_exponent_se = 0;
  double residual_sd = 0;  ///< of ln lr, with n - 3 degrees of freedom
  std::int64_t n = 0;      ///< points fitted

  struct Point {
    std::string shape;
    double params = 0;
    double tokens = 0;
    double lr = 0;           ///< interpolated optimum
    double law_lr = 0;       ///< the law there; 0 where none was fitted
    double ln_residual = 0;  ///< ln(lr / law_lr)
    bool fitted = false;     ///< false: held out (larger than the shapes fitted)
  };
  std::vector<Point> points;  ///< every interior optimum, by params, then tokens

  [[nodiscard]] bool fitted() const { return status == LrLawStatus::fitted; }
};

/// Least squares of ln lr on ln N and ln D over the sweeps with an interior optimum and at most largest_params params.
/// Needs 5 such points and params and tokens that vary independently (reciprocal condition of their correlation matrix
/// above 1e-3); otherwise the status says why there is no law. Form: Step Law (Li et al. 2025, arXiv 2503.04715, lr =
/// 1.79 N^-.713 D^.307), with constants of one's own.
[[nodiscard]] LrLaw fit_lr_law(const std::vector<LrSweep>& sweeps,
                               double largest_params = std::numeric_limits<double>::infinity());

/// The law at N and D. Needs a fitted law.
[[nodiscard]] double predict_lr(const LrLaw& law, double params, double tokens);

/// "best learning rate: ..." in one line.
[[nodiscard]] std::string describe(const LrLaw& law);
/// {"schema": "scalelaw.lr_law/1", ...}
[[nodiscard]] Json to_json(const LrLaw& law);

}  // namespace scalelaw::inline select
