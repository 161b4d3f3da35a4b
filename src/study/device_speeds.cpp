#include "study/device_speeds.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "records/job.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline study {
namespace {

/// Fails where a key that a T has is not in the object: read_fields takes it as its default.
template <class T>
void require_all_keys(const Json& object, const Source& source, const std::string& parent) {
  const Json all = to_json_fields(T{});
  for (const auto& [key, value] : all.items()) {
    if (!object.contains(key)) source.fail(detail::join_key(parent, key), "is missing");
  }
}

ModelSpec model_of(const DeviceSpeedRow& row) {
  return {.d_model = row.d_model,
          .n_layer = row.n_layer,
          .d_head = row.d_head,
          .n_head = row.d_model / row.d_head,
          .d_ff = 4 * row.d_model,
          .context = row.context,
          .vocab = row.vocab};
}

double as_double(std::int64_t n) { return static_cast<double>(n); }

/// What a law charges a step of so many layers for, beside its FLOPs.
double launches(std::int64_t n_layer) { return as_double(n_layer + 2); }

/// Sum of squares of the law's relative errors.
double misfit(const StepLaw& law, const std::vector<DeviceSpeedRow>& rows) {
  double sum = 0;
  for (const DeviceSpeedRow& row : rows) {
    const double error = step_seconds(law, row.n_layer, row.flops_per_step) / row.step_s - 1;
    sum += error * error;
  }
  return sum;
}

/// Both coefficients from the normal equations, in numbers x = launches / seconds and y = FLOPs / seconds of a row, for
/// which the law should give 1. Where one would be negative, or the rows cannot tell them apart, the better of the laws
/// with one coefficient alone.
void solve(StepLaw& law, const std::vector<DeviceSpeedRow>& rows) {
  double xx = 0, xy = 0, yy = 0, x1 = 0, y1 = 0;
  for (const DeviceSpeedRow& row : rows) {
    const double x = launches(row.n_layer) / row.step_s, y = row.flops_per_step / row.step_s;
    xx += x * x;
    xy += x * y;
    yy += y * y;
    x1 += x;
    y1 += y;
  }
  constexpr double kSingular = 1e-9;  // of what the determinant is the difference of
  const double determinant = xx * yy - xy * xy;
  law.launch_s_per_layer = (x1 * yy - y1 * xy) / determinant;
  law.s_per_flop = (y1 * xx - x1 * xy) / determinant;
  if (determinant > kSingular * xx * yy && law.launch_s_per_layer >= 0 && law.s_per_flop >= 0) return;
  StepLaw by_launches = law;
  by_launches.launch_s_per_layer = x1 / xx;
  by_launches.s_per_flop = 0;
  law.launch_s_per_layer = 0;
  law.s_per_flop = y1 / yy;
  if (misfit(by_launches, rows) < misfit(law, rows)) law = by_launches;
}

}  // namespace

DeviceSpeeds read_device_speeds(const std::filesystem::path& file) {
  const Json value = read_json_file(file);
  const Source source{.name = file.string(), .origin = {}, .code = ExitCode::data};
  DeviceSpeeds table;
  read_fields(value, table, source);
  require_all_keys<DeviceSpeeds>(value, source, "");
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const std::string key = fmt::format("rows[{}]", i);
    require_all_keys<DeviceSpeedRow>(value.at("rows")[i], source, key);
    const DeviceSpeedRow& row = table.rows[i];
    const double flops = as_double(row.members * row.batch_tokens) * flops_per_token(model_of(row));
    constexpr double kTolerance = 0.01;
    if (std::abs(row.flops_per_step / flops - 1) > kTolerance) {
      source.fail(key + ".flops_per_step", fmt::format("is {:g}, but {} members of this shape take {:g}",
                                                       row.flops_per_step, row.members, flops));
    }
  }
  return table;
}

StepLaw fit_step_law(const DeviceSpeeds& table, Precision precision, AskedGraph graph, const std::string& name) {
  std::vector<DeviceSpeedRow> rows;
  std::set<std::string> kinds;
  for (const DeviceSpeedRow& row : table.rows) {
    kinds.insert(fmt::format("{} with graph {}", row.precision, row.graph));
    if (row.precision == precision && row.graph == graph) rows.push_back(row);
  }
  constexpr std::int64_t kFewest = 3;  // two would lie on any line
  if (std::ssize(rows) < kFewest) {
    fail_data("{}: {} rows of {} with graph {}, and the study needs {} at least; it has rows of: {}", name, rows.size(),
              precision, graph, kFewest, kinds.empty() ? "nothing" : fmt::format("{}", fmt::join(kinds, ", ")));
  }
  StepLaw law{.device = table.device, .torch = table.torch, .precision = precision, .graph = graph};
  law.rows = std::ssize(rows);
  solve(law, rows);
  law.rms_error = std::sqrt(misfit(law, rows) / as_double(law.rows));
  const auto [least, most] = std::ranges::minmax_element(rows, {}, &DeviceSpeedRow::flops_per_step);
  law.least_flops = least->flops_per_step;
  law.most_flops = most->flops_per_step;
  return law;
}

double step_seconds(const StepLaw& law, std::int64_t n_layer, double flops) {
  return law.launch_s_per_layer * launches(n_layer) + law.s_per_flop * flops;
}

double step_flops(const std::vector<RunSpec>& runs) {
  const RunSpec& spec = runs.front();
  return as_double(std::ssize(members_of(runs)) * spec.data.batch_tokens) * flops_per_token(spec.model);
}

Speed speed_by_law(const StepLaw& law, const std::vector<RunSpec>& runs) {
  const ModelSpec& model = runs.front().model;
  const double eval_flops = as_double(kDeviceEvalTokens) * flops_per_token(model) / 3;
  return {.start_s = 0,
          .member_step_s = step_seconds(law, model.n_layer, step_flops(runs)) / as_double(std::ssize(members_of(runs))),
          .eval_token_s = step_seconds(law, model.n_layer, eval_flops) / as_double(kDeviceEvalTokens),
          .engine = ""};
}

}  // namespace scalelaw::inline study
