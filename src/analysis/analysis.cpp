#include "analysis/analysis.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "analysis/text.hpp"
#include "fit/choice_text.hpp"
#include "law/optimum.hpp"
#include "law/published.hpp"

namespace scalelaw::inline analysis {
namespace {

FitOptions fit_options(const Analysis& analysis, const Convention& convention, Method method, std::int64_t replicates) {
  const AnalysisOptions& options = analysis.options;
  FitOptions out;
  out.law = analysis.choice ? analysis.choice->answer().law : options.law;
  out.method = method;
  out.convention = convention;
  out.bootstrap = {.replicates = replicates, .resample = options.resample, .seed = options.seed};
  out.hold = options.hold;
  out.noise = analysis.noise;
  out.threads = options.threads;
  return out;
}

Selection select_for(const std::vector<RunRecord>& records, const AnalysisOptions& options,
                     const Convention& convention) {
  return select_observations(records, {.convention = convention, .min_steps = options.min_steps});
}

/// Approach 2.
FitResult fit_budgets(const std::vector<Observation>& points, const FitOptions& options) {
  return fit_points(points_in_budgets(points), options);
}

bool same(const Convention& a, const Convention& b) { return a.params == b.params && a.flops == b.flops; }

std::vector<ConventionFit> fit_conventions(const Analysis& analysis) {
  std::vector<ConventionFit> out;
  for (const Convention& convention : {Convention{.params = ParamsCount::total, .flops = FlopsCount::six_nd},
                                       Convention{.params = ParamsCount::non_embedding, .flops = FlopsCount::six_nd},
                                       Convention{.params = ParamsCount::effective, .flops = FlopsCount::six_nd},
                                       Convention{.params = ParamsCount::total, .flops = FlopsCount::exact}}) {
    if (same(convention, analysis.options.convention)) {
      out.push_back({convention, analysis.parametric, analysis.isoflop});
      continue;
    }
    std::vector<Observation> points = select_for(analysis.records, analysis.options, convention).observations;
    copy_budgets(analysis.selection.observations, points);
    const std::int64_t replicates = std::min(analysis.options.bootstrap, kDefaultReplicates);
    out.push_back({convention, fit_points(points, fit_options(analysis, convention, Method::parametric, replicates)),
                   fit_budgets(points, fit_options(analysis, convention, Method::isoflop, replicates))});
  }
  return out;
}

void add_allocations(Analysis& analysis) {
  const FitResult& fit = analysis.parametric;
  if (!fit.answers()) {
    analysis.warnings.push_back(fmt::format("no allocation: the {} fit is {}", method_text(fit), status_text(fit)));
    return;
  }
  if (!allocation_exponents(fit.fitted)) {
    analysis.warnings.push_back(
        fmt::format("no allocation: the law {} has no optimum over N and D", law_form(fit.law).name));
    return;
  }
  std::vector<double> budgets = analysis.options.allocation_flops;
  if (budgets.empty()) {
    const auto& planned = analysis.options.planned_budgets;
    const double largest = planned.empty() ? fit.flops_range.high : *std::ranges::max_element(planned);
    budgets = {largest, 10 * largest, 100 * largest};
  }
  for (const double flops : budgets) {
    AllocationRequest request;
    request.flops = flops;
    try {
      analysis.allocations.push_back(allocate(fit, request));
      std::ranges::move(warnings(analysis.allocations.back()), std::back_inserter(analysis.warnings));
    } catch (const Error& e) {
      analysis.warnings.push_back(fmt::format("no allocation for {} FLOPs: {}", power_text(flops), e.what()));
    }
  }
}

void add_comparison(Analysis& analysis) {
  const AnalysisOptions& options = analysis.options;
  if (options.compare_law.empty()) return;
  const Law& law = published_law(options.compare_law);
  if (analysis.parametric.fitted.values.empty()) {
    analysis.warnings.push_back(fmt::format("no comparison with {}: nothing was fitted", law.name));
    return;
  }
  std::vector<Observation> fitted = analysis.selection.observations;
  std::erase_if(fitted, [&](const Observation& o) { return in_budgets(o, options.hold); });
  CompareOptions compare;
  compare.fit = fit_options(analysis, options.convention, Method::parametric, options.bootstrap);
  if (analysis.choice && !analysis.choice->tests.empty() && !analysis.choice->tests.back().rejected()) {
    compare.alternative = analysis.choice->tests.back().wide;
  }
  compare.margin = options.margin;
  compare.studies = options.studies;
  compare.seed = options.compare_seed;
  if (!analysis.records.empty() && analysis.records.front().spec.backend.simulation.embedding_coefficient == 0) {
    compare.largest_loss = std::log(static_cast<double>(analysis.records.front().spec.model.vocab));
  }
  try {
    analysis.comparison = compare_with_law(analysis.study, fitted, law, /*noise=*/0, compare);
  } catch (const Error& e) {
    // Points that cannot be compared (too few, no noise to estimate) do not stop the rest of the analysis.
    analysis.warnings.push_back(fmt::format("no comparison with {}: {}", law.name, e.what()));
  }
}

/// Approach 3: under the law asked for, or the one that the points choose.
void fit_parametric_law(Analysis& analysis) {
  const AnalysisOptions& options = analysis.options;
  FitOptions fit = fit_options(analysis, options.convention, Method::parametric, options.bootstrap);
  fit.rollout = RolloutBy::flops;
  const std::vector<LawKind> laws = laws_to_choose_from();
  const bool choose = options.choose_law && options.law == LawKind::chinchilla;
  if (choose) analysis.choice = choose_law(analysis.selection.observations, laws, fit);
  analysis.parametric = choose ? analysis.choice->answer() : fit_points(analysis.selection.observations, fit);
}

void add_warnings(Analysis& analysis) {
  if (analysis.choice && analysis.choice->answer().law != analysis.options.law) {
    analysis.warnings.push_back(analysis.choice->reason);
  }
  if (analysis.choice) std::ranges::move(choice_cautions(*analysis.choice), std::back_inserter(analysis.warnings));
  for (const FitResult* fit : {&analysis.parametric, &analysis.isoflop}) {
    for (const std::string& line : fit->cautions) analysis.warnings.push_back(method_text(*fit) + ": " + line);
    if (fit->converged()) continue;
    analysis.warnings.push_back(fmt::format("{}: {}{}{}", method_text(*fit), status_text(*fit),
                                            fit->message.empty() ? "" : "; ", fit->message));
  }
  std::string edges;
  std::ptrdiff_t count = 0;
  for (const LrSweep& sweep : analysis.selection.sweeps) {
    if (sweep.on_edge() && ++count <= 5) edges += (edges.empty() ? "" : ", ") + describe_point(sweep);
  }
  if (count > 0) {
    analysis.warnings.push_back(fmt::format(
        "the best learning rate lies on the edge of the sweep at {} of {} points ({}{}): set design.lr_extend "
        "or widen design.learning_rates to trust those losses",
        count, analysis.selection.sweeps.size(), edges, count > 5 ? ", ..." : ""));
  }
  const std::string line = caution(analysis.lr_law);
  if (analysis.lr_law.taken > 0 && !line.empty()) analysis.warnings.push_back(line);
}

/// The fits and all that follows from them, of the points selected.
void answer(Analysis& analysis) {
  fit_parametric_law(analysis);
  const FitOptions isoflop =
      fit_options(analysis, analysis.options.convention, Method::isoflop, analysis.options.bootstrap);
  analysis.isoflop = fit_budgets(analysis.selection.observations, isoflop);
  add_warnings(analysis);
  add_allocations(analysis);
  add_comparison(analysis);
}

}  // namespace

Analysis analyze_table(const std::string& table, Selection selection, const std::optional<NoiseModel>& noise,
                       const AnalysisOptions& options) {
  Analysis analysis;
  analysis.study = analysis.table = table;
  analysis.options = options;
  analysis.noise = noise;
  analysis.selection = std::move(selection);
  std::vector<Observation>& points = analysis.selection.observations;
  if (std::ranges::none_of(points, [](const Observation& p) { return p.budget > 0; })) assign_budgets(points, {});
  answer(analysis);
  return analysis;
}

Analysis analyze(const std::string& study, std::vector<RunRecord> records, const AnalysisOptions& options) {
  Analysis analysis;
  analysis.study = study;
  analysis.options = options;
  analysis.records = std::move(records);
  analysis.noise = estimate_noise(analysis.records, options.min_steps);
  analysis.selection = select_for(analysis.records, options, options.convention);
  std::vector<Observation>& points = analysis.selection.observations;
  if (same(options.convention, options.planned_convention)) {
    assign_budgets(points, options.planned_budgets);
    analysis.lr_law = fit_lr_law(analysis.selection.sweeps, options.lr_law);
  } else {
    Selection planned = select_for(analysis.records, options, options.planned_convention);
    assign_budgets(planned.observations, options.planned_budgets);
    copy_budgets(planned.observations, points);
    analysis.lr_law = fit_lr_law(planned.sweeps, options.lr_law);
  }
  answer(analysis);
  analysis.conventions = fit_conventions(analysis);
  return analysis;
}

}  // namespace scalelaw::inline analysis
