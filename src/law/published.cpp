#include "law/published.hpp"

#include <algorithm>

#include <fmt/ranges.h>

namespace scalelaw::inline law {
namespace {

std::vector<Law> every_set() {
  std::vector<Law> laws;
  for (const LawKind kind : all_of<LawKind>()) {
    for (const PublishedSet& set : law_form(kind).published) {
      laws.push_back({.kind = kind,
                      .values = set.values,
                      .name = set.name,
                      .source = set.source,
                      .convention = set.convention,
                      .range = set.range});
    }
  }
  return laws;
}

}  // namespace

const std::vector<Law>& published_laws() {
  static const std::vector<Law> laws = every_set();
  return laws;
}

const Law* find_published_law(std::string_view name) {
  const auto it = std::ranges::find(published_laws(), name, &Law::name);
  return it == published_laws().end() ? nullptr : &*it;
}

const Law& published_law(std::string_view name) {
  if (const Law* law = find_published_law(name)) return *law;
  std::vector<std::string> names;
  for (const Law& law : published_laws()) names.push_back(law.name);
  const std::string near = nearest_word(name, names);
  fail_config("unknown published law '{}'{}; the sets are {}", name,
              near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), fmt::join(names, ", "));
}

}  // namespace scalelaw::inline law
