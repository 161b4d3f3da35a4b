#include "cli/read_options.hpp"

#include <algorithm>
#include <string_view>

#include "cli/named_option.hpp"
#include "core/cells.hpp"
#include "os/error.hpp"

namespace scalelaw::cli {
namespace {

char delimiter_of(const std::string& text) {
  if (text.empty()) return 0;
  static const std::map<std::string, char> kNames = {{"tab", '\t'}, {"\\t", '\t'}, {"comma", ','}, {"semicolon", ';'},
                                                     {"bar", '|'},  {"pipe", '|'}, {"blank", ' '}, {"space", ' '}};
  if (const auto named = kNames.find(text); named != kNames.end()) return named->second;
  if (text.size() == 1) return text[0];
  fail_config("--delimiter '{}': give one character, or comma, semicolon, tab, bar or blank", text);
}

std::optional<int> unit_of(const std::string& text, const char* option) {
  if (text.empty()) return std::nullopt;
  if (text == "1" || text == "units") return 0;
  if (const auto exponent = unit_exponent(text)) return exponent;
  fail_config("{} '{}': give k, M, B or T (1e3, 1e6, 1e9, 1e12), or 1", option, text);
}

std::optional<LossUnit> loss_unit_of(std::string text) {
  std::ranges::replace(text, '-', '_');
  return find_named<LossUnit>(text);
}

/// The names of the units; one with underscores may be written with hyphens too.
std::vector<std::string> words_of_loss_units() {
  std::vector<std::string> words;
  for (const std::string_view name : names_of(LossUnit{})) {
    std::string hyphenated(name);
    std::ranges::replace(hyphenated, '_', '-');
    if (hyphenated != name) words.push_back(hyphenated);
    words.emplace_back(name);
  }
  return words;
}

}  // namespace

std::vector<std::string> items_outside_quotes(const std::string& text) {
  std::vector<std::string> items(1);
  char quote = 0;
  for (const char c : text) {
    if (quote == 0 && c == ',') {
      items.emplace_back();
      continue;
    }
    if (quote == 0 && c == '"' && (items.back().empty() || items.back().ends_with('=')))
      quote = c;
    else if (c == quote)
      quote = 0;
    items.back() += c;
  }
  return items;
}

std::map<std::string, std::string> parse_columns(const std::string& text) {
  std::map<std::string, std::string> out;
  if (text.empty()) return out;
  for (const std::string& item : items_outside_quotes(text)) {
    if (item.empty()) continue;
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      fail_config(
          "--columns '{}': write OURS=THEIRS, for example params=N,tokens=D,loss=val_loss; a name with a comma stands "
          "in quotes",
          item);
    }
    std::string theirs = item.substr(equals + 1);
    if (theirs.size() > 2 && theirs.front() == '"' && theirs.back() == '"')
      theirs = theirs.substr(1, theirs.size() - 2);
    out[item.substr(0, equals)] = theirs;
  }
  return out;
}

void add_read_options(CLI::App& command, ReadArguments& arguments) {
  command.add_option("--columns", arguments.columns,
                     "names of the file's columns: params=N,tokens=D,loss=val_loss; loss=a|b fits each");
  command.add_option("--delimiter", arguments.delimiter, "what separates cells; default: as the header shows");
  add_named(command, "--decimal", arguments.decimal, "decimal mark: comma or point; default: as the cells show");
  command.add_option("--params-unit", arguments.params_unit, "unit of params in the file: k, M, B or T");
  command.add_option("--tokens-unit", arguments.tokens_unit, "unit of tokens in the file: k, M, B or T");
  command.add_option("--flops-unit", arguments.flops_unit, "unit of FLOPs in the file: k, M, B or T");
  command
      .add_option_function<std::string>(
          "--loss-unit", [&arguments](const std::string& text) { arguments.loss_unit = loss_unit_of(text); },
          "unit of losses in the file; default: nats, or as the header says")
      ->check(CLI::IsMember(words_of_loss_units()));
}

ReadOptions read_options(const ReadArguments& arguments) {
  ReadOptions options;
  options.columns = parse_columns(arguments.columns);
  options.delimiter = delimiter_of(arguments.delimiter);
  options.decimal = arguments.decimal;
  options.params_unit = unit_of(arguments.params_unit, "--params-unit");
  options.tokens_unit = unit_of(arguments.tokens_unit, "--tokens-unit");
  options.flops_unit = unit_of(arguments.flops_unit, "--flops-unit");
  options.loss_unit = arguments.loss_unit;
  return options;
}

}  // namespace scalelaw::cli
