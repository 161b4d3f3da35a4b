#pragma once
// The best learning rate as a power law of model size and data.
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "select/select.hpp"

namespace scalelaw::inline select {

/// Whether there is a law; not_identified: N and D do not vary on their own.
enum class LrLawStatus { fitted, too_few_points, not_identified };
constexpr std::array<std::string_view, 3> names_of(LrLawStatus) {
  return {"fitted", "too_few_points", "not_identified"};
}

struct LrLawOptions {
  double largest_params = std::numeric_limits<double>::infinity();  ///< larger shapes are held out
  /// Taken where the points do not tell it: of one size, or of sizes whose tokens follow from their params.
  std::optional<double> params_exponent = {};
};

/// The exponent of N that a parametrization promises: 0 with completep, whose best rate does not follow the width or
/// the depth (Dey et al. 2025, arXiv 2505.01618); none with standard.
[[nodiscard]] std::optional<double> promised_params_exponent(Parametrization parametrization);

/// lr(N, D) = coefficient * N^params_exponent * D^tokens_exponent.
struct LrLaw {
  LrLawStatus status = LrLawStatus::too_few_points;
  double coefficient = 0;
  double params_exponent = 0;
  double tokens_exponent = 0;
  bool params_exponent_given = false;  ///< taken from the options, not fitted
  double params_exponent_se = 0;       ///< 0 where it was given
  double tokens_exponent_se = 0;
  double residual_sd = 0;   ///< of ln lr, with n - 3 degrees of freedom; n - 2 where params_exponent was given
  std::int64_t n = 0;       ///< points fitted
  std::int64_t needed = 5;  ///< of them: 4 where an exponent of N was given
  std::int64_t open = 0;    ///< larger sweeps whose best rate lies on the edge: they check nothing
  std::int64_t taken = 0;   ///< larger points of one rate, as the law gives them

  struct Point {
    std::string shape;
    double params = 0;
    double tokens = 0;
    double lr = 0;              ///< interpolated optimum
    double curvature_nats = 0;  ///< of the sweep there, per squared ln lr
    bool fitted = false;        ///< false: held out (larger than the shapes fitted)
    double law_lr = 0;          ///< the law there; 0 where none was fitted
    double ln_residual = 0;     ///< ln(lr / law_lr)

    /// What the law's rate costs there, by the parabola of the sweep.
    [[nodiscard]] double law_cost_nats() const { return curvature_nats * ln_residual * ln_residual; }
  };
  std::vector<Point> points;  ///< every interior optimum, by params, then tokens

  [[nodiscard]] bool fitted() const { return status == LrLawStatus::fitted; }
};

/// Least squares of ln lr on ln N and ln D over the sweeps with an interior optimum and at most largest_params params.
/// Needs 5 such points and params and tokens that vary independently (reciprocal condition of their correlation matrix
/// above 1e-3). Where that fails and the exponent of N is given, ln lr less its share is fitted to ln D alone, which
/// needs 4 points and tokens that vary; otherwise the status says why there is no law. Form: Step Law (Li et al. 2025,
/// arXiv 2503.04715, lr = 1.79 N^-0.713 D^0.307), with constants of one's own.
[[nodiscard]] LrLaw fit_lr_law(const std::vector<LrSweep>& sweeps, const LrLawOptions& options = {});

/// The law at N and D. Needs a fitted law.
[[nodiscard]] double predict_lr(const LrLaw& law, double params, double tokens);

/// How far off the law is at the points held out.
struct LrLawCheck {
  int points = 0;
  double rms_ln_residual = 0;
  double cost_nats = 0;  ///< mean of what the law's rate costs there
};
[[nodiscard]] LrLawCheck held_out_check(const LrLaw& law);
/// What to say where the law's rate costs more than 0.005 nats at the points held out, or where larger sweeps do not
/// bracket their best rate; empty otherwise.
[[nodiscard]] std::string caution(const LrLaw& law);

/// "best learning rate: ..." in one line.
[[nodiscard]] std::string describe(const LrLaw& law);
/// {"schema": "scalelaw.lr_law/1", ...}
[[nodiscard]] Json to_json(const LrLaw& law);

}  // namespace scalelaw::inline select
