#include "core/config_file.hpp"

#include <toml++/toml.h>
#include <regex>
#include <sstream>

#include "os/files.hpp"

namespace scalelaw::inline core {
namespace {

Json convert(const toml::node& node, const std::string& key, const std::string& label, Source& source) {
  const auto line = node.source().begin.line;
  if (!key.empty()) source.origin[key] = label.starts_with("--set") ? label : fmt::format("{}:{}", label, line);
  if (const auto* table = node.as_table()) {
    Json object = Json::object();
    for (const auto& [name, item] : *table) {
      const std::string child = detail::join_key(key, name.str());
      object[std::string(name.str())] = convert(item, child, label, source);
    }
    return object;
  }
  if (const auto* array = node.as_array()) {
    Json out = Json::array();
    for (std::size_t i = 0; i < array->size(); ++i) {
      out.push_back(convert((*array)[i], fmt::format("{}[{}]", key, i), label, source));
    }
    return out;
  }
  if (const auto v = node.value_exact<bool>()) return *v;
  if (const auto v = node.value_exact<std::int64_t>()) return *v;
  if (const auto v = node.value_exact<double>()) return *v;
  if (const auto v = node.value_exact<std::string>()) return *v;
  fail_config("{}:{}: key '{}' is a date or time; a number, a string, true or false is needed", label, line, key);
}

void apply_override(ConfigText& config, const std::string& text) {
  const std::string label = "--set " + text;
  const auto equals = text.find('=');
  if (equals == std::string::npos || equals == 0) fail_config("{}: must have the form table.key=value", label);
  const std::string key = text.substr(0, equals);
  toml::table table;
  try {
    table = toml::parse(fmt::format("{} = {}", key, text.substr(equals + 1)));
  } catch (const toml::parse_error&) {
    try {
      table = toml::parse(fmt::format("{} = {}", key, Json(text.substr(equals + 1)).dump()));
    } catch (const toml::parse_error& e) {
      fail_config("{}: {}; must have the form table.key=value", label, e.description());
    }
  }
  config.values.merge_patch(convert(table, "", label, config.source));
}

std::string line_of(const std::string& text, std::size_t number) {
  std::istringstream lines(text);
  std::string line;
  for (std::size_t i = 0; i < number && std::getline(lines, line); ++i) {
  }
  return line;
}

/// What to write instead where a line's value is a word without quotes or a number without its leading zero, the slips
/// of people who do not know TOML; empty where it is neither.
std::string what_was_meant(const std::string& line) {
  static const std::regex kWord(R"((?:=|,|\[)\s*([A-Za-z_./~][^,\]}#"'=]*?)\s*(?=$|[,\]}#]))");
  static const std::regex kKnown(R"(true|false|inf|nan)"), kNumber(R"(\.\d[\d_]*(?:[eE][+-]?\d+)?)");
  for (std::sregex_iterator it(line.begin(), line.end(), kWord), end; it != end; ++it) {
    const std::string word = it->str(1);
    if (std::regex_match(word, kKnown)) continue;
    if (std::regex_match(word, kNumber)) return fmt::format("; write 0{} instead of {}", word, word);
    return fmt::format("; a text needs quotes around it: \"{}\"", word);
  }
  return "";
}

std::string toml_number(double x) {
  std::string text = canonical_json(Json(x));
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

std::string toml_value(const Json& value) {
  if (value.is_number_float()) return toml_number(value.get<double>());
  if (value.is_array()) {
    std::string out = "[";
    for (std::size_t i = 0; i < value.size(); ++i) out += (i > 0 ? ", " : "") + toml_value(value[i]);
    return out + "]";
  }
  if (value.is_object()) {
    std::string out = "{";
    bool first = true;
    for (const auto& [key, item] : value.items()) {
      if (item.is_null()) continue;
      out += fmt::format("{} {} = {}", first ? "" : ",", key, toml_value(item));
      first = false;
    }
    return out + " }";
  }
  return value.dump();
}

void append_table(std::string& out, const Json& object, const std::string& name) {
  for (const auto& [key, value] : object.items()) {
    if (!value.is_object() && !value.is_null()) out += fmt::format("{} = {}\n", key, toml_value(value));
  }
  for (const auto& [key, value] : object.items()) {
    if (!value.is_object()) continue;
    const std::string child = detail::join_key(name, key);
    out += fmt::format("\n[{}]\n", child);
    append_table(out, value, child);
  }
}

}  // namespace

ConfigText read_config(const std::filesystem::path& path, const std::vector<std::string>& overrides) {
  ConfigText config;
  config.source.name = path.string();
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    fail_config("{}: no such config file; configs/ has examples, configs/quick.toml is the smallest", path.string());
  }
  const std::string text = read_text_file(path);
  try {
    const toml::table table = toml::parse(text, path.string());
    config.values = convert(table, "", path.string(), config.source);
  } catch (const toml::parse_error& e) {
    const auto line = e.source().begin.line;
    const std::string meant = what_was_meant(line_of(text, line));
    if (!meant.empty()) fail_config("{}:{}: not valid TOML{}", path.string(), line, meant);
    fail_config("{}:{}: not valid TOML: {}", path.string(), line, e.description());
  }
  for (const auto& change : overrides) apply_override(config, change);
  return config;
}

std::string to_toml(const Json& object) {
  std::string out;
  append_table(out, object, "");
  return out;
}

}  // namespace scalelaw::inline core
