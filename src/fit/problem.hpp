#pragma once
// A fit as a smooth problem in working coordinates: logarithms of amplitudes and offsets, exponents as they are.
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/newton.hpp"
#include "fit/fit.hpp"
#include "fit/surface.hpp"

namespace scalelaw {

/// Two exponents whose ratio is held: value `to` = factor * value `from` (indices of the law's parameters).
struct Tie {
  std::size_t from = 0;
  std::size_t to = 0;
  double factor = 1;
};

/// For chinchilla the amplitudes are those at the geometric means of N and D (unless one is fixed while its exponent is
/// free), which takes the correlation between A and alpha out of the problem.
struct Problem {
  LawKind law = LawKind::chinchilla;
  Objective objective;
  std::vector<LawPoint> points;
  std::vector<double> observed;  ///< losses; N* for the law `optimal`
  std::vector<double> weights;   ///< padded for the kernel
  std::vector<double> values;    ///< natural units; only those of fixed parameters count
  std::vector<bool> fixed;       ///< per parameter of the law
  std::vector<std::size_t> free;
  std::optional<Tie> tie;  ///< its `to` is neither free nor fixed
  SurfacePoints surface;   ///< chinchilla only
  double log_params_center = 0, log_tokens_center = 0;
  Vector lower{}, upper{}, max_step{};  ///< of the free parameters
  Vector start_lower{};                 ///< within these a start lets every term of the law matter

  [[nodiscard]] std::size_t size() const { return observed.size(); }
};

/// True for parameters whose working coordinate is their logarithm (all but exponents).
[[nodiscard]] bool is_log_parameter(const std::string& name);

/// Errors (config): a fixed parameter that the law does not have or that is not positive; nothing left to fit.
/// Errors (data): a loss, N, D or C that is not positive and finite, a weight that is negative.
[[nodiscard]] Problem make_problem(const std::vector<Observation>& observations, LawKind law,
                                   const Objective& objective, const std::map<std::string, double>& fixed,
                                   const std::optional<Tie>& tie = std::nullopt);

/// Natural values -> working coordinates of the free parameters, moved into a box in which every term of the law
/// matters.
[[nodiscard]] Vector start_from(const Problem& problem, const std::vector<double>& values);
/// Working coordinates -> all values in natural units.
[[nodiscard]] std::vector<double> natural_values(const Problem& problem, std::span<const double> theta);
/// The law "fit" with those values.
[[nodiscard]] Law fitted_law(const Problem& problem, std::span<const double> theta, const Convention& convention);

/// Objective with Huber's delta replaced, its gradient and Hessian (or the Gauss-Newton part of it) at theta.
void evaluate(const Problem& problem, std::span<const double> weights, double delta, bool second_order,
              std::span<const double> theta, LocalModel& at);

/// Residuals and their Jacobian in working coordinates, row per point; theta holds the free parameters alone.
struct Linearised {
  std::vector<double> residual;
  std::vector<double> jacobian;
};
[[nodiscard]] Linearised linearise(const Problem& problem, std::span<const double> theta, bool with_jacobian = true);

/// Residuals at theta: ln predicted - ln observed, or predicted - observed for the objective mse.
[[nodiscard]] std::vector<double> residuals(const Problem& problem, std::span<const double> theta);

/// Condition number of sum w J J' scaled to a unit diagonal: how well the points tell the parameters apart.
[[nodiscard]] double design_condition(const Problem& problem, std::span<const double> theta);

}  // namespace scalelaw
