#pragma once
// Profile likelihood: how far a parameter can move before the best fit of the others shows it.
#include "fit/problem.hpp"

namespace scalelaw {

/// Interval of values v of one parameter with  min F(v, others) - min F  <=  chi2(0.95; 1 df) / 2 * (sum psi^2 / (n -
/// p)) / (sum psi' / n),  the likelihood-ratio interval of an M-estimator (Huber and Ronchetti 2009, sec. 6; psi =
/// rho'). For least squares it is the usual one. identified is false where the profile stays below the threshold up to
/// the bound of the parameter's range on either side; that end is then the bound.
[[nodiscard]] Identifiability profile_interval(const std::vector<Observation>& points, const Problem& problem,
                                               const Solution& solution, const std::map<std::string, double>& fixed,
                                               std::size_t parameter);

}  // namespace scalelaw
