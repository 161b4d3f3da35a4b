#include "sim/resolve.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/json.hpp"
#include "law/published.hpp"
#include "sim/reanchor.hpp"
#include "sim/simulate.hpp"

namespace scalelaw::inline sim {
namespace {

namespace fs = std::filesystem;

/// Beside the config, else from where the program is started.
fs::path locate(const fs::path& folder, const std::string& name) {
  return fs::exists(folder / name) ? folder / name : fs::path(name);
}

double six_digits(double value) { return std::strtod(fmt::format("{:.5e}", value).c_str(), nullptr); }

void take_fit(SimulationSpec& simulation, const fs::path& file) {
  const std::string name = file.string();
  if (!fs::is_regular_file(file)) {
    fail_data("simulation law: {}: no such file; scalelaw fit INPUT --json FILE writes one", name);
  }
  const Json fit = read_json_file(file);
  if (!fit.is_object() || fit.value("schema", Json()) != kFitSchema || !fit.contains("law") ||
      !fit.contains("params")) {
    fail_data("simulation law: {}: is not a fit (schema \"{}\"); scalelaw fit INPUT --json FILE writes one", name,
              kFitSchema);
  }
  // FitStatus and its names belong to the room fit, which this one may not include.
  const std::string status = fit.value("/convergence/status"_json_pointer, std::string("unknown"));
  if (status != "converged") {
    fail_data("simulation law: {}: the fit did not converge (status {}); its constants describe nothing", name, status);
  }
  simulation.law = fit.at("law").get<std::string>();
  for (const auto& [constant, value] : fit.at("params").items()) {
    if (value.is_number()) simulation.params.try_emplace(constant, value.get<double>());
  }
  if (const auto kind = find_named<LawKind>(simulation.law)) {
    for (const Constant& constant : law_form(*kind).constants) {
      if (constant.optional) simulation.params.try_emplace(constant.name, 0.0);  // fitted without it
    }
  }
  if (!simulation.convention) {
    const std::string counted = fit.value("/convention/params"_json_pointer, std::string("total"));
    simulation.convention = find_named<ParamsCount>(counted);
    if (!simulation.convention) {
      fail_data("simulation law: {}: counts N as '{}'; what counts as N is one of {}", name, counted,
                list_of_names<ParamsCount>());
    }
  }
}

void take_anchor(SimulationSpec& simulation, const fs::path& given) {
  const fs::path file = fs::is_directory(given) ? given / "records.csv" : given;
  if (!fs::is_regular_file(file)) {
    fail_data("simulation anchor: {}: no such file; give a CSV of observations or the folder of an analysed study",
              file.string());
  }
  const std::vector<Observation> points = read_observations(file);
  const std::string named = simulation.anchor;
  const std::optional<SimulationSpec> anchored = anchored_to(simulation, points, named);
  if (!anchored) {
    fail_data("simulation anchor: {}: its {} points do not determine the amplitudes of the law '{}'", file.string(),
              points.size(), simulation.law);
  }
  simulation = *anchored;
}

bool is_published(const std::string& name) { return find_published_law(name) != nullptr; }

}  // namespace

SimulationSpec resolve_simulation(SimulationSpec simulation, const std::filesystem::path& folder) {
  if (simulation.law.ends_with(".json")) take_fit(simulation, locate(folder, simulation.law));
  if (simulation.anchor == "none") simulation.anchor = kPublishedAnchor;
  if (!simulation.anchor.empty() && simulation.anchor != kPublishedAnchor)
    take_anchor(simulation, locate(folder, simulation.anchor));
  return simulation;
}

std::optional<SimulationSpec> anchored_to(SimulationSpec simulation, const std::vector<Observation>& points,
                                          const std::string& name) {
  simulation.anchor.clear();
  const Law law = simulation_law(simulation);
  const std::optional<Law> anchored = reanchor(law, points);
  if (!anchored) return std::nullopt;
  const std::vector<std::string>& names = law_form(law.kind).parameters;
  for (std::size_t i = 0; i < names.size(); ++i) {
    simulation.params[names[i]] =
        anchored->values[i] == law.values[i] ? law.values[i] : six_digits(anchored->values[i]);
  }
  simulation.anchored = fmt::format("{} points of {}", points.size(), name);
  return simulation;
}

std::vector<Outside> outside_of(const LawRange& range, const SimulationSpec& simulation,
                                const std::vector<RunSpec>& runs, double slack) {
  const LawKind kind = simulation_law(simulation).kind;
  std::vector<Outside> furthest;
  for (const RunSpec& run : runs) {
    for (const Outside& o : outside(range, kind, simulated_point(run, simulation), slack)) {
      const auto same = std::ranges::find_if(
          furthest, [&](const Outside& f) { return f.quantity == o.quantity && f.above == o.above; });
      if (same == furthest.end()) {
        furthest.push_back(o);
      } else if (o.factor > same->factor) {
        *same = o;
      }
    }
  }
  return furthest;
}

std::vector<Outside> below_published_runs(const SimulationSpec& simulation, const std::vector<RunSpec>& runs) {
  constexpr double kSlack = 10;
  if (!is_published(simulation.law) || !simulation.params.empty() || !simulation.anchor.empty()) return {};
  std::vector<Outside> below = outside_of(simulation_law(simulation).range, simulation, runs, kSlack);
  std::erase_if(below, [](const Outside& o) { return o.above; });
  return below;
}

void check_simulated_losses(const SimulationSpec& simulation, const std::vector<RunSpec>& runs) {
  const Law law = simulation_law(simulation);
  for (const RunSpec& run : runs) (void)possible_loss(law, simulation, run);
}

}  // namespace scalelaw::inline sim
