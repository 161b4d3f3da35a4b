#include "report/figures.hpp"

#include "report/figures_answer.hpp"
#include "report/figures_compare.hpp"
#include "report/figures_fit.hpp"
#include "report/figures_runs.hpp"

namespace scalelaw::inline report {

std::vector<Figure> make_figures(const Analysis& analysis) {
  std::vector<Figure> out;
  for (Figure& figure :
       std::vector<Figure>{answer_figure(analysis), isoflop_figure(analysis), allocation_figure(analysis),
                           loss_figure(analysis), surface_figure(analysis), residual_figure(analysis),
                           cloud_figure(analysis), sweeps_figure(analysis), curves_figure(analysis)}) {
    if (!figure.panels.empty()) out.push_back(std::move(figure));
  }
  if (analysis.comparison) {
    Figure figure = comparison_figure(*analysis.comparison);
    if (!figure.panels.empty()) out.push_back(std::move(figure));
  }
  return out;
}

}  // namespace scalelaw::inline report
