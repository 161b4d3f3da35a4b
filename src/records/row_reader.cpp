#include "records/row_reader.hpp"

#include <fmt/ranges.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <optional>
#include <set>
#include <vector>

#include "core/cells.hpp"
#include "os/error.hpp"

namespace scalelaw::inline records {
namespace {

constexpr double kPetaflopDay = 8.64e19;  // 1e15 FLOP/s for 86400 s

bool is_count(const std::string& ours) {
  static const std::set<std::string> counts = {"params", "tokens",       "flops",      "unique_tokens", "budget",
                                               "steps",  "batch_tokens", "batch_size", "context"};
  return counts.contains(ours);
}

/// The number of a cell, infinite where no double holds it. Errors (data): it is none.
double number(const TableReader& in, const std::string& ours, std::size_t r) {
  const auto [exponent, factor] = unit_of(in, ours);
  const std::string& text = in.cell(ours, r);
  const NumberForm form{.decimal_comma = in.decimal_comma, .suffix = is_count(ours), .exponent = exponent};
  if (const auto value = parse_number(text, form)) return factor == 1 ? *value : *value * factor;
  if (beyond_range(text, form)) return std::numeric_limits<double>::infinity();
  fail_data("{}: column '{}' is \"{}\", which is not a number{}", in.where(r), in.columns.at(ours).header, text,
            in.decimal_comma ? " with a decimal comma (--decimal says which mark it is)" : "");
}

bool there(const TableReader& in, const std::string& ours, std::size_t r) {
  return in.has(ours) && !is_missing(in.cell(ours, r));
}

std::optional<double> optional_number(const TableReader& in, const std::string& ours, std::size_t r) {
  if (!there(in, ours, r)) return std::nullopt;
  return number(in, ours, r);
}

/// The columns that give tokens where steps x batch do.
std::vector<std::string> token_columns(const TableReader& in) {
  if (!in.steps_times_batch) return {};
  return in.batch_of_sequences ? std::vector<std::string>{"steps", "batch_size", "context"}
                               : std::vector<std::string>{"steps", "batch_tokens"};
}

/// A loss of the table in nats, and the standard error with it.
void set_loss(const TableReader& in, std::size_t r, Observation& point) {
  if (!in.has("loss")) {
    point.loss_nats = 1;
    return;
  }
  double loss = number(in, "loss", r);
  std::optional<double> error = optional_number(in, "loss_stderr", r);
  if (in.loss_unit == LossUnit::perplexity) {
    if (error) error = *error / loss;
    loss = std::log(loss);
  } else if (in.loss_unit == LossUnit::bits_per_byte && in.options.keep_bits_per_byte) {
    point.loss_unit = LossUnit::bits_per_byte;
  } else if (in.loss_unit != LossUnit::nats) {
    loss *= std::numbers::ln2;
    if (error) error = *error * std::numbers::ln2;
  }
  point.loss_nats = loss;
  point.loss_stderr = error;
}

}  // namespace

std::string TableReader::where(std::size_t r) const { return fmt::format("{}: row {}", table.name, table.lines[r]); }

std::pair<int, double> unit_of(const TableReader& in, const std::string& ours) {
  const std::array given = {in.options.params_unit, in.options.tokens_unit, std::optional<int>(),
                            in.options.flops_unit};
  const auto quantity = find_named<Quantity>(ours);
  if (quantity && given[static_cast<std::size_t>(*quantity)]) return {*given[static_cast<std::size_t>(*quantity)], 1.0};
  const std::string& unit = in.columns.at(ours).unit;
  if (!is_count(ours) || unit.empty()) return {0, 1.0};
  if (lower(unit).starts_with("p")) return {0, kPetaflopDay};
  return {unit_exponent(unit).value_or(0), 1.0};
}

std::string not_finished(const TableReader& in, std::size_t r) {
  static const std::set<std::string> bad = {
      "crashed", "crash", "failed",  "fail",     "failure",   "diverged", "killed", "running",     "preempted", "error",
      "oom",     "nan",   "aborted", "canceled", "cancelled", "pending",  "queued", "interrupted", "timeout"};
  std::vector<std::string> reasons;
  int scales = in.steps_times_batch ? 1 : 0;
  for (const char* ours : {"params", "tokens", "flops"}) scales += there(in, ours, r);
  const bool enough = scales >= 2 || (in.options.needs && there(in, std::string(name_of(*in.options.needs)), r));
  for (const char* ours : {"params", "tokens", "flops", "loss"}) {
    if (!in.has(ours) || there(in, ours, r) || (enough && ours != std::string("loss"))) continue;
    const std::string text(trimmed(in.cell(ours, r)));
    reasons.push_back(fmt::format("column '{}' is {}", in.columns.at(ours).header, text.empty() ? "empty" : text));
  }
  if (in.has("status") && bad.contains(lower(trimmed(in.cell("status", r))))) {
    reasons.push_back(fmt::format("{} is {}", in.columns.at("status").header, trimmed(in.cell("status", r))));
  }
  for (const std::string& ours : token_columns(in)) {
    if (in.has(ours) && is_missing(in.cell(ours, r))) reasons.push_back(fmt::format("no {}", ours));
  }
  return fmt::format("{}", fmt::join(reasons, ", "));
}

std::string bad_number(const TableReader& in, std::size_t r) {
  const auto problem = [&](const std::string& ours, const char* must) {
    return fmt::format("column '{}' is {}; {}", in.columns.at(ours).header, trimmed(in.cell(ours, r)), must);
  };
  const bool any_sign = in.options.any_sign && in.loss_unit != LossUnit::perplexity;
  for (const std::string& ours : our_columns()) {
    static const std::set<std::string> text = {"run", "group", "shape", "convention"};
    static const std::set<std::string> positive = {"params", "tokens", "flops", "steps", "batch_tokens"};
    if (text.contains(ours) || !there(in, ours, r)) continue;
    const double value = number(in, ours, r);
    const bool finite = std::isfinite(value);
    if ((positive.contains(ours) || (ours == "loss" && !any_sign)) && !(finite && value > 0)) {
      return problem(ours, "it must be positive and finite");
    }
    if (ours == "loss" && in.loss_unit == LossUnit::perplexity && !(value > 1)) {
      return problem(ours, "a perplexity is above 1 (is it a loss? say --loss-unit nats)");
    }
    if (ours == "weight" && !(finite && value >= 0)) return problem(ours, "it must be 0 or more");
    if (!finite) return problem(ours, "it must be finite");
  }
  for (const std::string& ours : token_columns(in)) {  // batch_size and context are none of ours
    const double value = number(in, ours, r);
    if (!(std::isfinite(value) && value > 0)) return problem(ours, "it must be positive and finite");
  }
  return "";
}

Observation point_of(const TableReader& in, std::size_t r) {
  Observation point;
  point.params = optional_number(in, "params", r).value_or(0);
  point.tokens = optional_number(in, "tokens", r).value_or(0);
  point.flops = optional_number(in, "flops", r).value_or(0);
  if (in.steps_times_batch) {
    point.tokens = 1;
    for (const std::string& ours : token_columns(in)) point.tokens *= number(in, ours, r);
  }
  if (point.params == 0 && point.flops > 0 && point.tokens > 0) point.params = point.flops / (6 * point.tokens);
  if (point.tokens == 0 && point.flops > 0 && point.params > 0) point.tokens = point.flops / (6 * point.params);
  if (point.flops == 0) point.flops = 6 * point.params * point.tokens;
  set_loss(in, r, point);
  point.weight = optional_number(in, "weight", r).value_or(1.0);
  point.unique_tokens = optional_number(in, "unique_tokens", r);
  point.lr = optional_number(in, "lr", r);
  point.seed = optional_number(in, "seed", r);
  point.budget = optional_number(in, "budget", r).value_or(0.0);
  point.group = in.text("group", r);
  point.shape = in.text("shape", r);
  point.run = in.text("run", r);
  point.steps = optional_number(in, "steps", r);
  point.batch_tokens = optional_number(in, "batch_tokens", r);
  if (in.steps_times_batch && in.batch_of_sequences) point.batch_tokens = point.tokens / *point.steps;
  point.counted = in.text("convention", r);
  return point;
}

}  // namespace scalelaw::inline records
