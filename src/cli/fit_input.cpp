#include "cli/fit_input.hpp"

#include <fmt/ranges.h>

#include <algorithm>

#include "core/format.hpp"
#include "law/record_file.hpp"
#include "study/members.hpp"

namespace scalelaw::cli {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> record_files(const fs::path& folder) {
  const fs::path runs = fs::is_directory(folder / "runs") ? folder / "runs" : folder;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(runs)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  if (files.empty()) {
    fail_data("{}: no run records (*.json) in it; give a study folder, record files or a CSV of observations",
              runs.string());
  }
  return files;
}

std::vector<Observation> curves_of_records(const FitSources& sources, const Convention& convention,
                                           std::int64_t min_steps, std::vector<Exclusion>& excluded) {
  std::vector<Observation> curves;
  for (const RunRecord& record : sources.records) {
    if (run_steps(record.spec) < min_steps || !record.loss.nats) continue;  // named by the selection
    const fs::path& path = sources.curves.at(record.id);
    if (!fs::exists(path)) {
      excluded.push_back({record.id, fmt::format("there is no training curve {}", path.string())});
      continue;
    }
    const std::vector<Observation> rows = curve_observations(record, convention, path);
    curves.insert(curves.end(), rows.begin(), rows.end());
  }
  return curves;
}

/// Records of several inputs: those that `choice` asks for, if they are one population.
void settle_population(const std::vector<std::string>& inputs, const PopulationChoice& choice, FitSources& sources) {
  if (sources.records.empty()) {
    if (!choice.where.empty()) fail_config("--where: chooses among run records, and the inputs hold none");
    return;
  }
  const std::size_t all = sources.records.size();
  sources.records = records_where(std::move(sources.records), choice.where);
  if (sources.records.size() < all) {
    sources.notes.push_back(
        fmt::format("{} of {} runs, those with {}", sources.records.size(), all, fmt::join(choice.where, ", ")));
  }
  const std::string pooled =
      require_one_population(sources.records, fmt::format("{}", fmt::join(inputs, " and ")), choice);
  if (!pooled.empty()) sources.notes.push_back(pooled);
}

}  // namespace

std::map<std::string, std::string> parse_columns(const std::string& text) {
  std::map<std::string, std::string> out;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string item = text.substr(begin, end - begin);
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == item.size()) {
      fail_config("--columns '{}': write OURS=THEIRS, for example params=N,tokens=D,loss=val_loss", item);
    }
    out[item.substr(0, equals)] = item.substr(equals + 1);
    begin = end + 1;
  }
  return out;
}

FitSources read_fit_sources(const std::vector<std::string>& inputs, const std::map<std::string, std::string>& columns,
                            bool need_loss, const PopulationChoice& choice) {
  FitSources sources;
  const auto add_record = [&](const fs::path& file) {
    RunRecord record = read_record_file(file);
    if (const std::string own = run_id(record.spec); record.source == "trained" && record.id != own) {
      sources.excluded.push_back({record.id, fmt::format("its spec belongs to run {} (job.json: run_ids)", own)});
      return;
    }
    sources.records.push_back(std::move(record));
    const std::string& id = sources.records.back().id;
    sources.curves[id] = file.parent_path().parent_path() / "curves" / (id + ".csv");
  };
  for (const std::string& input : inputs) {
    const fs::path path(input);
    if (!fs::exists(path)) {
      fail_data("{}: there is no such file or folder; give CSV files of observations, study folders or record files",
                input);
    }
    if (fs::is_directory(path) && fs::exists(config_path(path))) {
      StudyRecords study = load_study_records(path, {.where = choice.where, .pool = choice.pool});
      for (RunRecord& record : study.records) {
        sources.curves[record.id] = path / "curves" / (record.id + ".csv");
        sources.records.push_back(std::move(record));
      }
      for (const BadRecord& bad : study.bad) sources.excluded.push_back({fs::path(bad.file).stem(), bad.reason});
      sources.notes.insert(sources.notes.end(), study.notes.begin(), study.notes.end());
    } else if (fs::is_directory(path)) {
      for (const auto& file : record_files(path)) add_record(file);
    } else if (path.extension() == ".json") {
      add_record(fs::absolute(path));
    } else {
      const auto points = read_observations(path, columns, need_loss);
      sources.points.insert(sources.points.end(), points.begin(), points.end());
    }
  }
  settle_population(inputs, choice, sources);
  return sources;
}

std::vector<FitSources> split_by_counting(FitSources sources) {
  std::vector<FitSources> parts;
  if (!sources.records.empty()) {
    parts.push_back({.records = std::move(sources.records),
                     .curves = sources.curves,
                     .points = {},
                     .counted = "",
                     .notes = std::move(sources.notes),
                     .excluded = std::move(sources.excluded)});
  }
  for (Observation& point : sources.points) {
    auto part = std::ranges::find(parts, point.counted, &FitSources::counted);
    if (part == parts.end()) {
      parts.push_back({.records = {}, .curves = {}, .points = {}, .counted = point.counted});
      part = parts.end() - 1;
    }
    part->points.push_back(std::move(point));
  }
  if (parts.empty()) parts.emplace_back();
  return parts;
}

FitInput observe_sources(const FitSources& sources, const Convention& convention, std::int64_t min_steps, bool curves) {
  Selection selection = select_observations(sources.records, {.convention = convention, .min_steps = min_steps});
  FitInput input{.notes = sources.notes,
                 .points = sources.points,
                 .curves = {},
                 .excluded = sources.excluded,
                 .sweeps = std::move(selection.sweeps),
                 .noise = estimate_noise(sources.records, min_steps)};
  input.excluded.insert(input.excluded.end(), selection.excluded.begin(), selection.excluded.end());
  if (curves) {
    CurvePoints rows = decayed_points(sources.points);
    input.points = std::move(rows.finals);
    input.curves = std::move(rows.points);
    input.excluded.insert(input.excluded.end(), rows.excluded.begin(), rows.excluded.end());
    rows = decayed_points(curves_of_records(sources, convention, min_steps, input.excluded));
    input.curves.insert(input.curves.end(), rows.points.begin(), rows.points.end());
    input.excluded.insert(input.excluded.end(), rows.excluded.begin(), rows.excluded.end());
  }
  input.points.insert(input.points.end(), selection.observations.begin(), selection.observations.end());
  return input;
}

std::string describe_selection(const FitInput& input) {
  std::string text;
  for (const std::string& note : input.notes) text += fmt::format("note: {}\n", note);
  const auto edges = std::ranges::count_if(input.sweeps, [](const LrSweep& s) { return s.status.starts_with("edge"); });
  if (!input.sweeps.empty()) {
    text += fmt::format("{} (shape, tokens) pairs tuned over the learning rate", input.sweeps.size());
    if (edges > 0) text += fmt::format(", {} with the best rate on the edge of the sweep", edges);
    text += "\n";
  }
  for (const Exclusion& e : input.excluded) text += fmt::format("left out: {}: {}\n", e.run, e.reason);
  return text;
}

Json excluded_json(const FitInput& input) {
  Json out = Json::array();
  for (const Exclusion& e : input.excluded) out.push_back({{"run", e.run}, {"reason", e.reason}});
  return out;
}

}  // namespace scalelaw::cli
