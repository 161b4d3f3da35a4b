#pragma once
// The laws there are, one line each: the name in code and the name that --law takes. A new law is such a line and a
// file of its own, which defines <name in code>_law::form() (law/form.hpp); the three power laws share power.cpp.
#include <array>
#include <string_view>

namespace scalelaw::inline law {

#define SCALELAW_LAWS(LAW)                  \
  LAW(chinchilla, "chinchilla")             \
  LAW(outer, "outer")                       \
  LAW(kaplan, "kaplan")                     \
  LAW(power_n, "power-n")                   \
  LAW(power_d, "power-d")                   \
  LAW(power_c, "power-c")                   \
  LAW(kaplan_steps, "kaplan-steps")         \
  LAW(data_constrained, "data-constrained") \
  LAW(data_overfitting, "data-overfitting") \
  LAW(overtraining, "overtraining")         \
  LAW(farseer, "farseer")                   \
  LAW(optimal, "optimal")

#define SCALELAW_KIND(kind, name) kind,
/// The object of a kind: law_form (law/form.hpp).
enum class LawKind { SCALELAW_LAWS(SCALELAW_KIND) };
#undef SCALELAW_KIND

#define SCALELAW_NAME(kind, name) name,
inline constexpr std::array kLawNames = std::to_array<std::string_view>({SCALELAW_LAWS(SCALELAW_NAME)});
#undef SCALELAW_NAME
constexpr const auto& names_of(LawKind) { return kLawNames; }

}  // namespace scalelaw::inline law
