#pragma once
// Options of the subcommands that read tables of runs.
#include <CLI/CLI.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "records/read_observations.hpp"

namespace scalelaw::cli {

struct ReadArguments {
  std::optional<DecimalMark> decimal;
  std::optional<LossUnit> loss_unit;
  std::string columns, delimiter, params_unit, tokens_unit, flops_unit;
};

/// Adds --columns, --delimiter, --decimal, --params-unit, --tokens-unit, --flops-unit and --loss-unit.
void add_read_options(CLI::App& command, ReadArguments& arguments);

/// The options as values. Errors (config): what is none of those.
[[nodiscard]] ReadOptions read_options(const ReadArguments& arguments);

/// The items between commas; a comma within quotes, which begin an item or follow its '=', parts none.
[[nodiscard]] std::vector<std::string> items_outside_quotes(const std::string& text);

/// "params=N,loss=val_loss" -> {{"params", "N"}, {"loss", "val_loss"}}; a name with a comma stands in quotes:
/// loss="eval, loss". Errors (config): an item that is no such pair.
[[nodiscard]] std::map<std::string, std::string> parse_columns(const std::string& text);

}  // namespace scalelaw::cli
