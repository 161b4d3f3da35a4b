#include "law/point.hpp"

#include <algorithm>

namespace scalelaw::inline law {

LawPoint law_point(const Scale& scale) {
  return {.params = scale.params, .tokens = scale.tokens, .flops = 6 * scale.params * scale.tokens};
}

LawPoint law_point(const Observation& o) {
  return {.params = o.params,
          .tokens = o.tokens,
          .flops = o.flops,
          .unique_tokens = o.unique_tokens.value_or(0),
          .steps = o.steps.value_or(0)};
}

double unique_tokens_read(const LawPoint& p) {
  return p.unique_tokens > 0 ? std::min(p.unique_tokens, p.tokens) : p.tokens;
}

double quantity_of(const LawPoint& point, Quantity quantity) {
  constexpr std::array kMembers = {&LawPoint::params, &LawPoint::tokens, &LawPoint::steps, &LawPoint::flops};
  return point.*kMembers[static_cast<std::size_t>(quantity)];
}

}  // namespace scalelaw::inline law
