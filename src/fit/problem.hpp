#pragma once
// A fit as a smooth problem in working coordinates: logarithms of amplitudes and offsets, exponents as they are.
#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/newton.hpp"
#include "fit/options.hpp"
#include "fit/result.hpp"
#include "fit/surface.hpp"

namespace scalelaw::inline fit {

/// Places of the constants (E, A, B, alpha, beta) of a law with Coordinates::surface, as SurfaceTheta has them.
namespace surface_place {
inline constexpr std::size_t kE = 0, kA = 1, kB = 2, kAlpha = 3, kBeta = 4;
}
/// Those of (E, A, B, alpha, beta, k) of a law with Coordinates::outer, as OuterTheta has them.
namespace outer_place {
using surface_place::kE, surface_place::kA, surface_place::kB, surface_place::kAlpha, surface_place::kBeta;
inline constexpr std::size_t kPower = 5;
}  // namespace outer_place
/// Places of the constants (X, alpha, E) of a law with Coordinates::power.
namespace power_place {
inline constexpr std::size_t kX = 0, kAlpha = 1, kE = 2;
}
/// Throws std::logic_error where the constants of a law do not lie at the places that its coordinates are written for.
void check_places(const LawForm& form);

/// Two exponents whose ratio is held: value `to` = factor * value `from` (indices of the law's constants).
struct Tie {
  std::size_t from = 0;
  std::size_t to = 0;
  double factor = 1;
};

/// A free amplitude whose working coordinate is the logarithm of its term at the points' mean, which takes the
/// correlation between amplitude and exponent out of the problem.
struct Centre {
  std::size_t amplitude = 0, exponent = 0;  ///< indices of the law's constants
  double at = 0;                            ///< mean of ln x over the points, x the variable of the term
};

/// The functions of a law with Coordinates::stretched. Those whose a and b are both free take the coordinates of
/// law/stretched.hpp about the points' mean, in which a and b have no long valley.
struct StretchedPlaces {
  static constexpr std::size_t kFunctions = 3;  ///< of three constants each
  double at = 0;                                ///< mean of ln N over the points
  std::array<bool, kFunctions> centred{};
};

struct Problem {
  LawKind law = LawKind::chinchilla;
  Objective objective;
  std::vector<LawPoint> points;
  std::vector<double> observed;  ///< losses; N* for a law that predicts sizes
  std::vector<double> weights;   ///< padded for the kernel
  std::vector<double> values;    ///< natural units; only those of fixed parameters count
  std::vector<bool> fixed;       ///< per parameter of the law
  std::vector<std::size_t> free;
  std::optional<Tie> tie;  ///< its `to` is neither free nor fixed
  /// Working coordinates that move with a free one, in the order in which derivatives are handed on: the tie, and under
  /// a free outer power the constants held inside it.
  std::vector<Tie> ties;
  Coordinates coordinates = Coordinates::logarithms;  ///< the law's own, where what is fixed leaves them
  std::vector<Centre> centres;
  StretchedPlaces stretched = {};       ///< for Coordinates::stretched
  SurfacePoints surface;                ///< for Coordinates::surface and outer
  Vector lower{}, upper{}, max_step{};  ///< of the free parameters
  Vector start_lower{};                 ///< within these a start lets every term of the law matter

  [[nodiscard]] std::size_t size() const { return observed.size(); }
  [[nodiscard]] const LawForm& form() const { return law_form(law); }
  /// Null where the amplitude is not centred.
  [[nodiscard]] const Centre* centre_of(std::size_t amplitude) const;
};

/// Errors (data): as make_problem says of an observation, whatever law it is for.
void check_points(const std::vector<Observation>& observations);

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

}  // namespace scalelaw::inline fit
