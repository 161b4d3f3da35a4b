#include "cli/fit_tables.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <string>

#include "cli/fit_losses.hpp"
#include "core/format.hpp"
#include "core/read_table.hpp"
#include "records/columns.hpp"
#include "records/run_names.hpp"
#include "records/table_rows.hpp"

namespace scalelaw::cli {
namespace {

// Of one run's params in two tables, which may count or round them in other ways.
constexpr double kSameParamsOfTables = 0.05;

/// A row with everything by which runs differ: the same in two inputs is one run given twice.
std::string row_key(const Observation& o) {
  const auto text = [](const std::optional<double>& x) { return x ? exact_number(*x) : ""; };
  return fmt::format("row {} {} {} {} {} {} {} {} {} {} {} {}", o.params, o.tokens, o.flops, o.loss_nats, text(o.lr),
                     text(o.seed), text(o.unique_tokens), o.shape, o.counted, o.run, o.group, text(o.steps));
}

void add_points(FitSources& sources, ReadObservations read, const std::string& series,
                std::map<std::string, std::string>& owner) {
  for (std::size_t i = 0; i < read.points.size(); ++i) {
    Observation& o = read.points[i];
    if (!series.empty()) o.counted = o.counted.empty() ? series : o.counted + ", " + series;
    const std::string here = fmt::format("{}: row {}", read.report.file, read.lines[i]);
    const auto [first, fresh] = owner.emplace(row_key(o), here);
    if (!fresh && !first->second.starts_with(read.report.file + ": row ")) {
      fail_data("{} is the same run as {}: give each run once", here, first->second);
    }
    sources.points.push_back(std::move(o));
  }
  sources.reports.push_back(std::move(read.report));
}

/// How a table is read for one of the losses of --loss. Errors (data): several columns of bits per byte.
ReadOptions options_for_loss(const Table& table, const ReadOptions& options, const std::string& loss) {
  ReadOptions one = options;
  const std::optional<LossUnit> unit = named_loss(loss);
  if (unit == LossUnit::nats) return one;
  one.keep_bits_per_byte = true;
  if (!unit) one.columns["loss"] = loss;
  if (!unit || options.loss_unit == LossUnit::bits_per_byte) return one;  // the latter: the loss that the table has
  const std::vector<std::string> named = columns_called(table, name_of(LossUnit::bits_per_byte));
  if (named.size() > 1) {
    fail_data("{}: {} columns hold losses in bits per byte, {}; choose with --loss COLUMN, or by number, --loss '{}'",
              table.name, named.size(), fmt::join(named, ", "), named.front());
  }
  if (named.size() == 1) one.columns["loss"] = named.front();
  return one;
}

/// The points of a table once for each of the losses of --loss.
void add_losses(FitSources& sources, const Table& table, const ReadOptions& options,
                std::map<std::string, std::string>& owner) {
  for (const std::string& loss : options.losses) {
    ReadObservations read = observations_of(table, options_for_loss(table, options, loss));
    const bool other =
        std::ranges::any_of(read.points, [](const Observation& o) { return o.loss_unit != LossUnit::bits_per_byte; });
    if (named_loss(loss) == LossUnit::bits_per_byte && other) {
      fail_data(
          "{}: no column holds losses in bits per byte (bits_per_byte, bpb, ...); name it with --loss COLUMN, or, if "
          "the column loss does, say --loss-unit bits_per_byte",
          table.name);
    }
    add_points(sources, std::move(read), options.losses.size() > 1 ? "loss " + loss : "", owner);
  }
}

/// The points of a table, once for each loss that is asked for.
void add_table(FitSources& sources, const Table& table, const ReadOptions& options,
               std::map<std::string, std::string>& owner) {
  if (!options.losses.empty()) {
    add_losses(sources, table, options, owner);
    return;
  }
  const auto loss = options.columns.find("loss");
  const bool several = loss != options.columns.end() && loss->second.find('|') != std::string::npos &&
                       std::ranges::find(table.header, loss->second) == table.header.end();
  if (!several) {
    add_points(sources, observations_of(table, options), "", owner);
    return;
  }
  const std::string& names = loss->second;
  for (std::size_t from = 0, to = 0; to != std::string::npos; from = to + 1) {
    to = names.find('|', from);
    const std::string name = names.substr(from, to - from);
    ReadOptions one = options;
    one.columns["loss"] = name;
    add_points(sources, observations_of(table, one), "loss " + name, owner);
  }
}

std::size_t row_count(const std::vector<Table>& tables) {
  std::size_t rows = 0;
  for (const Table& table : tables) rows += table.rows.size();
  return rows;
}

}  // namespace

Table table_of_input(const InputText& in, const ReadOptions& options) {
  Table table = table_of_text(in.text, in.name, options.delimiter, [&](const std::vector<std::string>& header) {
    return known_names(header, options.columns);
  });
  table.dialect.insert(table.dialect.begin(), in.notes.begin(), in.notes.end());
  return table;
}

std::vector<std::string> settle_tables(std::vector<Table>& tables, const PopulationChoice& choice) {
  if (tables.empty()) return {};
  std::vector<std::string> notes;
  const std::size_t all = row_count(tables);
  keep_rows_where(tables, choice.where);
  if (const std::size_t kept = row_count(tables); kept < all) {
    notes.push_back(fmt::format("{} of {} rows, those with {}", kept, all, fmt::join(choice.where, ", ")));
    std::erase_if(tables, [](const Table& table) { return table.rows.empty(); });
  }
  for (std::string& line : partly_given(tables)) notes.push_back(std::move(line));
  const std::vector<std::string> mixed = mixed_columns(tables);
  if (mixed.empty()) return notes;
  if (!choice.pool) {
    fail_data(
        "{}: {} rows do not belong together, so they are not fitted as one: they differ in {}. Choose some with "
        "--where COLUMN=VALUE, or insist with --pool",
        table_names(tables), tables.size() > 1 ? "their" : "its", fmt::join(mixed, "; "));
  }
  notes.push_back(
      fmt::format("rows that do not belong together were pooled (--pool); they differ in {}", fmt::join(mixed, "; ")));
  return notes;
}

void add_tables(FitSources& sources, std::vector<Table> tables, const ReadOptions& options,
                const PopulationChoice& choice, std::map<std::string, std::string>& owner) {
  const std::string names = table_names(tables);
  for (const std::string& note : settle_tables(tables, choice)) {
    sources.notes.push_back(fmt::format("{}: {}", names, note));
  }
  for (const Table& table : tables) add_table(sources, table, options, owner);
  if (tables.size() < 2) return;
  const std::vector<std::string> split = split_run_names(sources.points, kSameParamsOfTables, true);
  if (!split.empty()) {
    sources.notes.push_back(
        fmt::format("{}: runs of one name ({}) have several params, and each of these is a run of its own", names,
                    some_names(split)));
  }
}

}  // namespace scalelaw::cli
