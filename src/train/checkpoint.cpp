#include "train/checkpoint.hpp"

#include <algorithm>

#include "core/json.hpp"
#include "os/files.hpp"

namespace scalelaw::inline train {
namespace {

constexpr const char* kSchema = "scalelaw.checkpoint/1";

std::int64_t size_of(const std::vector<std::int64_t>& v) { return static_cast<std::int64_t>(v.size()); }

}  // namespace

void store_stack(TensorFile& file, const std::string& prefix, const StackSetup& setup, const Stack& stack) {
  const std::int64_t k = stack.members(), p = setup.layout.params, points = size_of(stack.curve.steps);
  file.put(prefix + ".parameters", {k, p}, stack.parameters.download());
  file.put(prefix + ".moment1", {k, p}, stack.moment1.download());
  file.put(prefix + ".moment2", {k, p}, stack.moment2.download());
  file.put(prefix + ".diverged", {k}, stack.diverged.download());
  file.put(prefix + ".step", {3}, std::vector<std::int64_t>{stack.step, points, stack.curve.pending});
  file.put(prefix + ".curve.steps", {points}, stack.curve.steps);
  file.put(prefix + ".curve.loss", {points, k}, stack.curve.loss);
  file.put(prefix + ".curve.norm", {points, k}, stack.curve.norm);
  file.put(prefix + ".curve.loss_sum", {k}, stack.curve.loss_sum);
  file.put(prefix + ".curve.norm_sum", {k}, stack.curve.norm_sum);
}

void restore_stack(const TensorFile& file, const std::string& prefix, const StackSetup& setup, Stack& stack) {
  const std::int64_t k = stack.members(), p = setup.layout.params;
  const std::vector<std::int64_t> counts = file.get<std::int64_t>(prefix + ".step", {3});
  const std::int64_t points = counts[1];
  stack.parameters.upload(file.get<float>(prefix + ".parameters", {k, p}));
  stack.moment1.upload(file.get<float>(prefix + ".moment1", {k, p}));
  stack.moment2.upload(file.get<float>(prefix + ".moment2", {k, p}));
  stack.diverged.upload(file.get<std::int64_t>(prefix + ".diverged", {k}));
  stack.step = counts[0];
  stack.curve.pending = counts[2];
  stack.curve.steps = file.get<std::int64_t>(prefix + ".curve.steps", {points});
  stack.curve.loss = file.get<double>(prefix + ".curve.loss", {points, k});
  stack.curve.norm = file.get<double>(prefix + ".curve.norm", {points, k});
  stack.curve.loss_sum = file.get<double>(prefix + ".curve.loss_sum", {k});
  stack.curve.norm_sum = file.get<double>(prefix + ".curve.norm_sum", {k});
}

void save_checkpoint(const std::filesystem::path& path, const std::string& job_id,
                     const std::vector<std::string>& run_ids, const StackSetup& setup, const JobState& state) {
  TensorFile file;
  Json runs = Json::array();
  for (const std::size_t run : state.runs) runs.push_back(run_ids[run]);
  file.metadata = {{"schema", kSchema},
                   {"job", job_id},
                   {"branch", std::to_string(state.branch)},
                   {"cooldown", state.cooldown ? runs.dump() : ""},
                   {"curve_stride", std::to_string(setup.curve_stride)},
                   {"engine", setup.engine.reason},
                   {"trained_s", Json(state.trained_s).dump()}};
  store_stack(file, "trunk", setup, state.trunk);
  if (state.cooldown) store_stack(file, "cooldown", setup, *state.cooldown);
  write_file_atomic(path, to_safetensors(file));
}

JobState load_checkpoint(const std::filesystem::path& path, const ExpectedState& expected, const StackSetup& setup) {
  const TensorFile file = from_safetensors(read_text_file(path), path.string());
  try {
    if (file.meta("schema") != kSchema) fail_data("its schema is {}, not {}", file.meta("schema"), kSchema);
    if (file.meta("job") != expected.job_id) fail_data("it belongs to job {}", file.meta("job"));
    if (file.meta("curve_stride") != std::to_string(setup.curve_stride)) fail_data("its curve has another stride");
    if (file.meta("engine") != setup.engine.reason) fail_data("it was made by {}", file.meta("engine"));
    JobState state;
    state.branch = Json::parse(file.meta("branch")).get<std::size_t>();
    state.trained_s = Json::parse(file.meta("trained_s")).get<double>();
    if (state.branch >= expected.trunk.size()) fail_data("it is at branch {}", state.branch);
    state.trunk = make_stack(setup, expected.trunk[state.branch]);
    restore_stack(file, "trunk", setup, state.trunk);
    if (file.meta("cooldown").empty()) return state;
    std::vector<RunSpec> specs;
    for (const auto& id : Json::parse(file.meta("cooldown")).get<std::vector<std::string>>()) {
      const auto it = std::find(expected.run_ids.begin(), expected.run_ids.end(), id);
      if (it == expected.run_ids.end()) fail_data("it holds run {}, which is not in the job", id);
      state.runs.push_back(static_cast<std::size_t>(it - expected.run_ids.begin()));
      specs.push_back(expected.runs[state.runs.back()]);
    }
    state.cooldown = make_stack(setup, specs);
    restore_stack(file, "cooldown", setup, *state.cooldown);
    return state;
  } catch (const Error& e) {
    fail_data("{}: {}", path.string(), e.what());
  } catch (const Json::exception&) {
    fail_data("{}: its metadata is malformed", path.string());
  }
}

}  // namespace scalelaw::inline train
