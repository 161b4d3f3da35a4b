#include "report/study_files.hpp"

#include "core/json.hpp"
#include "fit/choice_text.hpp"
#include "fit/fit_json.hpp"
#include "os/files.hpp"
#include "report/figures.hpp"
#include "report/gnuplot.hpp"
#include "report/html.hpp"

namespace scalelaw::inline report {

namespace fs = std::filesystem;

Json learning_rates_json(const Analysis& analysis) {
  Json value = to_json(analysis.lr_law);
  value["sweeps"] = Json::array();
  for (const LrSweep& sweep : analysis.selection.sweeps) value["sweeps"].push_back(to_json(sweep));
  value["added"] = analysis.added_rates;
  value["branching"] = to_json(analysis.selection.branching);
  return value;
}

std::string write_analysis(const fs::path& folder, const Analysis& analysis) {
  write_file_atomic(folder / "records.csv", observations_csv(analysis.selection.observations));
  Json parametric = to_json(analysis.parametric);
  if (analysis.choice) parametric["choice"] = to_json(*analysis.choice);
  write_json_file(folder / "fits" / "parametric.json", parametric);
  write_json_file(folder / "fits" / "isoflop.json", to_json(analysis.isoflop));
  write_json_file(folder / "fits" / "learning_rates.json", learning_rates_json(analysis));
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
  for (const auto& figure : figures) draw_figure(figure, folder / "plots" / (figure.id + ".svg"), FigureFormat::svg);
  return "";
}

}  // namespace scalelaw::inline report
