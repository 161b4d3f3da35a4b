#include "alloc/forecast.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/ranges.h>

#include "alloc/measured.hpp"
#include "alloc/predict.hpp"
#include "core/format.hpp"
#include "core/rng.hpp"
#include "core/stats.hpp"
#include "fit/draws.hpp"
#include "law/optimum.hpp"

namespace scalelaw::inline alloc {
namespace {

struct Noise {
  RunNoise of = RunNoise::unknown;
  std::int64_t freedom = 0;
  std::optional<NoiseModel> seeds = {};
  double residuals = 0;

  [[nodiscard]] double at(double loss_nats) const { return seeds ? seeds->at(loss_nats) : residuals; }
};

std::int64_t free_parameters(const FitResult& fit) {
  std::int64_t held = 0;
  for (const auto& [name, se] : fit.bootstrap.se) held += se == 0 ? 1 : 0;  // by --fix, or by the form of the law
  return std::ssize(fit.fitted.values) - held;
}

Noise noise_of(const FitResult& fit) {
  if (fit.noise) return {.of = RunNoise::seeds, .freedom = fit.noise->freedom, .seeds = fit.noise};
  const Goodness& g = fit.parametric().goodness;
  const std::int64_t freedom = g.n - free_parameters(fit);
  if (g.n == 0 || freedom < 1) return {};
  return {.of = RunNoise::residuals,
          .freedom = freedom,
          .residuals = g.rms * std::sqrt(static_cast<double>(g.n) / static_cast<double>(freedom))};
}

// Every draw of the law with kNoiseDraws noises of a run.
std::vector<double> new_runs(const FitResult& fit, const LawPoint& point, const Noise& noise, bool student) {
  std::vector<double> losses;
  Law law = fit.fitted;
  for (std::size_t i = 0; i < fit.bootstrap.draws.size(); ++i) {
    law.values = fit.bootstrap.draws[i];
    const double loss = predict_loss(law, point);
    if (!std::isfinite(loss)) continue;
    Rng rng = make_rng(fit.bootstrap.seed, "forecast", i);
    for (int k = 0; k < kNoiseDraws; ++k) {
      const double z =
          student ? student_quantile(uniform01(rng), static_cast<double>(noise.freedom)) : standard_normal(rng);
      losses.push_back(loss * std::exp(noise.at(loss) * z));
    }
  }
  return losses;
}

double beyond(double value, const Interval& range) {
  if (!(value > 0) || !(range.high > 0)) return 0;
  return std::max({1.0, value / range.high, range.low / value});
}

bool asks_for_flops_alone(const LawForm& form) {
  return form.needs(Quantity::flops) && !form.needs(Quantity::params) && !form.needs(Quantity::tokens);
}

LawPoint point_of(const FitResult& fit, const ForecastRequest& request, bool& optimum) {
  const bool both = request.params > 0 && request.tokens > 0;
  if (fit.fitted.form().needs(Quantity::steps)) {
    fail_config("forecast: the law {} asks for optimizer steps, which a forecast does not take; take another law",
                law_form(fit.law).name);
  }
  if ((request.params > 0) != (request.tokens > 0)) {
    fail_config("forecast: --params and --tokens belong together: a run has both; or give --flops alone");
  }
  if (both == (request.flops > 0)) {
    fail_config("forecast: give the run to predict, --params N --tokens D, or its compute, --flops C");
  }
  LawPoint point{.params = request.params, .tokens = request.tokens, .flops = request.flops};
  if (both || asks_for_flops_alone(fit.fitted.form())) return point;
  const Optimum best = compute_optimal(fit.fitted, request.flops);
  optimum = true;
  return {.params = best.scale.params, .tokens = best.scale.tokens};
}

std::string percent_of(double factor) { return fmt::format("{:.2g} %", 100 * factor); }

std::string interval_text(const Interval& i) { return fmt::format("[{:.4f}, {:.4f}]", i.low, i.high); }

std::string point_text(double params, double tokens, double flops) {
  if (!(params > 0)) return fmt::format("C = {} FLOPs", power_text(flops, 4));
  return fmt::format("N = {}, D = {}, C = {} FLOPs", short_count(params), short_count(tokens), power_text(flops, 4));
}

// How far apart in ln N and ln D; in ln C where the forecast is of the compute alone.
struct Distance {
  double params = 0, tokens = 0, flops = 0;

