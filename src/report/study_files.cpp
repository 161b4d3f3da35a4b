// What the analysis reads from a study's folder and writes into it.
#include <algorithm>
#include <cmath>

#include "core/csv.hpp"
#include "core/files.hpp"
#include "report/analysis.hpp"
#include "report/figures.hpp"
#include "report/gnuplot.hpp"
#include "report/html.hpp"

namespace scalelaw {
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

}  // namespace

std::vector<RunRecord> read_study_records(const fs::path& study_folder) {
  const fs::path runs = study_folder / "runs";
  if (!fs::is_directory(runs)) {
    fail_data("{}: no such folder, so this is not a study; give the folder that holds runs/ (scalelaw study writes it)",
              runs.string());
  }
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(runs)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  if (paths.empty()) fail_data("{}: no records; run scalelaw study or scalelaw run first", runs.string());
  std::vector<RunRecord> records;
  records.reserve(paths.size());
  for (const auto& path : paths) records.push_back(record_from_json(read_json_file(path), path.string()));
  return records;
}

void load_curves(Analysis& analysis, const fs::path& study_folder, std::size_t max_points) {
  analysis.curves.clear();
  for (const LrSweep& sweep : analysis.selection.sweeps) {
    const RunRecord* best = nullptr;
    double best_distance = 0;
    for (const RunRecord& record : analysis.records) {
      if (!record.loss.nats || shape_name(record.spec.model) != sweep.shape) continue;
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

std::string write_analysis(const fs::path& folder, const Analysis& analysis) {
  write_file_atomic(folder / "records.csv", observations_csv(analysis.selection.observations));
  write_json_file(folder / "fits" / "parametric.json", to_json(analysis.parametric));
  write_json_file(folder / "fits" / "isoflop.json", to_json(analysis.isoflop));
  Json allocations = Json::array();
  for (const auto& allocation : analysis.allocations) allocations.push_back(to_json(allocation));
  write_json_file(folder / "allocation.json", Json{{"allocations", allocations}});
  // A comparison of an earlier analysis must not outlive it.
  if (analysis.comparison) {
    write_json_file(folder / "comparison.json", to_json(*analysis.comparison));
  } else {
    fs::remove(folder / "comparison.json");
  }
  const std::vector<Figure> figures = make_figures(analysis);
  write_file_atomic(folder / "report.html", report_html(analysis, figures));
  if (!gnuplot_program()) {
    return "the plots/ folder was not drawn: gnuplot not found; apt-get install gnuplot-nox, then scalelaw plot STUDY";
  }
  for (const auto& figure : figures) draw_figure(figure, folder / "plots" / (figure.id + ".svg"), "svg");
  return "";
}

}  // namespace scalelaw
