#include "cli/fit_input.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <ranges>

#include "cli/fit_tables.hpp"
#include "core/format.hpp"
#include "core/input_text.hpp"
#include "core/table_json.hpp"
#include "records/record_file.hpp"
#include "select/tune.hpp"
#include "study/corpus_names.hpp"
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

bool is_record(const Json& value) {
  const auto schema = value.find("schema");
  return schema != value.end() && schema->is_string() && schema->get<std::string>().starts_with("scalelaw.run/");
}

void refuse_repeated(const std::vector<std::string>& inputs) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    for (std::size_t k = i + 1; k < inputs.size(); ++k) {
      std::error_code none;
      if (inputs[i] != inputs[k] && !fs::equivalent(inputs[i], inputs[k], none)) continue;
      fail_config("{}: is given twice, so that each of its runs would count twice; give it once", inputs[k]);
    }
  }
}

void add_record(FitSources& sources, RunRecord record, const fs::path& curve, const std::string& input,
                std::map<std::string, std::string>& owner) {
  const auto [first, fresh] = owner.emplace("record " + record.id, input);
  if (!fresh) fail_data("run {} is in {} and in {}: give its records once", record.id, first->second, input);
  sources.curves[record.id] = curve;
  sources.records.push_back(std::move(record));
}

/// The folder of curves/ where a record's file lies in runs/.
void add_record_file(FitSources& sources, const Json& json, const fs::path& file, const std::string& input,
                     std::map<std::string, std::string>& owner) {
  RunRecord record = complete_record(json, file.string());
  if (const std::string own = run_id(record.spec); record.source == RunSource::trained && record.id != own) {
    sources.excluded.push_back({record.id, fmt::format("its spec belongs to run {} (job.json: run_ids)", own)});
    return;
  }
  const fs::path curve = file.parent_path().parent_path() / "curves" / (record.id + ".csv");
  add_record(sources, std::move(record), curve, input, owner);
}

/// The runs of a study's plan.
void add_study(FitSources& sources, const fs::path& folder, const PopulationChoice& choice,
               std::map<std::string, std::string>& owner) {
  // Restrictions are met, and populations told apart, once for all inputs: settle_population.
  const bool all = choice.pool || !choice.where.empty();
  StudyRecords study = load_study_records(folder, {.where = {}, .pool = all});
  for (RunRecord& record : study.records) {
    const fs::path curve = folder / "curves" / (record.id + ".csv");
    add_record(sources, std::move(record), curve, folder.string(), owner);
  }
  sources.chooses_law =
      !study.config || (study.config->analysis.choose_law && study.config->analysis.law == LawKind::chinchilla);
  if (study.config) {
    sources.min_steps = std::max(sources.min_steps.value_or(0), study.config->analysis.min_steps);
    const std::vector<double>& hold = study.config->design.hold;
    sources.hold.insert(sources.hold.end(), hold.begin(), hold.end());
  }
  for (const BadRecord& bad : study.bad) sources.excluded.push_back({fs::path(bad.file).stem(), bad.reason});
  if (!all) sources.notes.insert(sources.notes.end(), study.notes.begin(), study.notes.end());
}

/// Records of several inputs: those that `choice` asks for, if they are one population.
void settle_population(const std::vector<std::string>& inputs, const PopulationChoice& choice, FitSources& sources) {
  if (sources.records.empty()) return;
  const std::size_t all = sources.records.size();
  std::vector<fs::path> folders;
  for (const std::string& input : inputs) {
    if (input != "-" && fs::is_directory(input)) folders.emplace_back(input);
  }
  sources.records = records_where(std::move(sources.records), choice.where, corpus_names(folders, choice.where));
  if (sources.records.size() < all) {
    sources.notes.push_back(
        fmt::format("{} of {} runs, those with {}", sources.records.size(), all, fmt::join(choice.where, ", ")));
  }
  const std::string pooled =
      require_one_population(sources.records, fmt::format("{}", fmt::join(inputs, " and ")), choice);
  if (!pooled.empty()) sources.notes.push_back(pooled);
}

