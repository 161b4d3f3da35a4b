#include "fit/envelope.hpp"

#include <algorithm>
#include <cmath>

#include "core/stats.hpp"
#include "fit/valley.hpp"
#include "law/optimum.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kOneLine = 0.02;       // sd of ln D about the line: D is rounded to whole batches
constexpr double kEnvelopeBias = 0.05;  // of a

// Runs on the lower envelope of loss against compute, by rising compute.
std::vector<std::size_t> envelope_of(const std::vector<Observation>& points, const std::vector<double>& losses,
                                     const std::vector<double>& weights) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (weights[i] > 0) order.push_back(i);
  }
  std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
    return std::pair(points[a].flops, losses[a]) < std::pair(points[b].flops, losses[b]);
  });
  std::vector<std::size_t> best;
  for (const std::size_t i : order) {
    if (best.empty() || losses[i] < losses[best.back()]) best.push_back(i);
  }
  return best;
}

Refit envelope_laws(const std::vector<Observation>& points, const std::vector<std::size_t>& best) {
  std::vector<double> c, n, d;
  for (const std::size_t i : best) {
    c.push_back(std::log(points[i].flops));
    n.push_back(std::log(points[i].params));
    d.push_back(std::log(points[i].tokens));
  }
  return best.size() < 3 ? Refit{} : optimum_laws(c, n, d);
}

// "at D = 20 N" or how D goes with N, where all runs lie on one line in ln N and ln D; else empty.
std::string one_line(const std::vector<Observation>& points) {
  std::vector<double> x, y;
  for (const Observation& o : points) {
    if (!(o.weight > 0)) continue;
    x.push_back(std::log(o.params));
    y.push_back(std::log(o.tokens));
  }
  if (x.size() < 3) return "";
  if (!(standard_deviation(x) > kOneLine)) return "have the same N";
  if (!(standard_deviation(y) > kOneLine)) return "have the same D";
  const Line line = fit_line(x, y);
  std::vector<double> off;
  for (std::size_t i = 0; i < x.size(); ++i) off.push_back(y[i] - line.intercept - line.slope * x[i]);
  if (standard_deviation(off) > kOneLine) return "";
  if (std::abs(line.slope - 1) < 0.01) return fmt::format("have D = {:.3g} N", std::exp(mean(y) - mean(x)));
  return fmt::format("have D ~ N^{:.3g}", line.slope);
}

// The envelope's own error at this design: of the noise-free losses of a law fitted to the points.
std::map<std::string, double> design_bias(const std::vector<Observation>& points, const std::vector<double>& weights,
                                          const FitOptions& options) {
  const std::optional<Law> law = law_beside(points, options.law, options.threads);
  const auto exact = law ? allocation_exponents(*law) : std::nullopt;
  if (!exact) return {};
  std::vector<double> losses;
  for (const Observation& o : points) losses.push_back(predict_loss(*law, o.scale()));
  const Refit laws = envelope_laws(points, envelope_of(points, losses, weights));
  if (laws.status != RefitStatus::ok) return {};
  return {{"a", laws.derived.at("a") - exact->a}, {"b", laws.derived.at("b") - exact->b}};
}

// What the design does to the answer, whatever the losses are.
void check_design(const std::vector<Observation>& points, const std::vector<double>& weights, const FitOptions& options,
                  FitResult& result) {
  if (const std::string line = one_line(points); !line.empty()) {
    result.convergence.status = FitStatus::one_line;
    result.message = fmt::format(
        "all runs {}: the envelope can only return that line, whatever the losses are; add runs at other D/N", line);
    return;
  }
  if (!options.goodness || !result.converged()) return;
  auto& own = std::get<EnvelopeFit>(result.by_method);
  own.bias = design_bias(points, weights, options);
  const std::string& law = law_form(kind_beside(options.law)).name;
  if (own.bias.empty()) {
    result.cautions.push_back(fmt::format(
        "the envelope's own bias at this design is not known: the law {} did not converge on these points", law));
    return;
  }
  const double bias = own.bias.at("a");
  if (!(std::abs(bias) > kEnvelopeBias)) return;
  result.convergence.status = FitStatus::biased;
  result.message = fmt::format(
      "at this design the envelope misses a by {:+.2f} even without noise (losses of the law {} fitted to the same "
      "runs), "
      "since its best runs lie at the edges of what each compute was spent on; use --method isoflop or "
      "parametric, or run more sizes at closer steps of compute",
      bias, law);
}

}  // namespace

Refit optimum_laws(const std::vector<double>& log_flops, const std::vector<double>& log_params,
                   const std::vector<double>& log_tokens) {
  Refit out;
  const Line n = fit_line(log_flops, log_params), d = fit_line(log_flops, log_tokens);
  if (!std::isfinite(n.slope) || !std::isfinite(d.slope)) return out;
  out.status = RefitStatus::ok;
  out.values = {std::exp(n.intercept), n.slope};
  out.derived = {{"a", n.slope},
                 {"b", d.slope},
                 {"params_coefficient", std::exp(n.intercept)},
                 {"tokens_coefficient", std::exp(d.intercept)}};
  return out;
}

std::vector<double> weights_of(const std::vector<Observation>& points) {
  std::vector<double> w;
  for (const Observation& o : points) w.push_back(o.weight);
  return w;
}

void set_laws(const Refit& laws, const FitOptions& options, FitResult& result) {
  if (laws.status == RefitStatus::failed) return;
  result.fitted = {
      .kind = LawKind::optimal, .values = laws.values, .name = "fit", .source = "", .convention = options.convention};
  result.derived = laws.derived;
}

FitResult fit_envelope(const std::vector<Observation>& points, const FitOptions& options) {
  BootstrapOptions boot = options.bootstrap;
  boot.resample = resolved_resample(boot.resample, Method::envelope, points);
  if (boot.replicates > 0 && boot.resample == Resample::parametric) {
    fail_config("--resample parametric needs a curve of the loss; with --method envelope use runs or groups");
  }
  FitResult result;
  result.law = LawKind::optimal;
  result.by_method = EnvelopeFit{};
  const std::vector<double> weights = weights_of(points);
  std::vector<double> losses;
  for (const Observation& o : points) losses.push_back(o.loss_nats);
  const std::vector<std::size_t> best = envelope_of(points, losses, weights);
  const Refit laws = envelope_laws(points, best);
  set_laws(laws, options, result);
  result.convergence.starts = result.convergence.starts_at_best = 1;
  if (best.size() >= 4 && laws.status == RefitStatus::ok) {
    result.convergence.status = FitStatus::converged;
  } else {
    result.message = fmt::format("{} runs lie on the lower envelope and a power law needs 4; add runs", best.size());
  }
  check_design(points, weights, options, result);
  if (laws.status == RefitStatus::ok && boot.replicates > 0) {
    const std::vector<std::size_t> units = resampling_units(points, boot.resample);
    result.bootstrap =
        run_bootstrap(boot, options.threads, law_form(LawKind::optimal).parameters, 0, [&](std::int64_t i) {
          std::vector<double> drawn = multiplicities(units, {}, boot.seed, i);
          for (std::size_t k = 0; k < drawn.size(); ++k) drawn[k] *= weights[k];
          return envelope_laws(points, envelope_of(points, losses, drawn));
        });
  }
  return result;
}

}  // namespace scalelaw::inline fit
