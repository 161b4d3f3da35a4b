#pragma once
// TOML files as JSON values that remember the line of every key.
#include <filesystem>
#include <string>
#include <vector>

#include "core/fields.hpp"

namespace scalelaw::inline core {

struct ConfigText {
  Json values = Json::object();
  Source source;  ///< file:line of every dotted key
};

/// Reads a TOML file and applies overrides "table.key=value" (value in TOML syntax; text that is not valid TOML is
/// taken as a string). Errors (usage): the file is missing, a syntax error with its line, a malformed override.
[[nodiscard]] ConfigText read_config(const std::filesystem::path& path, const std::vector<std::string>& overrides = {});

/// TOML text of a JSON object: tables in order of their keys, shortest exact numbers; null values are left out.
[[nodiscard]] std::string to_toml(const Json& object);

}  // namespace scalelaw::inline core
