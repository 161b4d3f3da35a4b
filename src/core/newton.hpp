#pragma once
// Damped Newton for smooth problems of a few bounded variables.
#include <array>
#include <cstddef>
#include <functional>
#include <limits>
#include <span>

namespace scalelaw::inline core {

constexpr std::size_t kMaxFree = 9;
constexpr double kInfinity = std::numeric_limits<double>::infinity();
using Vector = std::array<double, kMaxFree>;

/// Value, gradient and Hessian at a point; the first `size` places count.
struct LocalModel {
  double value = 0;
  Vector gradient{};
  std::array<Vector, kMaxFree> hessian{};
};
/// Fills the model at theta.
using Evaluate = std::function<void(std::span<const double>, LocalModel&)>;

struct NewtonProblem {
  std::size_t size = 0;
  Evaluate evaluate;
  Vector lower{}, upper{};
  Vector max_step{};       ///< largest change of a variable in one step
  double value_floor = 0;  ///< round-off of the value where it tends to 0: sum of weight * (error of a residual)^2
};

enum class NewtonStatus { converged, stalled, at_bound, diverged };

struct NewtonResult {
  Vector theta{};
  LocalModel at;  ///< the model at theta
  NewtonStatus status = NewtonStatus::stalled;
  std::array<bool, kMaxFree> bound{};  ///< variables held at a bound by the gradient
  int evaluations = 0;
};

struct NewtonOptions {
  int max_evaluations = 300;
  double tolerance = 1e-13;  ///< converged: the decrease still to be had, half g' H^-1 g, is below tolerance * value
  bool polish = true;        ///< then steps on while the gradient shrinks, down to round-off
};

/// Minimises from start. Each step solves (H + lambda diag|H|) s = -g over the variables not held at a bound; lambda
/// grows where H is not positive definite or a step does not pay, and vanishes near the minimum, where convergence is
/// quadratic. converged only if H is positive definite there; at_bound if it is a minimum with variables held at a
/// bound; diverged if the value is not finite at the start; else stalled.
[[nodiscard]] NewtonResult minimise(const NewtonProblem& problem, const Vector& start, const NewtonOptions& options);

/// Solves the symmetric positive definite system a x = b of the first n rows in place (x in b) by Cholesky.
/// False, and b is spoiled, if a is not positive definite.
[[nodiscard]] bool solve_spd(std::array<Vector, kMaxFree>& a, Vector& b, std::size_t n);

}  // namespace scalelaw::inline core
