#include "inference/compare.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "core/format.hpp"
#include "core/parallel.hpp"
#include "fit/draws.hpp"
#include "fit/prepare.hpp"
#include "inference/difference.hpp"
#include "inference/exponents.hpp"
#include "inference/slopes.hpp"
#include "inference/studies.hpp"
#include "sim/reanchor.hpp"

namespace scalelaw::inline inference {
namespace {

std::vector<Observation> lowest_losses(std::vector<Observation> points, std::int64_t count) {
  std::stable_sort(points.begin(), points.end(),
                   [](const Observation& a, const Observation& b) { return a.loss_nats < b.loss_nats; });
  points.resize(points.size() - std::min(points.size(), static_cast<std::size_t>(count)));
  return points;
}

/// The method that both sets of points allow: the same estimator on both.
SlopeMethod common_slope_method(const std::vector<Observation>& first, const std::vector<Observation>& second) {
  for (const SlopeMethod method : {SlopeMethod::isoflop, SlopeMethod::frontier}) {
    if (!slopes_of(first, method).empty() && !slopes_of(second, method).empty()) return method;
  }
  return SlopeMethod::none;
}

/// Bootstrap draws of the slopes. Along the frontier of a grid every point stands alone at its compute, and leaving
/// some out moves the frontier itself: there, and where the fit's own bootstrap is parametric, the fitted law's losses
/// with noise of the residuals' size take the place of resampled runs, each draw as it deviates from the law without
/// noise.
std::vector<std::map<std::string, double>> slope_draws(const FitResult& fit, const std::vector<Observation>& points,
                                                       SlopeMethod method, const FitOptions& options) {
  const bool parametric =
      has_loss(fit) && (method == SlopeMethod::frontier || fit.bootstrap.resample == Resample::parametric);
  if (!parametric) return resampled_slopes(points, method, options.bootstrap, options.threads);
  const PointNoise noise = residual_noise(fit, points);
  const auto measured = slopes_of(points, method);
  const auto exact = slopes_of(simulate_points(points, fit.fitted, {}, 0, 0), method);
  std::vector<std::map<std::string, double>> draws(static_cast<std::size_t>(options.bootstrap.replicates));
  if (std::isnan(noise.sd)) return draws;
  parallel_for(draws.size(), options.threads, [&](std::size_t i) {
    for (const auto& [name, value] :
         slopes_of(simulate_points(points, fit.fitted, noise, options.bootstrap.seed, i), method)) {
      if (exact.contains(name) && measured.contains(name)) draws[i][name] = measured.at(name) + value - exact.at(name);
    }
  });
  return draws;
}

std::vector<double> values_named(const std::vector<std::map<std::string, double>>& all, const std::string& name) {
  std::vector<double> values;
  for (const auto& each : all) {
    if (each.contains(name)) values.push_back(each.at(name));
  }
  return values;
}

/// No exponent has a verdict, and this is why.
void give_up(Comparison& c, const std::string& why) {
  c.failure = why;
  c.exponents.clear();
  auto names = exponents_of(c.first_fit);
  names.merge(exponents_of(c.second_fit));
  for (const auto& [name, value] : names) c.exponents.push_back(not_converged(name, std::nan(""), std::nan("")));
}

/// Gives up where the fit of a source did not converge. @return whether it did not
bool gave_up_on(Comparison& c, const std::string& source, const FitResult& fit) {
  if (fit.converged()) return false;
  c.notes.push_back(
      fmt::format("the fit of {} did not converge (status {}): no comparison", source, fit.convergence.status));
  if (c.failure.empty()) {
    give_up(c, fmt::format("the fit of {} did not converge: {}{}{}", source, fit.convergence.status,
                           fit.message.empty() ? "" : ": ", fit.message));
  }
  return true;
}

/// What a comparison knows before anything is fitted.
Comparison begun(const std::string& first, const std::string& second, const CompareOptions& options) {
  Comparison c;
  c.first = first;
  c.second = second;
  c.convention = options.fit.convention;
  c.margin = options.margin;
  const std::string counted(name_of(c.convention.params));
  c.first_counted = options.first_counted.empty() ? counted : options.first_counted;
  c.second_counted = options.second_counted.empty() ? counted : options.second_counted;
  return c;
}

/// How the law means N where a table does not say how it counts.
std::string own_counts_note(const Comparison& c) {
  const std::string& law_counts = c.second_counted;
  const std::string advice =
      law_counts == name_of(ParamsCount::total)
          ? "if it counts all parameters, --convention total says so"
          : fmt::format("if it counts so too, say --convention {} --columns params=NAME", law_counts);
  return fmt::format("{} counts N as {}; {} does not say how it counts, and its numbers are taken as they are: {}",
                     c.second, law_counts, c.first, advice);
}

/// What a reader has to know of the counts of N; empty for nothing.
std::string counted_note(const Comparison& c) {
  const std::string& first = c.first_counted;
  const std::string& second = c.second_counted;
  if (first == second) return "";
  if (!c.second_measured && first == kOwnCounts) return own_counts_note(c);
  if (!c.second_measured) {
    return fmt::format("{} counts N as {}, these points as {}: its exponents hold for its own count", c.second, second,
                       first);
  }
  const auto text = [](const std::string& name, const std::string& how) {
    return how == kOwnCounts ? fmt::format("{} does not say how it counts N", name)
                             : fmt::format("{} counts N as {}", name, how);
  };
  return fmt::format("{}, {}: exponents can be compared only under one count", text(c.first, first),
                     text(c.second, second));
}

/// Points with the steps that a law over steps looks at (S_min). Errors (data): points without steps, for such a law.
std::vector<Observation> with_steps(const std::string& name, const std::vector<Observation>& points, const Law& law,
                                    const FitOptions& options) {
  const bool of_steps = law.form().needs(Quantity::steps);
  const bool fitted = law_form(options.law).needs(Quantity::steps) && options.method == Method::parametric;
  if (!of_steps && !fitted) return points;
  const auto lacking = std::ranges::count_if(points, [](const Observation& o) { return !o.steps && !o.batch_tokens; });
  if (lacking > 0 && of_steps) {
    fail_data(
        "{}: {} of {} points have no optimizer steps, and the law {} is one of N and steps: add a column steps (and "
        "batch_tokens, unless the steps are those of a very large batch), or compare with a law of N and D, such as "
        "kaplan2020-joint",
        name, lacking, points.size(), law.name);
  }
  return with_minimum_steps(points, options.critical_batch);
}

void check_options(const CompareOptions& options) {
  if (!(options.margin.value > 0) || !std::isfinite(options.margin.value)) {
    fail_config("compare: --margin is {}; it must be positive", options.margin.value);
  }
  if (options.studies < static_cast<std::int64_t>(kFewestStudies)) {
    fail_config("compare: --studies is {}; the 2.5 % quantile needs at least {}", options.studies, kFewestStudies);
  }
  const std::int64_t replicates = options.fit.bootstrap.replicates;
  if (replicates > 0 && replicates < static_cast<std::int64_t>(kFewestStudies)) {
    fail_config("compare: --bootstrap is {}; the 2.5 % quantile needs at least {}", replicates, kFewestStudies);
  }
}

void check_law(const Law& law, double noise) {
  if (law.form().predicts_size) {
    fail_config("compare: the law '{}' gives the optimal size, not a loss, so it cannot be simulated", law.name);
  }
  if (!(noise >= 0) || !std::isfinite(noise)) fail_config("compare: --noise is {}; it must be at least 0", noise);
}

/// The law as it is simulated: its amplitudes refitted to the points, where they can be.
Law law_at_points(Comparison& c, const Law& law, const std::vector<Observation>& points,
                  const CompareOptions& options) {
  if (!options.reanchor) return law;
  const std::optional<Law> anchored = reanchor(law, points);
  if (!anchored) {
    c.notes.push_back(
        fmt::format("the amplitudes of {} could not be refitted to these points: simulated as published", law.name));
    return law;
  }
  c.reanchored = true;
  c.notes.push_back(
      fmt::format("the exponents of {} were kept and its amplitudes refitted to these points: published "
                  "amplitudes mean nothing at another scale and on another text",
                  law.name));
  return *anchored;
}

/// Errors (config): losses that no model has.
void check_losses(const std::vector<Observation>& points, const Law& law, const CompareOptions& options) {
  double largest = 0;
  for (const Observation& point : points) largest = std::max(largest, predict_loss(law, law_point(point)));
  if (options.largest_loss > 0 && largest > options.largest_loss) {
    fail_config(
        "the law '{}' gives {:.1f} nats at these points, above ln(vocab) = {:.3g}, the loss of a model that knows "
        "nothing: its amplitudes do not hold at this scale{}",
        law.name, largest, options.largest_loss,
        options.reanchor ? " and could not be refitted to these points" : "; leave out --keep-amplitudes");
  }
}

/// Simulates the law at `used` and judges every exponent of the converged first fit.
void judge_against(Comparison& c, const std::vector<Observation>& used, const Law& law, const PointNoise& noise,
                   const CompareOptions& options) {
  c.noise = noise.sd;
  c.group_share = noise.group_share;
  const SlopeMethod slopes = slope_method(used);
  const SimulatedStudies simulated = simulate_studies(used, law, noise, c.second_fit, slopes, c.reanchored, options);
  c.studies = static_cast<std::int64_t>(simulated.exponents.size());
  c.failed = simulated.failed;
  if (simulated.exponents.size() < kFewestStudies) {
    const std::string why =
        fmt::format("only {} of {} simulated studies gave a converged fit", c.studies, options.studies);
    c.notes.push_back(why + ": no comparison");
    give_up(c, why + "; give more --studies, or points that determine the law better");
    return;
  }
  auto estimates = exponents_of(c.first_fit);
  estimates.merge(slopes_of(used, slopes));
  bool any = false;
  for (const auto& [exponent, value] : estimates) {
    ExponentComparison e =
        against_studies(exponent, value, c.first_fit, simulated, c.noise, c.noise_estimated && has_loss(c.first_fit));
    if (!e.verdict) give_verdict(e, c.margin);
    any = any || e.verdict != Verdict::not_converged;
    c.exponents.push_back(e);
  }
  if (!any) {
    c.failure = "fewer than half of the simulated studies give any exponent; give more --studies, or another --method";
    c.notes.push_back("fewer than half of the simulated studies give any exponent: no comparison");
  }
}

/// Pairs the bootstrap draws of both fits, exponent by exponent.
void judge_pairs(Comparison& c, const std::vector<Observation>& first_points, const FitOptions& first_options,
                 const std::vector<Observation>& second_points, const FitOptions& second_options) {
  const double tail = std::min(interval_tail(c.first_fit), interval_tail(c.second_fit));
  const auto second_exponents = exponents_of(c.second_fit);
  for (const auto& [name, value] : exponents_of(c.first_fit)) {
    if (!second_exponents.contains(name)) continue;
    const auto e = paired(name, bootstrapped(c.first_fit, name, value),
                          bootstrapped(c.second_fit, name, second_exponents.at(name)), tail);
    if (e) c.exponents.push_back(*e);
  }
  const SlopeMethod method = common_slope_method(first_points, second_points);
  const auto first_slopes = slopes_of(first_points, method), second_slopes = slopes_of(second_points, method);
  const auto first_draws = slope_draws(c.first_fit, first_points, method, first_options);
  const auto second_draws = slope_draws(c.second_fit, second_points, method, second_options);
  for (const auto& [name, value] : first_slopes) {
    const auto e = paired(name, {value, values_named(first_draws, name), {}},
                          {second_slopes.at(name), values_named(second_draws, name), {}}, 0.025);
    if (e) c.exponents.push_back(*e);
  }
  for (ExponentComparison& e : c.exponents) give_verdict(e, c.margin);
}

}  // namespace

Comparison compare_with_law(const std::string& name, const std::vector<Observation>& points, const Law& law,
                            double noise, const CompareOptions& options) {
  check_options(options);
  check_law(law, noise);
  Comparison c = begun(name, law.name, options);
  c.second_counted = name_of(law.convention.params);
  c.noise_estimated = noise == 0;
  const std::vector<Observation> used =
      with_steps(name, lowest_losses(points, options.fit.drop_highest), law, options.fit);
  FitOptions plain = options.fit;
  plain.drop_highest = 0;
  plain.bootstrap.replicates = 0;
  const Law simulated_law = law_at_points(c, law, used, options);
  if (const std::string note = counted_note(c); !note.empty()) c.notes.push_back(note);
  check_losses(used, simulated_law, options);
  c.first_fit = fit_points(points, options.fit);
  c.second_fit = fit_points(simulate_points(used, simulated_law, {}, options.seed, 0), plain);
  if (gave_up_on(c, name, c.first_fit)) return c;
  const PointNoise point_noise =
      c.noise_estimated ? estimated_noise(c.first_fit, used, plain) : PointNoise{.sd = noise};
  if (c.noise_estimated && c.first_fit.parametric().goodness.outliers > 0) {
    c.notes.push_back(fmt::format(
        "the noise was taken from residuals that hold {} of {}, which widens every interval; compare without "
        "{} too",
        counted(c.first_fit.parametric().goodness.outliers, "outlier"), name,
        c.first_fit.parametric().goodness.outliers == 1 ? "it" : "them"));
  }
  judge_against(c, used, simulated_law, point_noise, options);
  return c;
}

Comparison compare_observations(const std::string& first, const std::vector<Observation>& first_points,
                                const std::string& second, const std::vector<Observation>& second_points,
                                const CompareOptions& options) {
  check_options(options);
  Comparison c = begun(first, second, options);
  c.second_measured = true;
  FitOptions first_options = options.fit;
  if (first_options.bootstrap.replicates == 0) first_options.bootstrap.replicates = options.studies;
  FitOptions second_options = first_options;
  second_options.bootstrap.seed = first_options.bootstrap.seed + 1;  // the two resamplings are independent
  second_options.noise = options.second_noise;
  if (const std::string note = counted_note(c); !note.empty()) c.notes.push_back(note);
  c.first_fit = fit_points(first_points, first_options);
  c.second_fit = fit_points(second_points, second_options);
  c.studies = std::min(static_cast<std::int64_t>(c.first_fit.bootstrap.draws.size()),
                       static_cast<std::int64_t>(c.second_fit.bootstrap.draws.size()));
  c.failed = c.first_fit.bootstrap.failed + c.second_fit.bootstrap.failed;
  const bool no_first = gave_up_on(c, first, c.first_fit), no_second = gave_up_on(c, second, c.second_fit);
  if (no_first || no_second) return c;
  if (options.multiplier) {
    c.loss_multipliers =
        loss_multipliers(first_points, second_points, c.first_fit, c.second_fit, options.fit, *options.multiplier);
  }
  judge_pairs(c, with_steps(first, first_points, c.first_fit.fitted, options.fit), first_options,
              with_steps(second, second_points, c.second_fit.fitted, options.fit), second_options);
  if (!c.exponents.empty()) {
    c.multipliers =
        compute_multipliers(c.first_fit, c.second_fit,
                            options.flops.empty() ? multiplier_budgets(c.first_fit, c.second_fit) : options.flops);
  } else {
    c.notes.emplace_back("too few bootstrap refits converged on one of the two sources: no comparison");
    give_up(c, "too few bootstrap refits converged on one of the two sources; give more --bootstrap replicates");
  }
  return c;
}

}  // namespace scalelaw::inline inference
