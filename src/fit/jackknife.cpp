#include "fit/jackknife.hpp"

#include <algorithm>
#include <cmath>

#include "core/parallel.hpp"
#include "core/stats.hpp"
#include "fit/isoflop.hpp"
#include "fit/log_errors.hpp"

namespace scalelaw::inline fit {
namespace {

std::map<std::string, double> all_values(const FitResult& r) {
  std::map<std::string, double> out = r.derived;
  for (std::size_t k = 0; k < r.fitted.values.size(); ++k) {
    out[law_form(r.fitted.kind).parameters[k]] = r.fitted.values[k];
  }
  return out;
}

}  // namespace

Jackknife jackknife_budgets(const std::vector<Observation>& points, const FitResult& full, int threads,
                            const std::function<FitResult(const std::vector<Observation>&)>& fit_rest) {
  const Budgets budgets = group_budgets(points);
  Jackknife out;
  out.budgets.resize(budgets.flops.size());
  parallel_for(out.budgets.size(), threads, [&](std::size_t k) {
    std::vector<Observation> rest;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (budgets.of_point[i] != k) rest.push_back(points[i]);
    }
    const FitResult r = fit_rest(rest);
    Jackknife::Budget& b = out.budgets[k];
    b.flops = budgets.flops[k];
    b.left_out = static_cast<std::int64_t>(points.size() - rest.size());
    b.status = r.convergence.status;
    if (r.converged()) b.values = all_values(r);
  });
  std::map<std::string, std::vector<double>> values;
  for (const Jackknife::Budget& b : out.budgets) {
    if (b.status != FitStatus::converged) ++out.failed;
    for (const auto& [name, x] : b.values) values[name].push_back(x);
  }
  const std::map<std::string, double> center = all_values(full);
  const LawForm& form = law_form(full.law);
  for (auto& [name, x] : values) {
    if (x.size() < 3) continue;
    const double t = student_quantile(0.975, static_cast<double>(x.size()) - 1), at = center.at(name);
    const double se = jackknife_stderr(x);
    out.se[name] = se;
    out.ci95[name] = {at - t * se, at + t * se};
    if (is_offset(form, name)) out.ci95[name].low = std::max(0.0, out.ci95[name].low);
    if (!is_factor(form, name)) continue;
    for (double& each : x) each = std::log(each);
    const double se_log = jackknife_stderr(x);
    out.se_log[name] = se_log;
    out.ci95[name] = {at * std::exp(-t * se_log), at * std::exp(t * se_log)};
  }
  return out;
}

}  // namespace scalelaw::inline fit
