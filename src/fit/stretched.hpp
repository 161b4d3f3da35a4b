#pragma once
// The loss of a law with Coordinates::stretched and its derivatives in working coordinates.
#include "fit/problem.hpp"

namespace scalelaw::inline fit {

/// Of each function f1, f2, f3 three coordinates: (a, power, b), or (slope, power, level) where it is centred.
using StretchedTheta = std::array<double, 3 * StretchedPlaces::kFunctions>;

struct StretchedLoss {
  double value = 0;
  StretchedTheta gradient{};
  std::array<StretchedTheta, 3 * StretchedPlaces::kFunctions> hessian{};
};

/// exp(f3) + exp(f2) D^-exp(f1) with its gradient and, where asked for, its Hessian, exact also at a power of 0.
void stretched_loss(const StretchedPlaces& places, const StretchedTheta& theta, double log_params, double log_tokens,
                    bool second_order, StretchedLoss& out);

}  // namespace scalelaw::inline fit
