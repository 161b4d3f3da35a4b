#pragma once
// Options that take one of an enum's names (core/names.hpp).
#include <CLI/CLI.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <vector>

#include "core/names.hpp"
#include "law/form.hpp"

namespace scalelaw::cli {

/// Accepts the names of these values; of all where none are given.
template <Named E>
[[nodiscard]] CLI::IsMember one_of_names(std::initializer_list<E> values = {}) {
  const auto all = names_of(E{});
  std::vector<std::string> names;
  for (const E value : values) names.emplace_back(name_of(value));
  if (names.empty()) names.assign(all.begin(), all.end());
  return CLI::IsMember(names);
}

/// The option that sets `out`, to one of `values` or, without those, to any; the help shows its default.
template <Named E>
CLI::Option* add_named(CLI::App& app, const std::string& name, E& out, const std::string& help,
                       std::initializer_list<E> values = {}) {
  return app
      .add_option_function<std::string>(
          name, [&out](const std::string& text) { out = *find_named<E>(text); }, help)
      ->check(one_of_names(values))
      ->default_str(std::string(name_of(out)));
}
/// The same where nothing is set by default.
template <Named E>
CLI::Option* add_named(CLI::App& app, const std::string& name, std::optional<E>& out, const std::string& help,
                       std::initializer_list<E> values = {}) {
  return app
      .add_option_function<std::string>(
          name, [&out](const std::string& text) { out = find_named<E>(text); }, help)
      ->check(one_of_names(values));
}
/// The option --law of what fits one. Errors (config): no law has this name; with the one meant, for a near miss.
inline CLI::Option* add_law_kind(CLI::App& app, LawKind& out, const std::string& help) {
  return app.add_option_function<std::string>(
      "--law", [&out](const std::string& text) { out = law_kind(text); }, help);
}

/// The option --laws of a choice among several: "all" or names with commas between. Errors (config): as above.
inline CLI::Option* add_laws(CLI::App& app, std::vector<LawKind>& out, const std::vector<LawKind>& all) {
  std::string names;
  for (const LawKind law : all) names += (names.empty() ? "" : ",") + std::string(name_of(law));
  return app.add_option_function<std::string>(
      "--laws",
      [&out, all](const std::string& text) {
        out.clear();
        if (text == "all") out = all;
        for (std::size_t from = 0; text != "all" && from <= text.size();) {
          const std::size_t comma = std::min(text.find(',', from), text.size());
          out.push_back(law_kind(text.substr(from, comma - from)));
          from = comma + 1;
        }
      },
      "choose among laws: all (" + names + ") or names with commas between");
}

}  // namespace scalelaw::cli
