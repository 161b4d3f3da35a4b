#pragma once
// The variable of a term that is a power of one quantity.
#include "law/form.hpp"

namespace scalelaw::inline law {

/// For LinearTerm::variable.
template <Quantity quantity>
[[nodiscard]] double variable_of(LawValues, const LawPoint& point) {
  return quantity_of(point, quantity);
}

}  // namespace scalelaw::inline law