/// Rows of too few optimizer steps; with training curves, whole runs of them.
void drop_short(std::vector<Observation>& points, std::int64_t min_steps, bool curves,
                std::vector<Exclusion>& excluded) {
  const auto steps_of = [](const Observation& o) {
    return o.steps ? *o.steps : o.batch_tokens ? o.tokens / *o.batch_tokens : std::numeric_limits<double>::infinity();
  };
  std::map<std::string, double> longest;
  for (const Observation& o : points) {
    double& steps = longest[o.run];
    steps = std::max(steps, steps_of(o));
  }
  std::vector<std::string> names;
  std::size_t dropped = 0;
  std::erase_if(points, [&](const Observation& o) {
    const double steps = curves && !o.run.empty() ? longest.at(o.run) : steps_of(o);
    if (!(steps < static_cast<double>(min_steps))) return false;
    ++dropped;
    if (names.size() < 3) {
      names.push_back(o.run.empty() ? fmt::format("N {} D {}", short_count(o.params), short_count(o.tokens)) : o.run);
    }
    return true;
  });
  if (dropped == 0) return;
  excluded.push_back({fmt::format("{} row{} of a table", dropped, dropped > 1 ? "s" : ""),
                      fmt::format("fewer than {} optimizer steps (fit --min-steps): {}{}", min_steps,
                                  fmt::join(names, ", "), dropped > names.size() ? ", ..." : "")});
}

/// Rows of runs at which the learning rate had not decayed as far as it does at their end.
std::string undecayed_note(const std::vector<Observation>& points) {
  std::map<std::string, const Observation*> last;
  for (const Observation& o : points) {
    if (o.run.empty() || !o.lr) continue;
    const Observation*& end = last[o.counted + '\n' + o.run];
    if (end == nullptr || o.tokens > end->tokens) end = &o;
  }
  const auto count = std::ranges::count_if(points, [&](const Observation& o) {
    if (o.run.empty() || !o.lr) return false;
    const Observation& end = *last.at(o.counted + '\n' + o.run);
    const double decayed = 1.01 * end.lr.value();
    return o.tokens < end.tokens && o.lr.value() > decayed;
  });
  if (count == 0) return "";
  return fmt::format(
      "{} of {} rows lie where the learning rate of their run had not decayed yet, and their losses are higher than "
      "those of runs that end there: give the last row of each run, or --method envelope --curves",
      count, points.size());
}

bool grouped(const FitSources& part) {
  return std::ranges::any_of(part.points, [](const Observation& o) { return !o.group.empty(); }) ||
         std::ranges::any_of(part.records, [](const RunRecord& r) { return !r.trunk.empty(); });
}

}  // namespace

FitSources read_fit_sources(const std::vector<std::string>& inputs, const ReadOptions& options,
                            const PopulationChoice& choice) {
  FitSources sources;
  refuse_repeated(inputs);
  std::map<std::string, std::string> owner;  // of each record and row: the input that holds it
  std::vector<Table> tables;
  for (const std::string& input : inputs) {
    const fs::path path(input);
    if (input != "-" && !fs::exists(path)) {
      fail_data("{}: there is no such file or folder; give tables of runs (CSV, JSON), study folders or record files",
                input);
    }
    if (input != "-" && fs::is_directory(path) && fs::exists(config_path(path))) {
      add_study(sources, path, choice, owner);
      continue;
    }
    if (input != "-" && fs::is_directory(path)) {
      sources.chooses_law = true;
      for (const auto& file : record_files(path)) add_record_file(sources, read_json_file(file), file, input, owner);
      continue;
    }
    InputText in = read_input_text(path);
    if (is_json(in.text)) {
      std::vector<Json> rows = json_rows(in.text, in.name);
      if (is_record(rows.front())) {
        for (const Json& row : rows) add_record_file(sources, row, fs::absolute(path), input, owner);
        continue;
      }
    }
    tables.push_back(table_of_input(in, options));
  }
  add_tables(sources, std::move(tables), options, choice, owner);
  settle_population(inputs, choice, sources);
  if (!sources.records.empty() && !sources.points.empty() && !choice.pool) {
    fail_data(
        "{}: hold run records and tables, and nothing says whether their runs belong together; fit them apart, or "
        "insist with --pool",
        fmt::join(inputs, " and "));
  }
  return sources;
}

