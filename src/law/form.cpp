#include "law/form.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/ranges.h>

namespace scalelaw::inline law {
namespace {

std::vector<LawForm> every_form() {
  std::vector<LawForm> forms;
#define SCALELAW_FORM(kind, name) forms.push_back(kind##_law::form());
  SCALELAW_LAWS(SCALELAW_FORM)
#undef SCALELAW_FORM
  for (const LawKind kind : all_of<LawKind>()) {
    LawForm& form = forms[static_cast<std::size_t>(kind)];
    form.kind = kind;
    form.name = name_of(kind);
    for (const Constant& constant : form.constants) form.parameters.push_back(constant.name);
  }
  return forms;
}

}  // namespace

Constant offset(const char* name) {
  return {.name = name, .role = Role::offset, .of = {}, .lower = -200, .upper = 400, .max_step = 2};
}

Constant amplitude(const char* name, std::optional<Quantity> of) {
  return {.name = name, .role = Role::amplitude, .of = of, .lower = -200, .upper = 400, .max_step = 4};
}

Constant exponent(const char* name, std::optional<Quantity> of) {
  return {.name = name, .role = Role::exponent, .of = of, .lower = 1e-4, .upper = 5, .max_step = 0.5};
}

Constant decay(const char* name, Quantity of) {
  return of_repetition(
      {.name = name, .role = Role::decay, .of = of, .lower = std::log(1e-3), .upper = std::log(1e6), .max_step = 1});
}

Constant signed_exponent(const char* name, std::optional<Quantity> of) {
  return {.name = name, .role = Role::exponent, .of = of, .lower = -1, .upper = 1, .max_step = 0.25};
}

Constant real_number(const char* name, std::optional<Quantity> of) {
  return {.name = name, .role = Role::real, .of = of, .lower = -1e30, .upper = 1e30, .max_step = 1e30};
}

Constant of_repetition(Constant constant) {
  constant.repetition = true;
  return constant;
}

bool LawForm::needs(Quantity quantity) const {
  return std::ranges::any_of(constants, [&](const Constant& c) { return c.of == quantity; });
}

std::optional<Quantity> LawForm::only_variable() const {
  std::optional<Quantity> only;
  for (const Quantity quantity : all_of<Quantity>()) {
    if (!needs(quantity)) continue;
    if (only) return std::nullopt;
    only = quantity;
  }
  return predicts_size ? std::nullopt : only;
}

std::vector<std::size_t> LawForm::of_role(Role role) const {
  std::vector<std::size_t> found;
  for (std::size_t k = 0; k < constants.size(); ++k) {
    if (constants[k].role == role) found.push_back(k);
  }
  return found;
}

std::vector<std::size_t> LawForm::of_repetition() const {
  std::vector<std::size_t> found;
  for (std::size_t k = 0; k < constants.size(); ++k) {
    if (constants[k].repetition) found.push_back(k);
  }
  return found;
}

std::vector<std::size_t> LawForm::term_of(Quantity quantity) const {
  std::vector<std::size_t> found;
  for (const Role role : {Role::amplitude, Role::real, Role::exponent}) {
    for (const std::size_t k : of_role(role)) {
      if (constants[k].of == quantity) found.push_back(k);
    }
  }
  return found;
}

const LawForm& law_form(LawKind kind) {
  static const std::vector<LawForm> forms = every_form();
  return forms[static_cast<std::size_t>(kind)];
}

LawKind law_kind(std::string_view name) {
  if (const auto kind = find_named<LawKind>(name)) return *kind;
  const std::vector<std::string> names(kLawNames.begin(), kLawNames.end());
  const std::string near = nearest_word(name, names);
  fail_config("unknown law '{}'{}; the laws are {}", name,
              near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), fmt::join(names, ", "));
}

}  // namespace scalelaw::inline law
