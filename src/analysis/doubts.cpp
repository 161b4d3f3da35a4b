#include "analysis/doubts.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "analysis/answer.hpp"
#include "analysis/sources.hpp"
#include "analysis/text.hpp"
#include "core/format.hpp"
#include "fit/valley.hpp"

namespace scalelaw::inline analysis {
namespace {

using Lines = std::vector<std::string>;

constexpr std::size_t kFewSizes = 5;
// Standard errors over resampled groups are too small with "five to thirty" of them: Cameron, Gelbach and Miller 2008,
// Review of Economics and Statistics 90, 414-427, abstract.
constexpr std::size_t kFewGroups = 30;
// A forecast that misses the largest budget by more than this many times what the fit leaves of its own points.
constexpr double kMissesMuch = 2;

void add_law(const Analysis& analysis, Lines& out) {
  const FitResult& fit = analysis.parametric;
  const std::string name = law_form(fit.law).name;
  if (const NestedTest* test = rejected_law(analysis)) {
    out.push_back(fmt::format("The points reject {}: it needs {} = {:g}, they say {:.3f} ({}).",
                              law_form(test->simple).name, test->constant, test->held, test->estimate, p_text(*test)));
  }
  if (!analysis.choice && fit.converged()) {
    out.push_back(fmt::format("Only {} was fitted: no other law was tried against it.", name));
  }
  const auto& form = fit.parametric().goodness.lack_of_fit;
  if (form && form->p < kGoodnessLevel) {
    out.push_back(
        fmt::format("{}{} is rejected by its own residuals (p = {:.1g}): do not trust it far beyond the runs.",
                    rejected_law(analysis) != nullptr ? "Even " : "The form of ", name, form->p));
  }
  if (!analysis.choice) return;
  const LawCandidate& c = analysis.choice->candidates.at(analysis.choice->chosen);
  const double freedom = std::max(1.0, static_cast<double>(c.fit.n - c.parameters));
  const double sd = c.rms * std::sqrt(static_cast<double>(c.fit.n) / freedom);
  if (c.largest.n > 0 && c.largest.rms > kMissesMuch * sd) {
    out.push_back(fmt::format("Its forecast of the largest budget misses by {:.2f} %, {:.1f} times its usual error.",
                              100 * c.largest.rms, c.largest.rms / sd));
  }
}

void add_measured_below(const Analysis& analysis, Lines& out) {
  const Allocation* a = headline_allocation(analysis);
  if (a == nullptr || !a->measured_below) return;
  out.push_back(fmt::format("A run of {} FLOPs measured {:.4f} nats, less than the {:.4f} predicted for the best one.",
                            power_text(a->measured_below->flops), a->measured_below->loss_nats, a->loss_nats));
}

void add_edges(const Analysis& analysis, Lines& out) {
  const auto& budgets = analysis.isoflop.isoflop().budgets;
  const auto open = std::ranges::count_if(budgets, [](const IsoflopBudget& b) { return !has_minimum(b); });
  if (open > 0) {
    out.push_back(
        fmt::format("At {} of {} budgets the sizes tried do not bracket the best one.", open, budgets.size()));
  }
  const auto& sweeps = analysis.selection.sweeps;
  const auto edges = std::ranges::count_if(sweeps, &LrSweep::on_edge);
  if (edges > 0) {
    out.push_back(
        fmt::format("At {} of {} points the best learning rate is the lowest or highest tried.", edges, sweeps.size()));
  }
  const auto single = std::ranges::count(sweeps, SweepStatus::single, &LrSweep::status);
  if (single > 0) {
    out.push_back(
        fmt::format("At {} of {} points one learning rate was tried, so it is not tuned.", single, sweeps.size()));
  }
  if (sweeps.empty() && !analysis.table.empty()) {
    out.push_back("The file does not show whether learning rates were tuned; untuned losses bend every law.");
  }
}

void add_few(const Analysis& analysis, Lines& out) {
  std::set<double> sizes;
  std::set<std::string> groups;
  bool alone = false;
  for (const Observation& p : analysis.selection.observations) {
    sizes.insert(std::round(100 * std::log(p.params)));
    alone = alone || p.group.empty();
    groups.insert(p.group);
  }
  if (!sizes.empty() && sizes.size() < kFewSizes) {
    out.push_back(fmt::format("Only {} were trained.", counted(std::ssize(sizes), "model size")));
  }
  const BootstrapResult& b = analysis.parametric.bootstrap;
  const bool by_group = b.resample == Resample::groups && !b.empty() && !alone;
  const bool by_shape = b.resample == Resample::shapes && !b.empty();
  const std::size_t units = by_shape ? sizes.size() : groups.size();
  if ((by_group || by_shape) && units < kFewGroups) {
    out.push_back(
        fmt::format("The intervals rest on {} of runs that are not independent; with fewer than {} they may "
                    "be too narrow.",
                    counted(static_cast<std::int64_t>(units), by_shape ? "shape" : "group"), kFewGroups));
  }
}

std::string times_beyond(const std::vector<Outside>& outside) {
  Lines parts;
  for (const Outside& o : outside) {
    const char* name = o.quantity == RangeOf::params             ? "N"
                       : o.quantity == RangeOf::tokens           ? "D"
                       : o.quantity == RangeOf::tokens_per_param ? "D/N"
                                                                 : "C";
    parts.push_back(fmt::format("{} {} times {}", name, factor_text(o.factor), o.above ? "above" : "below"));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

void add_extrapolation(const Analysis& analysis, Lines& out) {
  if (analysis.allocations.empty()) return;
  const Allocation& first = analysis.allocations.front();
  constexpr double kRounding = 1.01;
  const auto beyond = [](const Allocation& a) {
    std::vector<Outside> far = a.outside;
    std::erase_if(far, [](const Outside& o) { return o.factor < kRounding; });
    return far;
  };
  if (const auto far = beyond(first); !far.empty()) {
    out.push_back(fmt::format("This answer lies beyond the runs: {} what was measured.", times_beyond(far)));
  }
  const Allocation& last = *std::ranges::max_element(analysis.allocations, {}, &Allocation::flops);
  if (const auto far = beyond(last); !far.empty() && &last != &first) {
    out.push_back(fmt::format("The answer for {} FLOPs further down lies far beyond the runs: {} what was measured.",
                              power_text(last.flops), times_beyond(far)));
  }
}

void add_intervals(const Analysis& analysis, Lines& out) {
  const FitResult& fit = analysis.parametric;
  const BootstrapResult& b = fit.bootstrap;
  if (!fit.converged()) return;
  if (b.empty()) {
    out.push_back("Nothing here has an interval: no bootstrap was run.");
  } else if (b.resample == Resample::components) {
    out.push_back(
        "The intervals assume how much noise runs of one shape or trunk share; these runs cannot measure it.");
  } else if (b.resample == Resample::parametric && !fit.noise) {
    out.push_back("The intervals take their noise from what the law misses: no run was repeated with another seed.");
  }
  if (rejected_law(analysis) != nullptr) {
    out.push_back("The intervals hold if the law does; what another law says stands under Choice of law.");
  }
  Lines loose;
  for (const auto& [name, found] : fit.parametric().identifiability) {
    if (!found.identified) loose.push_back(name);
  }
  if (!loose.empty()) out.push_back(fmt::format("The runs do not pin down {}.", fmt::join(loose, ", ")));
  const auto& goodness = fit.parametric().goodness;
  if (goodness.outliers > 0) {
    out.push_back(fmt::format("{} far off the law; the notes name what lies there.",
                              counted(goodness.outliers, "point lies", "points lie")));
  }
}

}  // namespace

std::vector<std::string> doubts(const Analysis& analysis) {
  Lines out;
  const FitResult& fit = analysis.parametric;
  if (!fit.converged()) {
    out.push_back(fmt::format("Every number of the law: its fit is {}.", status_text(fit)));
  }
  if (std::ranges::any_of(analysis.records, [](const RunRecord& r) { return r.source == RunSource::simulated; })) {
    out.push_back("Losses are simulated: they show what this design would find, not what a model learns.");
  }
  add_law(analysis, out);
  add_measured_below(analysis, out);
  add_extrapolation(analysis, out);
  add_edges(analysis, out);
  add_few(analysis, out);
  add_intervals(analysis, out);
  if (out.empty()) out.push_back("Nothing that this program checks speaks against the answer.");
  return out;
}

}  // namespace scalelaw::inline analysis
