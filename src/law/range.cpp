#include "law/range.hpp"

#include <cmath>

#include "core/format.hpp"

namespace scalelaw::inline law {
namespace {

constexpr double kRounding = 5e-3;  // C = 6 N D of the largest run itself is not beyond it

std::string value_text(RangeOf quantity, double value) {
  if (quantity == RangeOf::flops) return power_text(value);
  return quantity == RangeOf::tokens_per_param ? fmt::format("{:.3g}", value) : short_count(value);
}

const char* symbol(RangeOf quantity) {
  constexpr std::array<const char*, 4> kSymbols = {"N", "D", "D/N", "C"};
  return kSymbols[static_cast<std::size_t>(quantity)];
}

/// Of which quantities a law, or whoever asks, says something.
struct Told {
  bool params = true, tokens = true, flops = true;
};

std::vector<Outside> outside_of(const LawRange& range, const Told& told, const LawPoint& point, double slack) {
  std::vector<Outside> found;
  const auto check = [&](RangeOf quantity, double value, const ValueRange& known) {
    if (!(value > 0) || !known.known()) return;
    const bool above = value > known.high;
    const double factor = above ? value / known.high : known.low / value;
    if (factor > slack * (1 + kRounding)) {
      found.push_back({.quantity = quantity, .value = value, .range = known, .factor = factor, .above = above});
    }
  };
  if (told.params) check(RangeOf::params, point.params, range.params);
  if (told.tokens) check(RangeOf::tokens, point.tokens, range.tokens);
  if (told.params && told.tokens && point.params > 0) {
    check(RangeOf::tokens_per_param, point.tokens / point.params, range.tokens_per_param);
  }
  if (told.flops) check(RangeOf::flops, point.flops, range.flops);
  return found;
}

}  // namespace

std::vector<Outside> outside(const LawRange& range, LawKind kind, const LawPoint& point, double slack) {
  const LawForm& form = law_form(kind);
  Told told{.params = form.needs(Quantity::params), .tokens = form.needs(Quantity::tokens)};
  told.flops = (told.params && told.tokens) || form.needs(Quantity::flops);
  return outside_of(range, told, point, slack);
}

std::vector<Outside> outside_in_any(const LawRange& range, const LawPoint& point, double slack) {
  return outside_of(range, {}, point, slack);
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

}  // namespace scalelaw::inline law