std::vector<FitSources> split_by_counting(FitSources sources) {
  std::vector<FitSources> parts;
  if (!sources.records.empty()) {
    parts.push_back({.records = std::move(sources.records), .curves = sources.curves, .points = {}, .counted = ""});
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
  parts.front().reports = std::move(sources.reports);
  parts.front().notes = std::move(sources.notes);
  parts.front().excluded = std::move(sources.excluded);
  for (FitSources& part : parts) {
    part.min_steps = sources.min_steps;
    part.hold = sources.hold;
    part.chooses_law = sources.chooses_law;
  }
  return parts;
}

FitInput observe_sources(const FitSources& sources, const Convention& convention, std::int64_t min_steps, bool curves) {
  Selection selection = select_observations(sources.records, {.convention = convention, .min_steps = min_steps});
  for (Observation& o : selection.observations) o.loss_unit = sources.record_loss;
  std::vector<Observation> table = sources.points;
  drop_short(table, min_steps, curves, selection.excluded);
  FitInput input{.notes = sources.notes,
                 .points = table,
                 .curves = {},
                 .excluded = sources.excluded,
                 .sweeps = std::move(selection.sweeps),
                 .noise = estimate_noise(sources.records, min_steps)};
  input.excluded.insert(input.excluded.end(), selection.excluded.begin(), selection.excluded.end());
  if (curves) {
    CurvePoints rows = decayed_points(table);
    input.points = std::move(rows.finals);
    input.curves = std::move(rows.points);
    input.excluded.insert(input.excluded.end(), rows.excluded.begin(), rows.excluded.end());
    rows = decayed_points(curves_of_records(sources, convention, min_steps, input.excluded));
    input.curves.insert(input.curves.end(), rows.points.begin(), rows.points.end());
    input.excluded.insert(input.excluded.end(), rows.excluded.begin(), rows.excluded.end());
  }
  if (!curves) {
    if (std::string note = undecayed_note(table); !note.empty()) input.notes.push_back(std::move(note));
    TunedTable tuned = tune_points(table);
    if (!tuned.sweeps.empty() && !input.noise) input.noise = estimate_noise(table);
    if (tuned.without_rate > 0) {
      input.notes.push_back(fmt::format("{} beside the sweeps of the learning rate name{} no lr: taken as tuned",
                                        counted(tuned.without_rate, "row"), tuned.without_rate == 1 ? "s" : ""));
    }
    input.points = std::move(tuned.points);
    input.sweeps.insert(input.sweeps.end(), tuned.sweeps.begin(), tuned.sweeps.end());
  }
  input.points.insert(input.points.end(), selection.observations.begin(), selection.observations.end());
  return input;
}

std::vector<std::string> selection_lines(const FitInput& input) {
  std::vector<std::string> lines;
  const auto edges = std::ranges::count_if(input.sweeps, &LrSweep::on_edge);
  if (!input.sweeps.empty()) {
    lines.push_back(
        fmt::format("{} (shape, tokens) pairs tuned over the learning rate{}", input.sweeps.size(),
                    edges > 0 ? fmt::format(", {} with the best rate on the edge of the sweep", edges) : ""));
  }
  for (const Exclusion& e : input.excluded) lines.push_back(fmt::format("left out: {}: {}", e.run, e.reason));
  return lines;
}

std::string describe_selection(const FitInput& input) {
  std::string text;
  for (const std::string& note : input.notes) text += fmt::format("note: {}\n", note);
  for (const std::string& line : selection_lines(input)) text += line + "\n";
  return text;
}

Json excluded_json(const FitInput& input) {
  Json out = Json::array();
  for (const Exclusion& e : input.excluded) out.push_back({{"run", e.run}, {"reason", e.reason}});
  return out;
}

Json read_json(const FitSources& sources) {
  Json out = Json::array();
  for (const ReadReport& report : sources.reports) {
    if (report.text().empty()) continue;
    Json skipped = Json::array();
    for (const SkippedRow& s : report.skipped)
      skipped.push_back({{"row", s.line}, {"run", s.run}, {"reason", s.reason}});
    out.push_back({{"file", report.file},
                   {"rows", report.rows},
                   {"understood", report.understood},
                   {"skipped", skipped},
                   {"warnings", report.warnings}});
  }
  return out;
}

std::string read_text(const std::vector<FitSources>& parts) {
  std::string text;
  for (const FitSources& part : parts) {
    for (const ReadReport& report : part.reports) text += report.text();
  }
  return text;
}

std::string units_text(const FitSources& part, const BootstrapResult& bootstrap) {
  if (bootstrap.replicates == 0 || bootstrap.resample == Resample::parametric || part.points.empty() || grouped(part))
    return "";
  return fmt::format("groups: the table names none (column group, or run for several rows of one), so {}\n",
                     bootstrap.resample == Resample::components || bootstrap.resample == Resample::shapes
                         ? "rows of one shape (column shape, else of one N) are taken to share a part of their noise"
                         : "each row counts as independent");
}

void check_groups(const std::vector<FitSources>& parts) {
  for (const FitSources& part : parts) {
    if (!grouped(part) && !part.points.empty()) {
      fail_config(
          "--resample groups: no row says with which others it belongs; add a column group (or run, where several rows "
          "are one run), or resample runs");
    }
  }
}

}  // namespace scalelaw::cli
