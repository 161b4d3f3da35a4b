#pragma once
// An interval of an estimate.
#include <tuple>

#include "core/fields.hpp"

namespace scalelaw::inline fit {

/// Ends of an interval; one that is not finite is written as null.
struct Interval {
  double low = 0;
  double high = 0;
};
template <FieldsOf<Interval> T>
auto as_list(T& i) {
  return std::tie(i.low, i.high);
}

}  // namespace scalelaw::inline fit
