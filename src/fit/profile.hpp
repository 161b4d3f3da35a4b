#pragma once
// Profile likelihood: how far a parameter can move before the best fit of the others shows it.
#include "fit/solve.hpp"

namespace scalelaw::inline fit {

/// Interval of values v of one parameter with
///   min F(v, others) - min F  <=  chi2(0.95; 1 df) / 2 * (sum psi^2 / (n - p)) / (sum psi' / n),  psi = rho',
/// the likelihood-ratio interval of an M-estimator (Huber and Ronchetti 2009, sec. 6). For least squares it is the
/// usual one. identified is false where the profile stays below the threshold up to the bound of the parameter's range
/// on either side; that end is then the bound.
[[nodiscard]] Identifiability profile_interval(const std::vector<Observation>& points, const Problem& problem,
                                               const Solution& solution, const std::map<std::string, double>& fixed,
                                               std::size_t parameter);

/// The same for the exponents a and b of N*(C) and D*(C): with a held, one of the two exponents that make it up follows
/// from the other (Problem::tie). Where one of them is fixed, the interval follows from that of the free one in
/// `known`, the intervals of the parameters. Empty for laws without such a ratio, or with both held. Range of the
/// search: 0.01 .. 0.99.
[[nodiscard]] std::map<std::string, Identifiability> profile_exponents(
    const std::vector<Observation>& points, const Problem& problem, const Solution& solution,
    const std::map<std::string, double>& fixed, const std::map<std::string, Identifiability>& known);

}  // namespace scalelaw::inline fit
