#include "fit/result.hpp"

namespace scalelaw::inline fit {
namespace {

template <class Own>
const Own& own_or_empty(const MethodFit& fit) {
  static const Own empty{};
  const Own* own = std::get_if<Own>(&fit);
  return own != nullptr ? *own : empty;
}

template <std::size_t... I>
MethodFit method_fit_among(Method method, std::index_sequence<I...> /*alternatives*/) {
  MethodFit out;
  ((std::variant_alternative_t<I, MethodFit>::kMethod == method ? static_cast<void>(out.emplace<I>()) : void()), ...);
  return out;
}

}  // namespace

MethodFit method_fit(Method method) {
  return method_fit_among(method, std::make_index_sequence<std::variant_size_v<MethodFit>>());
}

Method FitResult::method() const {
  return std::visit([]<class Own>(const Own&) { return Own::kMethod; }, by_method);
}

const ParametricFit& FitResult::parametric() const { return own_or_empty<ParametricFit>(by_method); }
const IsoflopFit& FitResult::isoflop() const { return own_or_empty<IsoflopFit>(by_method); }
const EnvelopeFit& FitResult::envelope() const { return own_or_empty<EnvelopeFit>(by_method); }

bool FitResult::answers() const {
  if (converged()) return true;
  constexpr double kVanished = 1e-3;  // of a loss in nats
  const std::vector<std::string>& bound = convergence.at_bound;
  if (convergence.status != FitStatus::at_bound || bound.size() != 1 || fitted.values.empty()) return false;
  const std::vector<std::size_t> offset = law_form(law).of_role(Role::offset);
  return !offset.empty() && law_form(law).parameters[offset.front()] == bound.front() &&
         fitted.values[offset.front()] < kVanished;
}

bool shows_parameter(const Law& law, std::size_t k) {
  return !(law.form().constants[k].role == Role::offset && law.values[k] == 0);
}

}  // namespace scalelaw::inline fit
