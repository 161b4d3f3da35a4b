#include "records/read_observations.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "core/cells.hpp"
#include "core/read_table.hpp"
#include "os/error.hpp"
#include "records/columns.hpp"
#include "records/row_reader.hpp"
#include "records/run_names.hpp"

namespace scalelaw::inline records {
namespace {

// Relative differences of one run's params: of how they are printed; of a C of two digits, from which they follow.
constexpr double kSameParams = 1e-6, kSameDerivedParams = 0.05;

/// The columns with the counts that a convention asks for, in the place of params and flops.
void take_convention(TableReader& in) {
  const auto take = [&](const std::string& wanted, const std::string& usual, const std::string& option) {
    if (wanted == usual || in.options.columns.contains(usual)) return;
    if (!in.has(wanted)) {
      fail_data(
          "{}: {} needs a column {}, but the columns are {}; rename one with --columns {}=NAME, or fit the counts that "
          "the file holds without this option",
          in.table.name, option, wanted, fmt::join(in.table.header, ", "), usual);
    }
    in.columns[usual] = in.columns.at(wanted);
    in.columns[usual].plain = false;
  };
  const Convention& c = in.options.convention;
  in.out.report.own_counts = in.options.convention_optional && !says_count(in.columns, c.params);
  if (c.params != ParamsCount::total && !in.out.report.own_counts) {
    take(fmt::format("params_{}", c.params), "params", fmt::format("--convention {}", c.params));
    if (c.flops != FlopsCount::exact) in.columns.erase("flops");  // of another N
  }
  if (c.flops == FlopsCount::exact) take("flops_exact", "flops", "--compute exact");
}

/// Which of the columns give tokens where there is none of that name.
void derive_tokens(TableReader& in) {
  const bool enough = in.has("params") + in.has("flops") == 2 && in.options.needs != Quantity::tokens;
  if (in.has("tokens") || enough || !in.has("steps")) return;
  if (in.has("batch_tokens")) {
    in.steps_times_batch = true;
  } else if (in.has("batch_size") && in.has("context")) {
    in.steps_times_batch = in.batch_of_sequences = true;
  } else if (in.has("batch_size")) {
    const std::string& name = in.columns.at("batch_size").header;
    fail_data(
        "{}: has no tokens, and steps x '{}' gives them only if '{}' counts tokens; if it does, say --columns "
        "batch_tokens={}; if it counts sequences, add a column of their length (context)",
        in.table.name, name, name, name);
  }
}

void require_columns(const TableReader& in) {
  const auto has = [&](const char* ours) {
    return in.has(ours) || (ours == std::string("tokens") && in.steps_times_batch);
  };
  const int scales = has("params") + has("tokens") + has("flops");
  const std::string needs(in.options.needs ? name_of(*in.options.needs) : "");
  const bool enough = needs.empty() ? scales >= 2 : has(needs.c_str()) || scales >= 2;
  if (enough && (!in.options.need_loss || in.has("loss"))) return;
  const std::string what = needs.empty() ? "two of 'params', 'tokens', 'flops'"
                                         : fmt::format("a column '{}' (or two of 'params', 'tokens', 'flops')", needs);
  fail_data("{}: needs {}{}, but has: {}; rename with --columns params=NAME,tokens=NAME,loss=NAME", in.table.name,
            in.options.need_loss ? "a column 'loss' and " : "", what, fmt::join(in.table.header, ", "));
}

/// The decimal mark of the whole table. Errors (data): cells that show both; cells that may be either.
void find_decimal(TableReader& in) {
  if (in.options.decimal) {
    in.decimal_comma = in.options.decimal == DecimalMark::comma;
    return;
  }
  std::string comma, point, unsure;  // the first cell of each kind, as messages name it
  const std::set<std::string> small = {"loss", "loss_stderr", "lr", "weight"},
                              words = {"run", "group", "shape", "convention", "status"};
  for (const auto& [ours, column] : in.columns) {
    if (words.contains(ours)) continue;
    const bool little = small.contains(ours) && in.loss_unit != LossUnit::perplexity;
    for (std::size_t r = 0; r < in.table.rows.size(); ++r) {
      const std::string& cell = in.table.rows[r][column.index];
      const MarkEvidence e = mark_evidence(cell, little);
      if (e == MarkEvidence::none) continue;
      std::string& first = e == MarkEvidence::comma ? comma : e == MarkEvidence::point ? point : unsure;
      if (e != MarkEvidence::point_likely && first.empty()) {
        first = fmt::format("row {}: column '{}' is \"{}\"", in.table.lines[r], column.header, cell);
      }
    }
  }
  if (!comma.empty() && !point.empty()) {
    fail_data("{}: {} has a decimal comma, but {} a decimal point; mend one of them, or say --decimal comma or point",
              in.table.name, comma, point);
  }
  if (comma.empty() && point.empty() && !unsure.empty()) {
    fail_data(
        "{}: {}: is the comma a decimal mark, or does it stand between thousands? say --decimal comma or "
        "--decimal point",
        in.table.name, unsure);
  }
  in.decimal_comma = !comma.empty();
}

/// A column loss_stderr is the error of the column loss, and says nothing of another that was asked for beside it.
void drop_foreign_error(TableReader& in) {
  if (!in.options.keep_bits_per_byte || !in.has("loss") || !in.has("loss_stderr")) return;
  const bool beside = in.columns.at("loss").header != "loss" &&
                      std::ranges::find(in.table.header, std::string("loss")) != in.table.header.end();
  if (beside && !in.columns.at("loss_stderr").renamed) in.columns.erase("loss_stderr");
}

void find_loss_unit(TableReader& in) {
  if (!in.has("loss")) return;
  const Column& column = in.columns.at("loss");
  const std::string unit = lower(column.unit);
  const std::optional<LossUnit> alias = find_named<LossUnit>(column.alias), named = find_named<LossUnit>(unit);
  if (in.options.loss_unit) {
    in.loss_unit = *in.options.loss_unit;
  } else if (alias == LossUnit::perplexity || named == LossUnit::perplexity || unit == "ppl") {
    in.loss_unit = LossUnit::perplexity;
  } else if (alias == LossUnit::bits_per_byte || unit.find("byte") != unit.npos || unit == "bpb") {
    in.loss_unit = unit.starts_with("nat") ? LossUnit::nats : LossUnit::bits_per_byte;
  } else if (alias == LossUnit::bits || unit.starts_with("bit")) {
    in.loss_unit = LossUnit::bits;
  }
}

std::string unit_text(const TableReader& in, const std::string& ours) {
  const auto [exponent, factor] = unit_of(in, ours);
  if (factor != 1) return " (petaflop/s-days)";
  if (exponent != 0) return fmt::format(" ({})", unit_name(exponent));
  if (ours != "loss" || in.loss_unit == LossUnit::nats) return "";
  if (in.loss_unit == LossUnit::perplexity) return " (perplexity: its logarithm)";
  if (in.loss_unit == LossUnit::bits) return " (bits: x ln 2, nats)";
  return in.options.keep_bits_per_byte ? " (bits a byte)" : " (bits a byte: x ln 2, nats a byte)";
}

/// A count that is not written as plain digits, "70M" or "117,933,375", for a first look at how they were read.
std::string unusual_count(const TableReader& in) {
  for (const char* ours : {"params", "tokens", "flops"}) {
    if (!in.has(ours)) continue;
    const std::size_t column = in.columns.at(ours).index;
    for (const auto& row : in.table.rows) {
      const bool plain = row[column].find_first_not_of("0123456789.eE+- ") == std::string::npos;
      if (!plain && looks_numeric(row[column])) return row[column];
    }
  }
  return "";
}

void describe_columns(TableReader& in) {
  auto& lines = in.out.report.understood;
  lines = in.table.dialect;
  if (in.decimal_comma) lines.emplace_back("decimal comma");
  if (const std::string count = unusual_count(in); !count.empty())
    lines.push_back(fmt::format("counts as '{}'", count));
  for (const std::string& ours : our_columns()) {
    if (!in.has(ours)) continue;
    const Column& c = in.columns.at(ours);
    const std::string unit = unit_text(in, ours);
    if (c.plain && unit.empty() && c.header == ours) continue;
    lines.push_back(fmt::format("{} = '{}'{}", ours, c.header, unit));
  }
  if (in.steps_times_batch) {
    lines.push_back(
        in.batch_of_sequences
            ? fmt::format("tokens = '{}' x '{}' x '{}'", in.columns.at("steps").header,
                          in.columns.at("batch_size").header, in.columns.at("context").header)
            : fmt::format("tokens = '{}' x '{}'", in.columns.at("steps").header, in.columns.at("batch_tokens").header));
  }
}

/// Rows of one run belong together where the table has no groups.
void group_runs(TableReader& in) {
  auto& points = in.out.points;
  auto& report = in.out.report;
  std::set<std::string> names;
  for (const Observation& o : points) {
    if (!o.run.empty()) names.insert(o.run);
  }
  const double tolerance = in.has("params") ? kSameParams : kSameDerivedParams;
  if (const std::vector<std::string> split = split_run_names(points, tolerance, false); !split.empty()) {
    report.understood.push_back(
        fmt::format("rows of one '{}' ({}) have several params, and each of these is a run of its own",
                    in.columns.at("run").header, some_names(split)));
  }
  report.grouped = std::ranges::any_of(points, [](const Observation& o) { return !o.group.empty(); });
  if (report.grouped || names.size() < 2) return;  // one value names no run
  std::map<std::string, std::size_t> rows;
  for (const Observation& o : points) {
    if (!o.run.empty()) ++rows[o.run];
  }
  if (std::ranges::none_of(rows, [](const auto& item) { return item.second > 1; })) return;
  for (Observation& o : points) {
    if (!o.run.empty()) o.group = o.run;
  }
  report.grouped = true;
  report.understood.push_back(
      fmt::format("rows of one '{}' are one group, {} of them", in.columns.at("run").header, rows.size()));
}

void note_repeated_rows(TableReader& in) {
  std::set<std::vector<std::string>> seen;
  std::size_t repeated = 0, first = 0;
  for (std::size_t r = 0; r < in.table.rows.size(); ++r) {
    if (seen.insert(in.table.rows[r]).second) continue;
    if (repeated++ == 0) first = in.table.lines[r];
  }
  if (repeated == 0) return;
  in.out.report.warnings.push_back(
      fmt::format("{}: {} an earlier row cell for cell, first row {}: if the same runs are there twice, "
                  "remove one copy",
                  in.table.name, repeated == 1 ? "1 row repeats" : fmt::format("{} rows repeat", repeated), first));
}

/// Rows whose numbers cannot be used are left out while they are few; of many the column is to blame, or its unit. One
/// of three rows is no exception but a third of the table.
bool few(std::size_t bad, std::size_t rows) { return bad <= std::max<std::size_t>(1, rows / 10) && 3 * bad < rows; }

/// Every row as a point, or as one left out. Errors (data): text for a number; too many numbers that cannot be used.
void read_rows(TableReader& in) {
  ReadReport& report = in.out.report;
  std::vector<std::string> bad;  // what is wrong with each such row
  for (std::size_t r = 0; r < in.table.rows.size(); ++r) {
    std::string reason = not_finished(in, r);
    if (reason.empty() && !(reason = bad_number(in, r)).empty()) {
      bad.push_back(fmt::format("{}: {} (remove the row, or mend it)", in.where(r), reason));
    }
    if (!reason.empty()) {
      report.skipped.push_back({in.table.lines[r], in.text("run", r), reason});
      continue;
    }
    in.out.points.push_back(point_of(in, r));
    in.out.lines.push_back(in.table.lines[r]);
  }
  const std::size_t rows = bad.size() + in.out.points.size();
  if (bad.empty() || few(bad.size(), rows)) return;
  const std::string like = bad.size() == 1 ? "" : fmt::format("; {} of {} rows have such a number", bad.size(), rows);
  fail_data("{}{}", bad.front(), like);
}

}  // namespace

ReadObservations observations_of(const Table& table, const ReadOptions& options) {
  TableReader in{.table = table, .options = options, .columns = find_columns(table, options.columns)};
  take_convention(in);
  derive_tokens(in);
  require_columns(in);
  find_loss_unit(in);
  drop_foreign_error(in);
  find_decimal(in);
  describe_columns(in);
  ReadReport& report = in.out.report;
  report.file = table.name;
  report.rows = table.rows.size();
  read_rows(in);
  if (in.out.points.empty() && !report.skipped.empty()) {
    fail_data("{}: row {}: {}; none of its {} rows can be used", table.name, report.skipped.front().line,
              report.skipped.front().reason, report.rows);
  }
  if (std::ranges::any_of(in.out.points, [](const Observation& o) { return o.loss_nats <= 0; })) {
    report.understood.emplace_back("losses of 0 or less, so no logarithm of losses is taken");
  }
  group_runs(in);
  note_repeated_rows(in);
  for (const std::string& line :
       implausible_units(in.out.points, in.has("params"), in.has("tokens") || in.steps_times_batch, in.has("flops"))) {
    report.warnings.push_back(fmt::format("{}: {}", table.name, line));
  }
  return std::move(in.out);
}

ReadObservations read_observations_of(const std::filesystem::path& path, const ReadOptions& options) {
  const auto known = [&](const std::vector<std::string>& header) { return known_names(header, options.columns); };
  return observations_of(read_table(path, options.delimiter, known), options);
}

std::vector<Observation> read_observations(const std::filesystem::path& path,
                                           const std::map<std::string, std::string>& columns, bool need_loss) {
  return read_observations_of(path, {.columns = columns, .need_loss = need_loss}).points;
}

}  // namespace scalelaw::inline records
