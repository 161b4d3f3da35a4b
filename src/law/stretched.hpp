#pragma once
// The function f(x) = a x^power + b about a centre.
#include <cmath>

namespace scalelaw::inline law {

/// f as a law has it.
struct Stretch {
  double a = 0, power = 0, b = 0;
};
/// The same function by what it is at the centre x0: level = f(x0) and slope = df/d ln x there, so that
///   f(x) = level + slope ((x/x0)^power - 1)/power,
/// the transform of Box and Cox 1964 (J. R. Stat. Soc. B 26, 211-252, eq. 1) of x/x0. It goes on smoothly through a
/// power of 0, where it is a straight line in ln x and where a and b grow without bound, of opposite signs.
struct CentredStretch {
  double slope = 0, power = 0, level = 0;
};

/// @param centre ln x0
[[nodiscard]] inline CentredStretch centred(const Stretch& f, double centre) {
  const double at = f.a * std::exp(f.power * centre);
  return {.slope = at * f.power, .power = f.power, .level = at + f.b};
}

/// A power nearer to 0 than 1e-8 counts as that: between a and b only half of the digits are left there.
[[nodiscard]] inline Stretch natural(const CentredStretch& f, double centre) {
  constexpr double kLeast = 1e-8;
  const double power = std::abs(f.power) < kLeast ? std::copysign(kLeast, f.power) : f.power;
  const double at = f.slope / power;
  return {.a = at * std::exp(-power * centre), .power = power, .b = f.level - at};
}

}  // namespace scalelaw::inline law