  [[nodiscard]] double largest() const { return std::max({params, tokens, flops}); }
};

Distance distance_of(const Forecast& f, const Observation& o) {
  const auto apart = [](double a, double b) { return std::abs(std::log(a / b)); };
  if (!(f.params > 0)) return {.flops = apart(o.flops, f.flops)};
  return {.params = apart(o.params, f.params), .tokens = apart(o.tokens, f.tokens)};
}

ScoredRun scored(const Forecast& f, const Observation& o) {
  ScoredRun out{.run = o.run,
                .params = o.params,
                .tokens = o.tokens,
                .flops = o.flops,
                .loss_nats = o.loss_nats,
                .seeds = o.seeds,
                .error_nats = f.loss_nats - o.loss_nats,
                .error_percent = 100 * (f.loss_nats / o.loss_nats - 1),
                .inside = std::nullopt,
                .error_intervals = std::nullopt};
  if (!f.run_ci95) return out;
  out.inside = o.loss_nats >= f.run_ci95->low && o.loss_nats <= f.run_ci95->high;
  const double side = out.error_nats > 0 ? f.loss_nats - f.run_ci95->low : f.run_ci95->high - f.loss_nats;
  if (side > 0) out.error_intervals = out.error_nats / side;
  return out;
}

}  // namespace

Forecast forecast(const FitResult& fit, const ForecastRequest& request) {
  if (!fit.answers() || fit.fitted.values.empty() || fit.fitted.form().predicts_size) {
    fail_data("forecast: the {} fit of the law '{}' gives no loss (status {}): add points, or take a law of the loss",
              fit.method(), law_form(fit.law).name, fit.convergence.status);
  }
  Forecast out;
  const Prediction at = predict(fit, point_of(fit, request, out.optimum));
  out.law = law_form(fit.law).name;
  for (std::size_t k = 0; k < fit.fitted.values.size(); ++k) {
    if (shows_parameter(fit.fitted, k)) out.constants[law_form(fit.law).parameters[k]] = fit.fitted.values[k];
  }
  out.convention = fit.convention;
  out.params = at.point.params;
  out.tokens = at.point.tokens;
  out.flops = at.point.flops;
  out.loss_nats = at.loss_nats;
  out.law_ci95 = at.ci95;
  const Noise noise = noise_of(fit);
  out.noise = noise.of;
  out.noise_freedom = noise.freedom;
  if (noise.of != RunNoise::unknown) out.noise_sd = noise.at(at.loss_nats);
  if (at.ci95 && noise.of != RunNoise::unknown) {
    constexpr double kNominal = 0.025;
    const double tail = interval_tail(fit);
    const bool plain = tail > 0.999 * kNominal;
    out.run_ci95 = draws_interval(new_runs(fit, at.point, noise, plain), tail);
  }
  out.extrapolation = {.params = beyond(out.params, fit.params_range),
                       .tokens = beyond(out.tokens, fit.tokens_range),
                       .flops = beyond(out.flops, fit.flops_range)};
  const ParametricFit& own = fit.parametric();
  out.fit = {.n = fit.n,
             .objective = own.objective.kind,
             .delta = own.objective.delta,
             .dropped = fit.dropped,
             .weights = fit.weights,
             .resample = fit.bootstrap.resample,
             .replicates = fit.bootstrap.replicates,
             .seed = static_cast<std::int64_t>(fit.bootstrap.seed)};
  return out;
}

Json to_json(const Forecast& forecast) {
  Json out = to_json_fields(forecast);
  out["schema"] = kForecastSchema;
  return out;
}

Forecast forecast_from_json(const Json& value, const std::string& name) {
  const auto schema = value.is_object() ? value.find("schema") : value.end();
  if (schema == value.end() || *schema != kForecastSchema) {
    fail_data("{}: is not a forecast (its schema is not \"{}\"); make one with scalelaw forecast INPUT", name,
              kForecastSchema);
  }
  Json own = value;
  own.erase("schema");
  Forecast out;
  read_fields(own, out, Source{.name = name, .origin = {}, .code = ExitCode::data});
  if (!(out.loss_nats > 0) || !(out.flops > 0)) fail_data("{}: the forecast has no loss or no point", name);
  return out;
}

std::string describe(const Forecast& f) {
  std::string text =
      fmt::format("forecast of {} ({}): loss {:.4f} nats per token at {}{}\n", f.created, f.law, f.loss_nats,
                  point_text(f.params, f.tokens, f.flops), f.optimum ? " (the law's optimum)" : "");
  if (f.law_ci95) text += fmt::format("  95 % interval of the law: {}\n", interval_text(*f.law_ci95));
  const std::string why =
      f.noise == RunNoise::seeds
          ? fmt::format("the noise between seeds, {} of the loss", percent_of(f.noise_sd))
          : fmt::format("the scatter of the residuals, {} of the loss, since no seeds show the noise",
                        percent_of(f.noise_sd));
  if (f.run_ci95) {
    text += fmt::format("  95 % interval of one new run: {} (with {})\n", interval_text(*f.run_ci95), why);
  } else {
    text += "  no interval of one new run: the fit has too few bootstrap draws, or nothing shows the noise of a run\n";
  }
  std::vector<std::string> factors;
  const auto add = [&](const char* name, double factor) {
    if (factor > 0) factors.push_back(fmt::format("{} {}", name, factor > 1 ? factor_text(factor) : "1 (within)"));
  };
  add("N", f.extrapolation.params);
  add("D", f.extrapolation.tokens);
  add("C", f.extrapolation.flops);
  text += fmt::format("  times beyond the runs of the fit: {}\n", fmt::join(factors, ", "));
  if (f.extrapolation.params > 1 || f.extrapolation.tokens > 1 || f.extrapolation.flops > 1) {
    text +=
        "warning: outside the runs of the fit the intervals hold if the law does; they say nothing about a law "
        "that bends there\n";
  }
  return text;
}

bool at_point(const Forecast& forecast, const Observation& run) {
  return distance_of(forecast, run).largest() <= std::log1p(kSameRun);
}

ForecastScore score(const Forecast& forecast, const std::vector<Observation>& points) {
  if (points.empty()) fail_data("forecast --score: the input holds no run with a loss");
  std::vector<std::size_t> order(points.size());
  std::vector<Distance> apart;
  for (std::size_t i = 0; i < points.size(); ++i) {
    order[i] = i;
    apart.push_back(distance_of(forecast, points[i]));
  }
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return apart[i].largest(); });
  const Observation& nearest = points[order.front()];
  const Distance& least = apart[order.front()];
  ForecastScore out{.forecast = forecast, .runs = {}};
  for (const std::size_t i : order) {
    if (at_point(forecast, points[i])) out.runs.push_back(scored(forecast, points[i]));
  }
  if (out.runs.empty()) {
    fail_data("forecast --score: no run within {} of {}; the nearest is {}{}, {} away{}", percent_of(kSameRun),
              point_text(forecast.params, forecast.tokens, forecast.flops),
              nearest.run.empty() ? "" : nearest.run + " at ",
              point_text(forecast.params > 0 ? nearest.params : 0, nearest.tokens, nearest.flops),
              percent_of(std::expm1(least.largest())),
              forecast.params > 0 ? (least.params > least.tokens ? " in N" : " in D") : "");
  }
  return out;
}

