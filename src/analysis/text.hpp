#pragma once
// Words and numbers as they stand in the report, the plots and the terminal summary.
#include <map>
#include <string>

#include "core/format.hpp"
#include "fit/fit.hpp"

namespace scalelaw::inline analysis {

/// "0.3473", "1.257×10⁵": 4 significant digits; a long dash where x is not finite.
[[nodiscard]] std::string number_text(double x);
/// "0.0123 [0.010, 0.015]" with the same digits after the point in all three; without an interval only the number.
[[nodiscard]] std::string interval_text(double value, const Interval* interval, int digits = 3);
/// "15.4k [12.1k, 20.0k]"
[[nodiscard]] std::string count_interval_text(double value, const Interval* interval);

/// The interval of a name, or nullptr.
[[nodiscard]] const Interval* find_interval(const std::map<std::string, Interval>& intervals, const std::string& name);

/// "converged", or "not converged: " and the status, so that the reader cannot miss it.
[[nodiscard]] std::string status_text(const FitResult& fit);
/// "approach 3 (parametric)", "approach 2 (isoFLOP)", "approach 1 (envelope)": Hoffmann et al. 2022, section 3.
[[nodiscard]] std::string method_text(const FitResult& fit);
/// "N total, C = 6ND", "N total, C exact"
[[nodiscard]] std::string convention_text(const Convention& convention);

}  // namespace scalelaw::inline analysis
