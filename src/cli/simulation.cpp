#include "cli/simulation.hpp"

#include <algorithm>

#include "design/plan.hpp"
#include "os/files.hpp"
#include "records/shape.hpp"
#include "select/select.hpp"
#include "sim/resolve.hpp"
#include "sim/simulate.hpp"
#include "study/store.hpp"

namespace scalelaw::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRecords = "data/records/tutorial.csv";

/// Observations to refit amplitudes to, and what to call them: names are part of run ids, so they hold no paths.
struct Measured {
  std::string name;
  std::vector<Observation> points;
};

/// Tuned points of the trained records of a study, of models like the config's.
Measured measured_in(const fs::path& folder, const StudyConfig& config, const Convention& convention) {
  Measured measured{.name = "this study's trained runs", .points = {}};
  std::error_code error;
  if (!fs::is_directory(folder / "runs", error)) return measured;
  std::vector<RunRecord> records;
  for (auto& [id, record] : read_records(folder).records) {
    const ModelSpec& model = record.spec.model;
    if (record.source == RunSource::trained && model.vocab == config.model.spec.vocab &&
        model.context == config.model.spec.context) {
      records.push_back(std::move(record));
    }
  }
  measured.points = select_observations(records, {.convention = convention}).observations;
  return measured;
}

/// The shape that a row of data/records names, "d32 L2": bytes, an MLP of 4 x d_model, heads of the default width, with
/// learned scales or without, as its number of parameters says.
std::optional<ModelSpec> shape_of(const Observation& point) {
  long long d_model = 0, n_layer = 0;
  if (std::sscanf(point.shape.c_str(), "d%lld L%lld", &d_model, &n_layer) != 2) return std::nullopt;
  const std::int64_t d_head = default_d_head(d_model);
  ModelSpec model{
      .d_model = d_model, .n_layer = n_layer, .d_head = d_head, .n_head = d_model / d_head, .d_ff = 4 * d_model};
  for (const QkScale scale : {QkScale::learned, QkScale::none}) {
    model.qk_scale.name = scale;
    if (static_cast<double>(count_params(model).total) == point.params) return model;
  }
  return std::nullopt;
}

/// The rows of data/records with N and C counted as `convention` says.
Measured measured_records(const fs::path& config_folder, const Convention& convention) {
  Measured measured{.name = kRecords, .points = {}};
  const std::optional<fs::path> file = find_data_file(kRecords, config_folder);
  if (!file) return measured;
  for (Observation point : read_observations(*file)) {
    if (point.unique_tokens.value_or(point.tokens) < point.tokens) continue;
    if (convention.params != ParamsCount::total) {
      const std::optional<ModelSpec> model = shape_of(point);
      if (!model) continue;
      point.params = counted_params(*model, convention.params);
      point.flops = 6 * point.params * point.tokens;
    }
    measured.points.push_back(std::move(point));
  }
  return measured;
}

std::vector<RunSpec> planned_specs(const StudyConfig& config) {
  const Plan plan = make_plan(config, nullptr);
  std::vector<RunSpec> specs;
  for (const auto* runs : {&plan.runs, &plan.transfer}) {
    for (const PlannedRun& run : *runs) specs.push_back(run.spec);
  }
  return specs;
}

}  // namespace

std::optional<fs::path> find_data_file(const fs::path& file, const std::optional<fs::path>& config_folder) {
  const fs::path program = program_folder();
  std::vector<fs::path> folders = {".", program / ".." / "..", program / ".." / "share" / "scalelaw"};
  if (config_folder) folders.insert(folders.begin(), {*config_folder, *config_folder / ".."});
  for (const fs::path& folder : folders) {
    std::error_code error;
    const fs::path path = folder == "." ? file : folder / file;
    if (fs::is_regular_file(path, error)) return path;
  }
  return std::nullopt;
}

std::string settle_simulation(SimulationSpec& simulation, const StudyConfig& config, const std::vector<RunSpec>& runs,
                              const AnchorPlaces& places) {
  const std::vector<Outside> below = below_published_runs(simulation, runs);
  std::string line;
  if (!below.empty()) {
    const Law law = simulation_law(simulation);
    std::optional<SimulationSpec> anchored;
    for (const fs::path& folder : places.study_folders) {
      const Measured measured = measured_in(folder, config, law.convention);
      if (!anchored && !measured.points.empty()) anchored = anchored_to(simulation, measured.points, measured.name);
    }
    if (!anchored) {
      const Measured measured = measured_records(places.config_folder, law.convention);
      if (!measured.points.empty()) anchored = anchored_to(simulation, measured.points, measured.name);
    }
    const std::string where = fmt::format("outside the runs behind {} ({})", simulation.law, describe(below));
    line = anchored ? fmt::format(
                          "the design lies {}: its exponents are kept and its amplitudes refitted to {}; "
                          "simulation.anchor = \"published\" keeps the published ones",
                          where, anchored->anchored)
                    : fmt::format(
                          "the design lies {}, and no measured runs that its amplitudes could be refitted to were "
                          "found: simulated as published; name some with simulation.anchor",
                          where);
    if (anchored) simulation = *anchored;
  }
  check_simulated_losses(simulation, runs);
  return line;
}

/// The simulation that a study began with, if it is this one with its amplitudes refitted: going on with it keeps the
/// ids of its runs, whatever has been measured since.
std::optional<SimulationSpec> begun_with(const SimulationSpec& simulation, const fs::path& study_folder) {
  std::error_code error;
  if (!simulation.anchored.empty() || !fs::exists(config_path(study_folder), error)) return std::nullopt;
  try {
    const SimulationSpec before = load_study_config(study_folder).simulation;
    SimulationSpec plain = before;
    plain.params = simulation.params;
    plain.anchored = simulation.anchored;
    if (!before.anchored.empty() && to_json_fields(plain) == to_json_fields(simulation)) return before;
  } catch (const Error&) {
    return std::nullopt;  // unreadable: it is written anew
  }
  return std::nullopt;
}

std::string settle_study_simulation(StudyConfig& config, const fs::path& config_file, const fs::path& study_folder) {
  if (const auto before = begun_with(config.simulation, study_folder)) {
    config.simulation = *before;
    return fmt::format("as the study began: the exponents of {} and its amplitudes refitted to {}\n", before->law,
                       before->anchored);
  }
  const std::vector<fs::path> folders = {study_folder};
  const std::string line = settle_simulation(config.simulation, config, planned_specs(config),
                                             {.config_folder = config_file.parent_path(), .study_folders = folders});
  return line.empty() ? "" : line + "\n";
}

}  // namespace scalelaw::cli
