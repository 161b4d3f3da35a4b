#pragma once
// Options that take one of an enum's names (core/names.hpp).
#include <CLI/CLI.hpp>

#include <optional>
#include <string>
#include <vector>

#include "core/names.hpp"

namespace scalelaw::cli {

template <Named E>
[[nodiscard]] CLI::IsMember one_of_names() {
  const auto names = names_of(E{});
  return CLI::IsMember(std::vector<std::string>(names.begin(), names.end()));
}

/// The option that sets `out`; the help shows its default.
template <Named E>
CLI::Option* add_named(CLI::App& app, const std::string& name, E& out, const std::string& help) {
  return app
      .add_option_function<std::string>(
          name, [&out](const std::string& text) { out = *find_named<E>(text); }, help)
      ->check(one_of_names<E>())
      ->default_str(std::string(name_of(out)));
}
/// The same where nothing is set by default.
template <Named E>
CLI::Option* add_named(CLI::App& app, const std::string& name, std::optional<E>& out, const std::string& help) {
  return app
      .add_option_function<std::string>(
          name, [&out](const std::string& text) { out = find_named<E>(text); }, help)
      ->check(one_of_names<E>());
}

}  // namespace scalelaw::cli
