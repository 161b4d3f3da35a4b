#include "law/laws.hpp"

#include <algorithm>

namespace scalelaw::inline law {
namespace {

void check_values(const Law& law) {
  const LawForm& form = law.form();
  SCALELAW_CHECK(law.values.size() == form.constants.size(), "{} has {} constants, not {}", form.name,
                 form.constants.size(), law.values.size());
}

}  // namespace

double Law::value(std::string_view parameter) const {
  const auto& names = form().parameters;
  const auto it = std::ranges::find(names, parameter);
  SCALELAW_CHECK(it != names.end(), "{} has no constant {}", form().name, parameter);
  return values.at(static_cast<std::size_t>(it - names.begin()));
}

double predict_loss(const Law& law, const LawPoint& point) {
  check_values(law);
  return law.form().evaluate(law.values, point, {});
}

double loss_and_gradient(const Law& law, const LawPoint& point, std::span<double> gradient) {
  check_values(law);
  SCALELAW_CHECK(gradient.size() == law.values.size(), "gradient has {} places", gradient.size());
  return law.form().evaluate(law.values, point, gradient);
}

}  // namespace scalelaw::inline law
