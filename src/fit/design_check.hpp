#pragma once
// Whether the runs can tell the constants of a law apart, from where they lie alone.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "law/laws.hpp"
#include "records/observation.hpp"

namespace scalelaw::inline fit {

/// Runs in the plane of ln N and ln D.
struct DesignShape {
  enum class Kind {
    plane,       ///< N and D vary on their own
    point,       ///< one N and one D
    one_params,  ///< one N
    one_tokens,  ///< one D
    ray,         ///< D = factor N
    one_budget,  ///< N D = factor
    line         ///< D = factor N^slope
  };
  Kind kind = Kind::plane;
  double factor = 0;                                 ///< of ray, one_budget and line
  double slope = 0;                                  ///< of ray (1), one_budget (-1) and line
  std::size_t params_levels = 0, tokens_levels = 0;  ///< different values, those within 2 % counted once
};

/// Of the points with a positive weight. Values within 2 % are one; points within 5 % to either side of a straight line
/// in ln N and ln D lie on it.
[[nodiscard]] DesignShape design_shape(const std::vector<Observation>& points);

/// What is wrong and which runs would mend it.
struct DesignProblem {
  std::string cause;   ///< "every run has D = 20 N, so that N and D cannot be told apart"
  std::string advice;  ///< "add runs at ..., or hold parameters with fit --fix"
  [[nodiscard]] std::string text() const { return cause + "; " + advice; }
};

/// None where the free parameters of the law can be told apart in principle. Each term of a law needs its own variable
/// to move: on one ray or rising line the terms of N and of D are one curve, unless the parameters of one term are
/// held, or both exponents are (then the amplitudes must differ in their effect). n values of a variable give n - 1
/// differences. Laws that know repetition need runs that repeat data. For a law of one variable only that variable
/// counts.
/// @param fixed names and values of the parameters that are held
[[nodiscard]] std::optional<DesignProblem> design_problem(const std::vector<Observation>& points, LawKind law,
                                                          const std::map<std::string, double>& fixed);

/// Runs of one budget, or on another line on which D falls as N rises: a line that says so and which runs would mend
/// it, else empty. The law can be fitted there, but its parameters rest on the shape of a single valley.
/// Silent where both exponents are held.
[[nodiscard]] std::string one_valley(const std::vector<Observation>& points, LawKind law,
                                     const std::map<std::string, double>& fixed);

/// A law of one variable at runs whose other variable moves on its own by more than a factor of 4: a line that says so,
/// else empty.
[[nodiscard]] std::string ignored_variable(const std::vector<Observation>& points, LawKind law);

}  // namespace scalelaw::inline fit
