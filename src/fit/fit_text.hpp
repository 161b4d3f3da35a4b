#pragma once
// A fit for a terminal.
#include <string>

#include "fit/result.hpp"

namespace scalelaw::inline fit {

/// "converged" results print plainly, others carry their status: text for a terminal, ends with a newline.
[[nodiscard]] std::string describe(const FitResult& result);

}  // namespace scalelaw::inline fit
