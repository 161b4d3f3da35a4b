#include "core/fields.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace scalelaw::inline core {

std::string describe(const Rule& rule) {
  const std::string once = rule.distinct ? "each once" : "";
  std::string names;
  if (!rule.choices.empty()) {
    std::vector<std::string_view> choices = rule.choices;
    std::ranges::replace(choices, std::string_view(), std::string_view("\"\""));
    names = fmt::format("{}", fmt::join(choices, " | "));
  }
  const bool low = std::isfinite(rule.low);
  const bool high = std::isfinite(rule.high);
  std::string range;
  if (low && high) {
    range =
        fmt::format("{}{} .. {}{}", rule.low_open ? "above " : "", rule.low, rule.high_open ? "below " : "", rule.high);
  } else if (low) {
    range = fmt::format("{} {}", rule.low_open ? ">" : ">=", rule.low);
  } else if (high) {
    range = fmt::format("{} {}", rule.high_open ? "<" : "<=", rule.high);
  }
  if (!names.empty()) return range + (range.empty() ? "" : " or ") + names;
  return range + (range.empty() || once.empty() ? "" : ", ") + once;
}

std::string Source::where(std::string key) const {
  while (!key.empty()) {
    const auto it = origin.find(key);
    if (it != origin.end()) return it->second;
    const auto cut = key.find_last_of(".[");
    key = cut == std::string::npos ? "" : key.substr(0, cut);
  }
  return name;
}

void Source::fail(const std::string& key, const std::string& problem) const {
  throw Error(code, fmt::format("{}: key '{}' {}", where(key), key, problem));
}

std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : candidates) {
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = row[0];
      row[0] = i;
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t substitute = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

namespace detail {

std::string join_key(const std::string& parent, std::string_view key) {
  return parent.empty() ? std::string(key) : fmt::format("{}.{}", parent, key);
}

bool takes_empty(const Rule& rule) { return std::ranges::find(rule.choices, "") != rule.choices.end(); }

void check_rule(double value, const Rule& rule, const std::string& key, const Source& source) {
  const bool below = value < rule.low || (rule.low_open && value == rule.low);
  const bool bounded = !(rule.high_for_new && source.earlier);
  const bool above = bounded && (value > rule.high || (rule.high_open && value == rule.high));
  if (below || above || !std::isfinite(value)) {
    const std::string allowed = describe(rule);
    source.fail(key, fmt::format("is {}; allowed: {}", value, allowed.empty() ? "a finite number" : allowed));
  }
}

void check_rule(const std::string& value, const Rule& rule, const std::string& key, const Source& source) {
  if (rule.choices.empty() || std::ranges::find(rule.choices, value) != rule.choices.end()) return;
  const std::string meant = nearest_word(value, {rule.choices.begin(), rule.choices.end()});
  source.fail(key, fmt::format("is \"{}\"; allowed: {}{}", value, describe(rule),
                               meant.empty() ? "" : fmt::format(" (did you mean \"{}\"?)", meant)));
}

void check_distinct(const Json& items, const std::string& key, const Source& source) {
  for (std::size_t i = 1; i < items.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      if (items[i] != items[k]) continue;
      source.fail(fmt::format("{}[{}]", key, i),
                  fmt::format("is {}, as {}[{}] is; list each once", canonical_json(items[i]), key, k));
    }
  }
}

void fail_type(const Json& value, const char* wanted, const std::string& key, const Source& source) {
  source.fail(key, fmt::format("must be {}, but is {}", wanted, value.dump()));
}

void fail_unknown(const std::string& key, const std::vector<std::string>& known, const Source& source) {
  const auto dot = key.rfind('.');
  const std::string last = dot == std::string::npos ? key : key.substr(dot + 1);
  const std::string meant = nearest_word(last, known);
  source.fail(key, meant.empty() ? fmt::format("is not known; known here: {}", fmt::join(known, ", "))
                                 : fmt::format("is not known; did you mean '{}'?", meant));
}

std::int64_t integer_from(const Json& value, const std::string& key, const Source& source) {
  if (value.is_number_integer()) return value.get<std::int64_t>();
  if (value.is_number_float()) {  // 1e6 is how people write a token budget
    const double x = value.get<double>();
    if (std::nearbyint(x) == x && std::abs(x) < 9.0e15) return static_cast<std::int64_t>(x);
  }
  fail_type(value, "a whole number", key, source);
}

}  // namespace detail
}  // namespace scalelaw::inline core
