#include "fit/holdout.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/ranges.h>

#include "core/format.hpp"
#include "core/stats.hpp"
#include "fit/budgets.hpp"
#include "fit/isoflop.hpp"
#include "fit/without_law.hpp"
#include "law/critical_batch.hpp"

namespace scalelaw::inline fit {
namespace {

// The loss of a run that the fit has not seen; S_min of its steps is found together with the loss.
double predict_held_out_run(const FitResult& result, const FitOptions& options, const Observation& o) {
  if (!result.fitted.form().needs(Quantity::steps) || !o.batch_tokens) return predict_loss(result.fitted, law_point(o));
  LawPoint point = law_point(o);
  if (!(point.steps > 0)) point.steps = o.tokens / *o.batch_tokens;
  return predict_loss_at_batch(result.fitted, point, *o.batch_tokens, options.critical_batch);
}

// Errors ln predicted - ln observed, gathered one by one.
struct ErrorSums {
  double squares = 0, sum = 0, count = 0;

  void add(double error) {
    squares += error * error;
    sum += error;
    count += 1;
  }
  [[nodiscard]] double rms() const { return std::sqrt(squares / count); }
  [[nodiscard]] double mean() const { return sum / count; }
};

double error_of_line(const Line& line, const Observation& o) {
  return line.intercept + line.slope * std::log(o.flops) - std::log(o.loss_nats);
}

Line line_through(const std::vector<BestMeasured>& points) {
  std::vector<double> log_flops, log_loss;
  for (const BestMeasured& p : points) {
    log_flops.push_back(std::log(p.flops));
    log_loss.push_back(std::log(p.loss_nats));
  }
  return fit_line(log_flops, log_loss);
}

// The best held-out run of each level of compute, where no run of as little compute beats it.
std::vector<Observation> best_held_out(const std::vector<Observation>& fitted, const std::vector<Observation>& held) {
  std::vector<Observation> all = fitted;
  all.insert(all.end(), held.begin(), held.end());
  const std::vector<BestMeasured> frontier = best_measured(all);
  const Budgets levels = group_budgets(held);
  std::vector<const Observation*> best(levels.flops.size(), nullptr);
  for (std::size_t i = 0; i < held.size(); ++i) {
    const Observation*& least = best[levels.of_point[i]];
    if (held[i].weight > 0 && (least == nullptr || held[i].loss_nats < least->loss_nats)) least = &held[i];
  }
  std::vector<Observation> out;
  for (const Observation* o : best) {
    if (o == nullptr) continue;
    const bool on_frontier = std::ranges::any_of(frontier, [&](const BestMeasured& p) {
      return p.flops == o->flops && p.loss_nats == o->loss_nats && p.params == o->params;
    });
    if (on_frontier) out.push_back(*o);
  }
  return out;
}

HoldoutBest compare_at_best(const FitResult& result, const std::vector<Observation>& fitted,
                            const std::vector<Observation>& held, const FitOptions& options) {
  HoldoutBest out;
  ErrorSums law, frontier, isoflop;
  const std::vector<BestMeasured> measured = best_measured(fitted);
  const FitResult valleys = fit_isoflop(fitted, {.method = Method::isoflop, .profile = false, .goodness = false});
  const std::optional<Line> minima = line_of_minima(valleys.isoflop().budgets);
  const Line line = line_through(measured);
  for (const Observation& o : best_held_out(fitted, held)) {
    law.add(std::log(predict_held_out_run(result, options, o) / o.loss_nats));
    frontier.add(error_of_line(line, o));
    if (minima) isoflop.add(error_of_line(*minima, o));
  }
  out.n = static_cast<std::int64_t>(law.count);
  if (out.n == 0) return out;
  out.rms_log_error = law.rms();
  out.mean_log_error = law.mean();
  if (std::isfinite(line.slope)) {
    out.frontier_rms_log_error = frontier.rms();
    out.frontier_mean_log_error = frontier.mean();
  }
  if (minima) {
    out.isoflop_rms_log_error = isoflop.rms();
    out.isoflop_mean_log_error = isoflop.mean();
  }
  return out;
}

}  // namespace

std::vector<Observation> take_held_out(std::vector<Observation>& points, const FitOptions& options) {
  std::vector<Observation> held;
  const auto is_held = [&](const Observation& o) {
    return (options.holdout_above && o.flops > *options.holdout_above) || in_budgets(o, options.hold);
  };
  std::ranges::copy_if(points, std::back_inserter(held), is_held);
  std::erase_if(points, is_held);
  if (options.holdout_above && held.empty()) {
    fail_config("--holdout-above {}: no run has more FLOPs", *options.holdout_above);
  }
  return held;
}

std::vector<BestMeasured> best_measured(std::vector<Observation> points) {
  std::ranges::sort(points, [](const Observation& a, const Observation& b) {
    return std::pair(a.flops, a.loss_nats) < std::pair(b.flops, b.loss_nats);
  });
  std::vector<BestMeasured> best;
  for (const Observation& o : points) {
    if (!(o.weight > 0) || (!best.empty() && o.loss_nats >= best.back().loss_nats)) continue;
    best.push_back({.params = o.params, .tokens = o.tokens, .flops = o.flops, .loss_nats = o.loss_nats});
  }
  return best;
}

Holdout predict_held_out(const FitResult& result, const std::vector<Observation>& fitted,
                         const std::vector<Observation>& held, const FitOptions& options) {
  Holdout out;
  if (options.holdout_above) out.above_flops = *options.holdout_above;
  out.budgets = options.hold;
  if (result.fitted.values.empty() || result.fitted.form().predicts_size) return out;
  std::vector<double> log_flops, log_loss;
  for (const Observation& o : fitted) {
    log_flops.push_back(std::log(o.flops));
    log_loss.push_back(std::log(o.loss_nats));
  }
  const Line baseline = fit_line(log_flops, log_loss);
  ErrorSums law, plain;
  double variance = 0;
  for (const Observation& o : held) {
    const double predicted = predict_held_out_run(result, options, o);
    law.add(std::log(predicted / o.loss_nats));
    plain.add(error_of_line(baseline, o));
    if (result.noise) variance += std::pow(result.noise->at(o.loss_nats), 2) / o.seeds;
    out.points.push_back({o.params, o.tokens, o.flops, o.loss_nats, predicted});
  }
  out.n = std::ssize(held);
  out.rms_log_error = law.rms();
  out.mean_log_error = law.mean();
  out.baseline_rms_log_error = plain.rms();
  if (result.noise) out.noise = std::sqrt(variance / law.count);
  out.best = compare_at_best(result, fitted, held, options);
  return out;
}

std::string describe(const Holdout& h) {
  if (h.n == 0) return "";
  std::vector<std::string> budgets;
  for (const double flops : h.budgets) budgets.push_back(power_text(flops));
  const std::string what = h.above_flops > 0 ? fmt::format("held out above {} FLOPs", power_text(h.above_flops))
                                             : fmt::format("held out at {} FLOPs", fmt::join(budgets, ", "));
  std::string text = fmt::format(
      "{}: {} points, rms error of ln loss {:.4f} (mean {:+.4f}); straight line in "
      "ln C {:.4f}",
      what, h.n, h.rms_log_error, h.mean_log_error, h.baseline_rms_log_error);
  if (h.noise) text += fmt::format("; seed noise {:.4f}", *h.noise);
  text += "\n";
  if (h.best.empty()) return text;
  text += fmt::format("  at the best {} held out, rms error: the law {:.4f}",
                      h.best.n == 1 ? "run" : fmt::format("{} runs", h.best.n), h.best.rms_log_error);
  if (h.best.frontier_rms_log_error) {
    text += fmt::format("; a line in ln C through the best runs fitted {:.4f}", *h.best.frontier_rms_log_error);
  }
  if (h.best.isoflop_rms_log_error) {
    text += fmt::format("; one through the isoFLOP minima {:.4f}", *h.best.isoflop_rms_log_error);
  }
  return text + " (the straight line above is through every run fitted, good and bad)\n";
}

}  // namespace scalelaw::inline fit
