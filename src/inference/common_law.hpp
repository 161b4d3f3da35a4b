#pragma once
// The law under which two sources are compared, where nobody names one.
#include <string>
#include <vector>

#include "inference/comparison.hpp"

namespace scalelaw::inline inference {

/// Sets options.fit.law to chinchilla, or to the wider law around it if any source rejects chinchilla (fit/choice.hpp);
/// where none does, options.alternative becomes the wider one. @return why, a line; empty where nothing could be chosen
[[nodiscard]] std::string choose_common_law(const std::vector<const std::vector<Observation>*>& sources,
                                            CompareOptions& options);

}  // namespace scalelaw::inline inference
