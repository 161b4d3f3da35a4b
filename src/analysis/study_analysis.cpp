#include "analysis/study_analysis.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <tuple>

#include "core/csv.hpp"
#include "core/format.hpp"
#include "design/plan.hpp"
#include "os/files.hpp"
#include "records/shape.hpp"
#include "study/members.hpp"
#include "study/rounds.hpp"

namespace scalelaw::inline analysis {
namespace {

namespace fs = std::filesystem;

/// Rows of a curve: the last row of each of max_points steps in ln tokens, so that the start is not drawn too densely.
void read_curve(const fs::path& path, std::size_t max_points, LossCurve& curve) {
  const CsvTable table = read_csv(path);
  const std::size_t tokens_column = table.column("tokens");
  const std::size_t loss_column = table.column("train_loss_nats");
  if (tokens_column == CsvTable::npos || loss_column == CsvTable::npos) {
    fail_data("{}: no column tokens or train_loss_nats; delete the file to draw the report without this curve",
              path.string());
  }
  std::vector<std::pair<double, double>> rows;
  for (const auto& row : table.rows) {
    const double tokens = std::strtod(row[tokens_column].c_str(), nullptr);
    const double loss = row[loss_column].empty() ? NAN : std::strtod(row[loss_column].c_str(), nullptr);
    if (tokens > 0 && std::isfinite(loss)) rows.emplace_back(tokens, loss);
  }
  if (rows.empty()) return;
  const double first = std::log(rows.front().first);
  const double span = std::max(std::log(rows.back().first) - first, 1e-9);
  long last_bin = -1;
  for (const auto& [tokens, loss] : rows) {
    const long bin = std::lround((std::log(tokens) - first) / span * static_cast<double>(max_points - 1));
    if (bin == last_bin) {
      curve.at_tokens.back() = tokens;
      curve.loss_nats.back() = loss;
    } else {
      curve.at_tokens.push_back(tokens);
      curve.loss_nats.push_back(loss);
      last_bin = bin;
    }
  }
}

/// "runs/quick/" and "runs/quick" are both the study "quick".
std::string folder_name(const fs::path& folder) {
  const fs::path absolute = fs::absolute(folder).lexically_normal();
  return absolute.has_filename() ? absolute.filename().string() : absolute.parent_path().filename().string();
}

/// Points of the plan that were run at rates it does not list, with those rates. Points of other plans are passed over.
std::vector<std::string> rates_beyond(const Plan& plan, const std::vector<RunRecord>& records) {
  using Point = std::tuple<double, std::string, std::int64_t>;
  const auto point_of = [](const RunSpec& spec) {
    return Point{static_cast<double>(count_params(spec.model).total), shape_name(spec.model), spec.data.tokens};
  };
  std::map<Point, std::set<double>> planned, beyond;
  for (const PlannedRun& run : plan.runs) planned[point_of(run.spec)].insert(run.spec.optimizer.lr);
  for (const RunRecord& record : records) {
    const auto it = planned.find(point_of(record.spec));
    const double lr = record.spec.optimizer.lr;
    if (it != planned.end() && !it->second.contains(lr)) beyond[it->first].insert(lr);
  }
  std::vector<std::string> lines;
  for (const auto& [point, rates] : beyond) {
    std::string text;
    for (const double rate : rates) text += (text.empty() ? "" : ", ") + exact_number(rate);
    lines.push_back(fmt::format("{} at {} tokens: {}", std::get<1>(point),
                                short_count(static_cast<double>(std::get<2>(point))), text));
  }
  return lines;
}

}  // namespace

AnalysisOptions analysis_options(const StudyConfig& config, int threads) {
  AnalysisOptions out;
  out.law = config.analysis.law;
  out.choose_law = config.analysis.choose_law;
  out.convention = config.analysis.convention;
  out.resample = config.analysis.resample;
  out.bootstrap = config.analysis.bootstrap;
  out.seed = static_cast<std::uint64_t>(config.analysis.seed);
  out.threads = threads;
  out.min_steps = config.analysis.min_steps;
  if (config.design.kind == DesignKind::isoflop) out.planned_budgets = config.design.budgets;
  out.hold = config.design.hold;
  out.planned_convention = config.design.convention;
  out.lr_law = lr_law_options(config);
  out.allocation_flops = config.analysis.budgets;
  out.compare_law = config.compare.law;
  out.margin = config.compare.margin > 0 ? Margin{.value = config.compare.margin, .relative = false}
                                         : Margin{.value = config.compare.margin_relative, .relative = true};
  out.studies = config.compare.studies;
  out.compare_seed = static_cast<std::uint64_t>(config.compare.seed);
  return out;
}

Analysis analyze_study(const fs::path& study_folder, int threads, const PopulationChoice& choice) {
  StudyRecords study = load_study_records(study_folder, choice);
  AnalysisOptions options;
  options.threads = threads;
  std::string name = folder_name(study_folder);
  std::vector<Exclusion> not_planned;
  std::vector<std::string> added_rates;
  if (study.config) {
    const StudyConfig& config = *study.config;
    options = analysis_options(config, threads);
    if (!config.name.empty()) name = config.name;
    const Plan plan = make_plan(config, nullptr);
    added_rates = rates_beyond(plan, study.records);
    for (const auto& left : plan.left_out) {
      not_planned.push_back({fmt::format("{} at D {}", left.shape, short_count(static_cast<double>(left.tokens))),
                             "not planned: " + left.reason});
    }
  }
  Analysis analysis = analyze(name, std::move(study.records), options);
  analysis.added_rates = std::move(added_rates);
  // A report goes to others: it tells nobody where on this machine the study lies.
  const std::string folder = study_folder.is_absolute() ? folder_name(study_folder) : study_folder.generic_string();
  analysis.repeat = study.config ? fmt::format("scalelaw study {}/study.toml --out {}-again", folder, folder)
                                 : fmt::format("scalelaw report {}", folder);
  auto& excluded = analysis.selection.excluded;
  excluded.insert(excluded.end(), not_planned.begin(), not_planned.end());
  analysis.warnings.insert(analysis.warnings.begin(), study.notes.begin(), study.notes.end());
  for (const auto& bad : study.bad) analysis.warnings.push_back("a record was left out: " + bad.reason);
  load_curves(analysis, study_folder);
  return analysis;
}

void load_curves(Analysis& analysis, const fs::path& study_folder, std::size_t max_points) {
  analysis.curves.clear();
  std::multimap<std::string, const RunRecord*> by_shape;
  for (const RunRecord& record : analysis.records) {
    if (record.loss.nats) by_shape.emplace(shape_name(record.spec.model), &record);
  }
  for (const LrSweep& sweep : analysis.selection.sweeps) {
    const RunRecord* best = nullptr;
    double best_distance = 0;
    const auto [begin, end] = by_shape.equal_range(sweep.shape);
    for (auto it = begin; it != end; ++it) {
      const RunRecord& record = *it->second;
      if (std::abs(static_cast<double>(record.tokens) - sweep.tokens) > 0.01 * sweep.tokens) continue;
      const double distance = std::abs(std::log(record.spec.optimizer.lr / sweep.best_lr));
      if (best == nullptr || distance < best_distance) {
        best = &record;
        best_distance = distance;
      }
    }
    if (best == nullptr) continue;
    const fs::path path = study_folder / "curves" / (best->id + ".csv");
    if (!fs::exists(path)) continue;
    LossCurve curve{.run = best->id,
                    .shape = sweep.shape,
                    .params = sweep.params,
                    .tokens = sweep.tokens,
                    .lr = best->spec.optimizer.lr,
                    .at_tokens = {},
                    .loss_nats = {}};
    read_curve(path, max_points, curve);
    if (!curve.at_tokens.empty()) analysis.curves.push_back(std::move(curve));
  }
}

}  // namespace scalelaw::inline analysis
