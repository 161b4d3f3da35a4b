#include "core/read_observations.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <numbers>
#include <set>

#include "core/cells.hpp"
#include "core/columns.hpp"
#include "core/error.hpp"

namespace scalelaw {
namespace {

constexpr double kPetaflopDay = 8.64e19;  // 1e15 FLOP/s for 86400 s

/// Everything that reading the rows of one table needs.
struct Reader {
  const Table& table;
  const ReadOptions& options;
  std::map<std::string, Column> columns;
  bool decimal_comma = false;
  std::string loss_unit = "nats";
  bool steps_times_batch = false, batch_of_sequences = false;
  ReadObservations out = {};

  [[nodiscard]] bool has(const std::string& ours) const { return columns.contains(ours); }
  [[nodiscard]] const std::string& cell(const std::string& ours, std::size_t r) const {
    return table.rows[r][columns.at(ours).index];
  }
  [[nodiscard]] std::string where(std::size_t r) const { return fmt::format("{}: row {}", table.name, table.lines[r]); }
};

bool is_count(const std::string& ours) {
  static const std::set<std::string> counts = {"params", "tokens",       "flops",      "unique_tokens", "budget",
                                               "steps",  "batch_tokens", "batch_size", "context"};
  return counts.contains(ours);
}

/// The unit of a column, as an exponent of ten, and a factor beside it.
std::pair<int, double> unit_of(const Reader& in, const std::string& ours) {
  const auto given = ours == "params"   ? in.options.params_unit
                     : ours == "tokens" ? in.options.tokens_unit
                     : ours == "flops"  ? in.options.flops_unit
                                        : std::nullopt;
  if (given) return {*given, 1.0};
  const std::string& unit = in.columns.at(ours).unit;
  if (!is_count(ours) || unit.empty()) return {0, 1.0};
  if (lower(unit).starts_with("p")) return {0, kPetaflopDay};
  return {unit_exponent(unit).value_or(0), 1.0};
}

double number(const Reader& in, const std::string& ours, std::size_t r) {
  const auto [exponent, factor] = unit_of(in, ours);
  const std::string& text = in.cell(ours, r);
  const auto value =
      parse_number(text, {.decimal_comma = in.decimal_comma, .suffix = is_count(ours), .exponent = exponent});
  if (value) return factor == 1 ? *value : *value * factor;
  fail_data("{}: column '{}' is \"{}\", which is not a number{}", in.where(r), in.columns.at(ours).header, text,
            in.decimal_comma ? " with a decimal comma (--decimal says which mark it is)" : "");
}

double positive(const Reader& in, const std::string& ours, std::size_t r) {
  const double value = number(in, ours, r);
  if (std::isfinite(value) && value > 0) return value;
  fail_data("{}: column '{}' is {}; it must be positive and finite (remove the row, or mend it)", in.where(r),
            in.columns.at(ours).header, value);
}

std::optional<double> optional_number(const Reader& in, const std::string& ours, std::size_t r) {
  if (!in.has(ours) || is_missing(in.cell(ours, r))) return std::nullopt;
  return number(in, ours, r);
}
std::optional<double> optional_positive(const Reader& in, const std::string& ours, std::size_t r) {
  if (!in.has(ours) || is_missing(in.cell(ours, r))) return std::nullopt;
  return positive(in, ours, r);
}
std::string text_in(const Reader& in, const std::string& ours, std::size_t r) {
  if (!in.has(ours)) return "";
  return in.cell(ours, r);
}

bool there(const Reader& in, const std::string& ours, std::size_t r) {
  return in.has(ours) && !is_missing(in.cell(ours, r));
}

/// Why a row is no finished run; empty if it is one.
std::string unusable(const Reader& in, std::size_t r) {
  static const std::set<std::string> bad = {
      "crashed", "crash", "failed",  "fail",     "failure",   "diverged", "killed", "running",     "preempted", "error",
      "oom",     "nan",   "aborted", "canceled", "cancelled", "pending",  "queued", "interrupted", "timeout"};
  std::vector<std::string> reasons;
  int scales = in.steps_times_batch ? 1 : 0;
  for (const char* ours : {"params", "tokens", "flops"}) scales += there(in, ours, r);
  const bool enough = scales >= 2 || (!in.options.needs.empty() && there(in, in.options.needs, r));
  for (const char* ours : {"params", "tokens", "flops", "loss"}) {
    if (!in.has(ours) || there(in, ours, r) || (enough && ours != std::string("loss"))) continue;
    const std::string text(trimmed(in.cell(ours, r)));
    reasons.push_back(fmt::format("column '{}' is {}", in.columns.at(ours).header, text.empty() ? "empty" : text));
  }
  if (in.has("status") && bad.contains(lower(trimmed(in.cell("status", r))))) {
    reasons.push_back(fmt::format("{} is {}", in.columns.at("status").header, trimmed(in.cell("status", r))));
  }
  if (in.steps_times_batch) {
    for (const char* ours : {"steps", "batch_tokens", "batch_size", "context"}) {
      const bool used = std::string(ours) == "steps" || (std::string(ours) == "batch_tokens") != in.batch_of_sequences;
      if (in.has(ours) && used && is_missing(in.cell(ours, r))) reasons.push_back(fmt::format("no {}", ours));
    }
  }
  return fmt::format("{}", fmt::join(reasons, ", "));
}

/// A loss of the table in nats, and the standard error with it.
void set_loss(const Reader& in, std::size_t r, Observation& point) {
  if (!in.has("loss")) {
    point.loss_nats = 1;
    return;
  }
  double loss = in.options.any_sign ? number(in, "loss", r) : positive(in, "loss", r);
  std::optional<double> error = optional_number(in, "loss_stderr", r);
  if (in.loss_unit == "perplexity") {
    if (!(loss > 1)) {
      fail_data("{}: column '{}' is {}; a perplexity is above 1 (is it a loss? say --loss-unit nats)", in.where(r),
                in.columns.at("loss").header, loss);
    }
    if (error) error = *error / loss;
    loss = std::log(loss);
  } else if (in.loss_unit != "nats") {
    loss *= std::numbers::ln2;
    if (error) error = *error * std::numbers::ln2;
  }
  point.loss_nats = loss;
  point.loss_stderr = error;
}

double tokens_of_steps(const Reader& in, std::size_t r) {
  const double steps = positive(in, "steps", r);
  if (!in.batch_of_sequences) return steps * positive(in, "batch_tokens", r);
  return steps * positive(in, "batch_size", r) * positive(in, "context", r);
}

Observation point_of(const Reader& in, std::size_t r) {
  Observation point;
  point.params = optional_positive(in, "params", r).value_or(0);
  point.tokens = optional_positive(in, "tokens", r).value_or(0);
  point.flops = optional_positive(in, "flops", r).value_or(0);
  if (in.steps_times_batch) point.tokens = tokens_of_steps(in, r);
  if (point.params == 0 && point.flops > 0 && point.tokens > 0) point.params = point.flops / (6 * point.tokens);
  if (point.tokens == 0 && point.flops > 0 && point.params > 0) point.tokens = point.flops / (6 * point.params);
  if (point.flops == 0) point.flops = 6 * point.params * point.tokens;
  set_loss(in, r, point);
  point.weight = optional_number(in, "weight", r).value_or(1.0);
  if (!(point.weight >= 0) || !std::isfinite(point.weight)) {
    fail_data("{}: column 'weight' is {}; it must be 0 or more", in.where(r), point.weight);
  }
  point.unique_tokens = optional_number(in, "unique_tokens", r);
  point.lr = optional_number(in, "lr", r);
  point.seed = optional_number(in, "seed", r);
  point.budget = optional_number(in, "budget", r).value_or(0.0);
  point.group = text_in(in, "group", r);
  point.shape = text_in(in, "shape", r);
  point.run = text_in(in, "run", r);
  point.steps = optional_positive(in, "steps", r);
  point.batch_tokens = optional_positive(in, "batch_tokens", r);
  if (in.steps_times_batch && in.batch_of_sequences) point.batch_tokens = point.tokens / *point.steps;
  point.counted = text_in(in, "convention", r);
  return point;
}

/// The columns with the counts that a convention asks for, in the place of params and flops.
void take_convention(Reader& in) {
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
  if (c.params != "total" && !in.out.report.own_counts) {
    take("params_" + c.params, "params", "--convention " + c.params);
    if (c.flops != "exact") in.columns.erase("flops");  // of another N
  }
  if (c.flops == "exact") take("flops_exact", "flops", "--compute exact");
}

/// Which of the columns give tokens where there is none of that name.
void derive_tokens(Reader& in) {
  const bool enough = in.has("params") + in.has("flops") == 2 && in.options.needs != "tokens";
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

void require_columns(const Reader& in) {
  const auto has = [&](const char* ours) {
    return in.has(ours) || (ours == std::string("tokens") && in.steps_times_batch);
  };
  const int scales = has("params") + has("tokens") + has("flops");
  const std::string& needs = in.options.needs;
  const bool enough = needs.empty() ? scales >= 2 : has(needs.c_str()) || scales >= 2;
  if (enough && (!in.options.need_loss || in.has("loss"))) return;
  const std::string what = needs.empty() ? "two of 'params', 'tokens', 'flops'"
                                         : fmt::format("a column '{}' (or two of 'params', 'tokens', 'flops')", needs);
  fail_data("{}: needs {}{}, but has: {}; rename with --columns params=NAME,tokens=NAME,loss=NAME", in.table.name,
            in.options.need_loss ? "a column 'loss' and " : "", what, fmt::join(in.table.header, ", "));
}

/// The decimal mark of the whole table. Errors (data): cells that show both; cells that may be either.
void find_decimal(Reader& in) {
  if (!in.options.decimal.empty()) {
    in.decimal_comma = in.options.decimal == "comma";
    return;
  }
  std::string comma, point, unsure;  // the first cell of each kind, as messages name it
  const std::set<std::string> small = {"loss", "loss_stderr", "lr", "weight"};
  for (const auto& [ours, column] : in.columns) {
    const bool text = ours == "run" || ours == "group" || ours == "shape" || ours == "convention" || ours == "status";
    if (text) continue;
    const bool little = small.contains(ours) && in.loss_unit != "perplexity";
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

void find_loss_unit(Reader& in) {
  if (!in.has("loss")) return;
  const Column& column = in.columns.at("loss");
  const std::string unit = lower(column.unit);
  if (!in.options.loss_unit.empty()) {
    in.loss_unit = in.options.loss_unit;
  } else if (column.alias == "perplexity" || unit == "perplexity" || unit == "ppl") {
    in.loss_unit = "perplexity";
  } else if (column.alias == "bits_per_byte" || unit.find("byte") != unit.npos || unit == "bpb") {
    in.loss_unit = unit.starts_with("nat") ? "nats" : "bits_per_byte";
  } else if (column.alias == "bits" || unit.starts_with("bit")) {
    in.loss_unit = "bits";
  }
}

std::string unit_text(const Reader& in, const std::string& ours) {
  const auto [exponent, factor] = unit_of(in, ours);
  if (factor != 1) return " (petaflop/s-days)";
  if (exponent != 0) return fmt::format(" ({})", unit_name(exponent));
  if (ours != "loss" || in.loss_unit == "nats") return "";
  if (in.loss_unit == "perplexity") return " (perplexity: its logarithm)";
  return in.loss_unit == "bits" ? " (bits: x ln 2, nats)" : " (bits a byte: x ln 2, nats a byte)";
}

/// A count that is not written as plain digits, "70M" or "117,933,375", for a first look at how they were read.
std::string unusual_count(const Reader& in) {
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

void describe_columns(Reader& in) {
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
void group_runs(Reader& in) {
  auto& points = in.out.points;
  auto& report = in.out.report;
  report.grouped = std::ranges::any_of(points, [](const Observation& o) { return !o.group.empty(); });
  if (report.grouped) return;
  std::map<std::string, std::size_t> rows;
  for (const Observation& o : points) {
    if (!o.run.empty()) ++rows[o.run];
  }
  const auto repeated = std::ranges::count_if(rows, [](const auto& item) { return item.second > 1; });
  if (repeated == 0 || rows.size() < 2) return;  // one value names no run
  for (Observation& o : points) {
    if (!o.run.empty()) o.group = o.run;
  }
  report.grouped = true;
  report.understood.push_back(
      fmt::format("rows of one '{}' are one group, {} of them", in.columns.at("run").header, rows.size()));
}

void note_repeated_rows(Reader& in) {
  std::set<std::vector<std::string>> seen;
  std::size_t repeated = 0, first = 0;
  for (std::size_t r = 0; r < in.table.rows.size(); ++r) {
    if (seen.insert(in.table.rows[r]).second) continue;
    if (repeated++ == 0) first = in.table.lines[r];
  }
  if (repeated == 0) return;
  in.out.report.warnings.push_back(
      fmt::format("{}: {} rows repeat an earlier row cell for cell, first row {}: if the same runs are there twice, "
                  "remove one copy",
                  in.table.name, repeated, first));
}

}  // namespace

ReadObservations observations_of(const Table& table, const ReadOptions& options) {
  Reader in{.table = table, .options = options, .columns = find_columns(table, options.columns)};
  take_convention(in);
  derive_tokens(in);
  require_columns(in);
  find_loss_unit(in);
  find_decimal(in);
  describe_columns(in);
  ReadReport& report = in.out.report;
  report.file = table.name;
  report.rows = table.rows.size();
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    if (const std::string reason = unusable(in, r); !reason.empty()) {
      report.skipped.push_back({table.lines[r], text_in(in, "run", r), reason});
      continue;
    }
    in.out.points.push_back(point_of(in, r));
    in.out.lines.push_back(table.lines[r]);
  }
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

}  // namespace scalelaw
