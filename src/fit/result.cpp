#include "fit/result.hpp"

namespace scalelaw {
namespace {

template <class Own>
const Own& own_or_empty(const MethodFit& fit) {
  static const Own empty{};
  const Own* own = std::get_if<Own>(&fit);
  return own != nullptr ? *own : empty;
}

}  // namespace

Method FitResult::method() const {
  return std::visit([]<class Own>(const Own&) { return Own::kMethod; }, by_method);
}

const ParametricFit& FitResult::parametric() const { return own_or_empty<ParametricFit>(by_method); }
const IsoflopFit& FitResult::isoflop() const { return own_or_empty<IsoflopFit>(by_method); }
const EnvelopeFit& FitResult::envelope() const { return own_or_empty<EnvelopeFit>(by_method); }

bool shows_parameter(const Law& law, std::size_t k) {
  return !(law.form().constants[k].role == Role::offset && law.values[k] == 0);
}

}  // namespace scalelaw
