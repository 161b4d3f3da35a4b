#include "law/range.hpp"

#include <cmath>

#include "core/format.hpp"

namespace scalelaw {
namespace {

constexpr double kRounding = 5e-3;  // C = 6 N D of the largest run itself is not beyond it

std::string value_text(const std::string& quantity, double value) {
  if (quantity == "flops") return power_text(value);
  return quantity == "tokens_per_param" ? fmt::format("{:.3g}", value) : short_count(value);
}

const char* symbol(const std::string& quantity) {
  if (quantity == "params") return "N";
  if (quantity == "tokens") return "D";
  return quantity == "flops" ? "C" : "D/N";
}

}  // namespace

LawNeeds law_needs(LawKind kind) {
  switch (kind) {
    case LawKind::power_n:
      return {.params = true};
    case LawKind::power_d:
      return {.tokens = true};
    case LawKind::power_c:
    case LawKind::optimal:
      return {.flops = true};
    case LawKind::kaplan_steps:
      return {.params = true, .steps = true};
    default:
      return {.params = true, .tokens = true};
  }
}

std::vector<Outside> outside(const LawRange& range, LawKind kind, const LawPoint& point, double slack) {
  std::vector<Outside> found;
  const auto check = [&](const char* quantity, double value, const ValueRange& known) {
    if (!(value > 0) || !known.known()) return;
    const bool above = value > known.high;
    const double factor = above ? value / known.high : known.low / value;
    if (factor > slack * (1 + kRounding)) {
      found.push_back({.quantity = quantity, .value = value, .range = known, .factor = factor, .above = above});
    }
  };
  const LawNeeds needs = law_needs(kind);
  const bool both = needs.params && needs.tokens;
  if (needs.params) check("params", point.params, range.params);
  if (needs.tokens) check("tokens", point.tokens, range.tokens);
  if (both && point.params > 0) check("tokens_per_param", point.tokens / point.params, range.tokens_per_param);
  if (both || needs.flops) check("flops", point.flops, range.flops);
  return found;
}

std::string describe(const std::vector<Outside>& outside) {
  std::string text;
  for (const Outside& o : outside) {
    text += fmt::format("{}{} = {} lies {} times {} ({})", text.empty() ? "" : ", ", symbol(o.quantity),
                        value_text(o.quantity, o.value), factor_text(o.factor),
                        o.above ? "above the largest" : "below the smallest",
                        value_text(o.quantity, o.above ? o.range.high : o.range.low));
  }
  return text;
}

Json to_json(const std::vector<Outside>& outside) {
  Json list = Json::array();
  for (const Outside& o : outside) {
    list.push_back({{"quantity", o.quantity},
                    {"value", finite_or_null(o.value)},
                    {"range", {o.range.low, o.range.high}},
                    {"factor", finite_or_null(o.factor)},
                    {"side", o.above ? "above" : "below"}});
  }
  return list;
}

}  // namespace scalelaw