Json to_json(const ForecastScore& s) {
  Json out = {{"schema", kScoreSchema}, {"forecast", to_json(s.forecast)}, {"cautions", s.cautions}};
  out["runs"] = Json::array();
  for (const ScoredRun& run : s.runs) out["runs"].push_back(to_json_fields(run));
  return out;
}

std::string describe(const ForecastScore& s) {
  std::string text = describe(s.forecast);
  for (const ScoredRun& run : s.runs) {
    text += fmt::format("{}{}{}: observed {:.4f}, predicted {:.4f}: {} by {:.4f} nats ({:+.2f} %)",
                        run.run.empty() ? "" : run.run + ", ", point_text(run.params, run.tokens, run.flops),
                        run.seeds > 1 ? fmt::format(" (mean of {:g} seeds)", run.seeds) : "", run.loss_nats,
                        s.forecast.loss_nats, run.error_nats > 0 ? "too high" : "too low", std::abs(run.error_nats),
                        run.error_percent);
    if (run.inside) {
      text += fmt::format(", {} the 95 % interval of one run", *run.inside ? "inside" : "OUTSIDE");
      if (run.error_intervals) text += fmt::format(", {:.2f} of its half-width", std::abs(*run.error_intervals));
    }
    text += "\n";
  }
  for (const std::string& line : s.cautions) text += fmt::format("caution: {}\n", line);
  return text;
}

}  // namespace scalelaw::inline alloc
