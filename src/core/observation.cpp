#include "core/observation.hpp"

#include <algorithm>
#include <charconv>

#include <fmt/ranges.h>

#include "core/csv.hpp"
#include "core/format.hpp"

namespace scalelaw {
namespace {

double number_in(const std::string& text, const std::string& column, const std::string& where) {
  double value = 0;
  const auto begin = text.find_first_not_of(" \t");
  const auto end = text.find_last_not_of(" \t");
  if (begin != std::string::npos) {
    const char* first = text.data() + begin + (text[begin] == '+' ? 1 : 0);
    const char* last = text.data() + end + 1;
    const auto parsed = std::from_chars(first, last, value);
    if (parsed.ec == std::errc{} && parsed.ptr == last) return value;
  }
  fail_data("{}: column '{}' is \"{}\", which is not a number", where, column, text);
}

double positive_in(double value, const std::string& column, const std::string& where) {
  if (std::isfinite(value) && value > 0) return value;
  fail_data("{}: column '{}' is {}; it must be positive and finite (remove the row, or mend it)", where, column, value);
}

/// Columns of one file, under our names.
struct Columns {
  const CsvTable& table;
  const std::map<std::string, std::string>& renames;
  std::string file;

  [[nodiscard]] std::string file_name_of(const std::string& name) const {
    const auto it = renames.find(name);
    return it == renames.end() ? name : it->second;
  }
  [[nodiscard]] std::size_t find(const std::string& name) const {
    const std::size_t index = table.column(file_name_of(name));
    if (index == CsvTable::npos && renames.contains(name)) {
      fail_data("{}: --columns names '{}' for {}, but the columns are {}", file, file_name_of(name), name,
                fmt::join(table.header, ", "));
    }
    return index;
  }
};

const std::vector<std::string>& known_columns() {
  static const std::vector<std::string> names = {
      "params",        "tokens", "flops", "loss",  "run",    "loss_stderr", "weight",       "group",
      "unique_tokens", "lr",     "seed",  "shape", "budget", "steps",       "batch_tokens", "convention"};
  return names;
}

}  // namespace

std::string shape_name(const ModelSpec& model) { return fmt::format("d{} L{}", model.d_model, model.n_layer); }

double params_of(const RunRecord& record, const Convention& convention) {
  if (convention.params == "total") return static_cast<double>(record.params.total);
  if (convention.params == "non_embedding") return static_cast<double>(record.params.non_embedding);
  return static_cast<double>(record.params.effective);
}

double flops_of(const RunRecord& record, const Convention& convention) {
  if (convention.flops == "exact") return record.flops.exact;
  return 6.0 * params_of(record, convention) * static_cast<double>(record.tokens);
}

std::optional<Observation> observe(const RunRecord& record, const Convention& convention) {
  if (record.outcome.status != "completed" || !record.loss.nats) return std::nullopt;
  Observation point;
  point.params = params_of(record, convention);
  point.tokens = static_cast<double>(record.tokens);
  point.flops = flops_of(record, convention);
  point.loss_nats = *record.loss.nats;
  point.loss_stderr = record.loss.stderr_nats;
  point.group = record.trunk;
  if (record.spec.data.unique_tokens > 0) point.unique_tokens = static_cast<double>(record.spec.data.unique_tokens);
  point.lr = record.spec.optimizer.lr;
  point.seed = static_cast<double>(record.spec.seed);
  point.run = record.id;
  point.shape = shape_name(record.spec.model);
  point.steps = static_cast<double>(run_steps(record.spec));
  point.batch_tokens = static_cast<double>(record.spec.data.batch_tokens);
  return point;
}

std::vector<Observation> read_observations(const std::filesystem::path& path,
                                           const std::map<std::string, std::string>& columns, bool need_loss) {
  const CsvTable table = read_csv(path);
  const std::string file = path.string();
  for (const auto& [ours, theirs] : columns) {
    if (std::ranges::find(known_columns(), ours) != known_columns().end()) continue;
    fail_config("--columns {}={}: '{}' is not a column of ours; ours are {}", ours, theirs, ours,
                fmt::join(known_columns(), ", "));
  }
  const Columns find{table, columns, file};
  std::map<std::string, std::size_t> index;
  for (const auto& name : known_columns()) {
    const std::size_t i = find.find(name);
    if (i != CsvTable::npos) index[name] = i;
  }
  const std::size_t scales = index.count("params") + index.count("tokens") + index.count("flops");
  if (scales < 2 || (need_loss && !index.contains("loss"))) {
    fail_data(
        "{}: needs {}two of 'params', 'tokens', 'flops', but has: {}; rename with --columns "
        "params=NAME,tokens=NAME,loss=NAME",
        file, need_loss ? "a column 'loss' and " : "", fmt::join(table.header, ", "));
  }
  std::vector<Observation> points;
  for (std::size_t r = 0; r < table.rows.size(); ++r) {
    const auto& row = table.rows[r];
    const std::string where = fmt::format("{}: row {}", file, r + 2);
    const auto text = [&](const char* name) { return index.contains(name) ? row[index.at(name)] : std::string(); };
    const auto number = [&](const char* name) {
      return number_in(row[index.at(name)], find.file_name_of(name), where);
    };
    const auto required = [&](const char* name) { return positive_in(number(name), find.file_name_of(name), where); };
    const auto optional = [&](const char* name) -> std::optional<double> {
      if (text(name).empty()) return std::nullopt;
      return number(name);
    };
    const auto optional_positive = [&](const char* name) -> std::optional<double> {
      if (text(name).empty()) return std::nullopt;
      return required(name);
    };
    Observation point;
    if (index.contains("params")) point.params = required("params");
    if (index.contains("tokens")) point.tokens = required("tokens");
    if (index.contains("flops")) point.flops = required("flops");
    if (point.params == 0) point.params = point.flops / (6 * point.tokens);
    if (point.tokens == 0) point.tokens = point.flops / (6 * point.params);
    if (point.flops == 0) point.flops = 6 * point.params * point.tokens;
    point.loss_nats = index.contains("loss") ? required("loss") : 1.0;
    point.loss_stderr = optional("loss_stderr");
    point.weight = optional("weight").value_or(1.0);
    if (!(point.weight >= 0) || !std::isfinite(point.weight)) {
      fail_data("{}: column 'weight' is {}; it must be 0 or more", where, point.weight);
    }
    point.unique_tokens = optional("unique_tokens");
    point.lr = optional("lr");
    point.seed = optional("seed");
    point.budget = optional("budget").value_or(0.0);
    point.group = text("group");
    point.shape = text("shape");
    point.run = text("run");
    point.steps = optional_positive("steps");
    point.batch_tokens = optional_positive("batch_tokens");
    point.counted = text("convention");
    points.push_back(std::move(point));
  }
  return points;
}

std::string observations_csv(const std::vector<Observation>& points) {
  std::string out =
      "run,shape,params,tokens,flops,loss,loss_stderr,weight,group,unique_tokens,lr,seed,budget,steps,batch_tokens,"
      "convention\n";
  const auto cell = [](const std::optional<double>& x) { return x ? exact_number(*x) : std::string(); };
  for (const auto& p : points) {
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_cell(p.run), csv_cell(p.shape),
                       exact_number(p.params), exact_number(p.tokens), exact_number(p.flops), exact_number(p.loss_nats),
                       cell(p.loss_stderr), exact_number(p.weight), csv_cell(p.group), cell(p.unique_tokens),
                       cell(p.lr), cell(p.seed), p.budget > 0 ? exact_number(p.budget) : std::string(), cell(p.steps),
                       cell(p.batch_tokens), csv_cell(p.counted));
  }
  return out;
}

}  // namespace scalelaw
