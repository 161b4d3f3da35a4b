#include "fit/choice.hpp"

#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <limits>

#include "core/format.hpp"
#include "core/parallel.hpp"
#include "core/rng.hpp"
#include "fit/bootstrap.hpp"
#include "fit/budgets.hpp"
#include "fit/fit.hpp"
#include "fit/holdout.hpp"
#include "fit/minimum.hpp"
#include "fit/prepare.hpp"
#include "fit/search.hpp"
#include "law/optimum.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr std::int64_t kFewestDrawsOfTest = 200;
constexpr double kSharedByTrunk = 0.8;
constexpr double kExact = 1e-8;  // rms of ln loss
constexpr std::size_t kFewestLevels = 3, kMostLevels = 12, kQuantileLevels = 5;

// -2 ln of the likelihood of residuals with the density exp(-rho(r)/tau)/Z(tau) at its best tau; F = sum rho.
//   squares:  n ln(4 pi F/n) + n with rho = r^2/2, tau the variance
//   Huber:    Z = sqrt(2 pi tau) erf(delta/sqrt(2 tau)) + 2 tau/delta exp(-delta^2/(2 tau))
double minus_two_log_likelihood(const Objective& objective, double sum, double n) {
  const bool huber = objective.kind == ObjectiveKind::log_huber;
  const double delta = objective.delta;
  const auto value = [&](double log_tau) {
    const double tau = std::exp(log_tau);
    double z = std::sqrt(2 * M_PI * tau);
    if (huber) z = z * std::erf(delta / std::sqrt(2 * tau)) + 2 * tau / delta * std::exp(-delta * delta / (2 * tau));
    return 2 * (sum / tau + n * std::log(z));
  };
  if (!(sum > 0)) return -std::numeric_limits<double>::infinity();
  const double center = std::log(2 * sum / n);
  return boost::math::tools::brent_find_minima(value, center - 12, center + 12, 40).second;
}

// Parts of the points by rising compute: their budgets where these are a few, else fifths.
std::vector<std::size_t> levels_of(const std::vector<Observation>& points, std::size_t& count) {
  const Budgets budgets = group_budgets(points);
  count = budgets.flops.size();
  if (count >= kFewestLevels && count <= kMostLevels) return budgets.of_point;
  std::vector<std::size_t> order(points.size()), level(points.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return points[i].flops; });
  count = std::min(kQuantileLevels, points.size());
  for (std::size_t i = 0; i < order.size(); ++i) level[order[i]] = i * count / order.size();
  return level;
}

struct Errors {
  std::vector<double> log_errors;
  [[nodiscard]] HeldOutError summary() const {
    HeldOutError out{.n = std::ssize(log_errors)};
    for (const double e : log_errors) {
      out.rms += e * e;
      out.mean += e;
    }
    if (out.n == 0) return out;
    out.rms = std::sqrt(out.rms / static_cast<double>(out.n));
    out.mean /= static_cast<double>(out.n);
    return out;
  }
};

// Fits the points of `weights` > 0 and adds the errors at those of `held`; nothing where too few are left or the refit
// has no minimum.
void predict_held(const Minimum& m, const std::vector<bool>& held, const std::vector<bool>& used, Errors& errors) {
  std::vector<double> weights = m.problem.weights;
  std::size_t left = 0;
  for (std::size_t i = 0; i < used.size(); ++i) {
    if (!used[i]) weights[i] = 0;
    left += weights[i] > 0 ? 1 : 0;
  }
  if (left < m.problem.free.size() + 2) return;
  const Solution s = resolve(m.problem, weights, m.theta);
  if (!finished(s)) return;
  const Law law = fitted_law(m.problem, std::span(s.theta).first(m.problem.free.size()), {});
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (!held[i] || !(m.problem.weights[i] > 0)) continue;
    errors.log_errors.push_back(std::log(predict_loss(law, m.problem.points[i]) / m.problem.observed[i]));
  }
}

void add_held_out(const Minimum& m, const std::vector<Observation>& points, LawCandidate& candidate) {
  std::size_t count = 0;
  const std::vector<std::size_t> level = levels_of(points, count);
  Errors windows, largest, left_out;
  for (std::size_t part = 0; part < count; ++part) {
    std::vector<bool> held(points.size()), below(points.size()), others(points.size());
    for (std::size_t i = 0; i < points.size(); ++i) {
      held[i] = level[i] == part;
      below[i] = level[i] < part;
      others[i] = !held[i];
    }
    predict_held(m, held, others, left_out);
    if (part < 2) continue;  // one budget knows nothing of compute
    Errors window;
    predict_held(m, held, below, window);
    windows.log_errors.insert(windows.log_errors.end(), window.log_errors.begin(), window.log_errors.end());
    if (part + 1 == count) largest = window;
  }
  candidate.windows = windows.summary();
  candidate.largest = largest.summary();
  candidate.left_out = left_out.summary();
}

// @param all with the points that options hold out, @param points without them
LawCandidate candidate_of(const std::vector<Observation>& all, const std::vector<Observation>& points, LawKind law,
                          const FitOptions& options) {
  FitOptions own = options;
  own.law = law;
  std::erase_if(own.fixed, [&](const auto& item) {
    return std::ranges::find(law_form(law).parameters, item.first) == law_form(law).parameters.end();
  });
  LawCandidate out{.fit = fit_points(all, own)};
  if (!out.fit.answers()) return out;
  const Minimum m = minimum_of(out.fit, points, own);
  out.parameters = std::ssize(m.problem.free);
  double squares = 0, n = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (!(m.problem.weights[i] > 0)) continue;
    squares += std::pow(std::log(predict_loss(out.fit.fitted, m.problem.points[i]) / points[i].loss_nats), 2);
    n += 1;
  }
  out.rms = std::sqrt(squares / n);
  const ParametricFit& fit = out.fit.parametric();
  const double unit = fit.objective.kind == ObjectiveKind::log_huber ? 1 : 0.5;  // plain squares are reported whole
  const double lack = minus_two_log_likelihood(fit.objective, unit * fit.objective_value, n);
  out.aic = lack + 2 * static_cast<double>(out.parameters);
  out.bic = lack + std::log(n) * static_cast<double>(out.parameters);
  add_held_out(m, points, out);
  return out;
}

double log_ratio(double simple, double wide, double n) {
  return wide > 0 && simple > wide ? n * std::log(simple / wide) : 0;
}

// Both laws where refits of drawn losses start: the simple one's minimum, and the same law as one of the wide ones.
struct NestedPair {
  Minimum simple, wide;
  std::vector<double> log_predicted = {};  // by the simple law
  double n = 0;
};

NestedPair nested_pair(const FitResult& simple, const FitResult& wide, const std::vector<Observation>& points,
                       const FitOptions& options) {
  NestedPair out{.simple = minimum_of(simple, points, options), .wide = minimum_of(wide, points, options)};
  const Within& within = *law_form(wide.law).within;
  std::vector<double> nested(wide.fitted.values.size());
  for (std::size_t k = 0; k < nested.size(); ++k) {
    nested[k] = k == within.constant ? within.value : simple.fitted.value(law_form(wide.law).parameters[k]);
  }
  out.wide.theta = start_from(out.wide.problem, nested);
  for (const LawPoint& point : out.simple.problem.points) {
    out.log_predicted.push_back(std::log(predict_loss(simple.fitted, point)));
  }
  out.n = static_cast<double>(simple.n);
  return out;
}

// Draws from the simple law with this noise, and how many of them reach the statistic of the test.
void draw_null(const NestedPair& pair, const NoiseComponents& noise, const FitOptions& options, NestedTest& test) {
  const std::int64_t draws = std::max(options.bootstrap.replicates, kFewestDrawsOfTest);
  std::vector<double> statistics(static_cast<std::size_t>(draws), -1.0);
  parallel_for(statistics.size(), options.threads, [&](std::size_t i) {
    Rng rng = make_rng(options.bootstrap.seed, "nested test", i);
    const std::vector<double> losses = noisy_losses(pair.log_predicted, draw_noise(noise, rng));
    const Problem simple = with_losses(pair.simple.problem, losses), wide = with_losses(pair.wide.problem, losses);
    const Solution a = resolve(simple, simple.weights, pair.simple.theta),
                   b = resolve(wide, wide.weights, pair.wide.theta);
    if (std::isfinite(a.value) && std::isfinite(b.value)) statistics[i] = log_ratio(a.value, b.value, pair.n);
  });
  std::erase_if(statistics, [](double t) { return t < 0; });
  test.draws = std::ssize(statistics);
  test.reached = std::ranges::count_if(statistics, [&](double t) { return t >= test.statistic; });
  test.p = (1 + static_cast<double>(test.reached)) / (1 + static_cast<double>(test.draws));
  test.noise = describe(noise);
}

// Noise of which nothing is shared, and noise that trunks share: whichever the statistic is less unlikely under.
NestedTest test_of(const LawCandidate& simple, const LawCandidate& wide, const std::vector<Observation>& points,
                   const FitOptions& options) {
  const Within& within = *law_form(wide.fit.law).within;
  NestedTest out{.simple = simple.fit.law,
                 .wide = wide.fit.law,
                 .constant = law_form(wide.fit.law).parameters[within.constant],
                 .held = within.value,
                 .estimate = wide.fit.fitted.values[within.constant],
                 .noise = ""};
  // Where residuals are those of arithmetic there is nothing to test.
  if (simple.rms > kExact) {
    out.statistic = log_ratio(simple.fit.parametric().objective_value, wide.fit.parametric().objective_value,
                              static_cast<double>(simple.fit.n));
  }
  const NestedPair pair = nested_pair(simple.fit, wide.fit, points, options);
  const Minimum fitted = minimum_of(wide.fit, points, options);
  const std::size_t m = fitted.problem.free.size();
  const FitResiduals at = residuals_of_fit(fitted.problem, std::span(fitted.theta).first(m));
  std::vector<NoiseShares> shares = {{}};
  if (shared_units(points).any_trunk()) shares.push_back({.trunk = kSharedByTrunk});
  double most = -1;
  for (const NoiseShares& held : shares) {
    const NoiseComponents noise = noise_components(points, at, m, std::nullopt, {.held = held});
    if (noise.cells.empty()) return out;
    NestedTest under = out;
    draw_null(pair, noise, options, under);
    if (under.p < most) continue;
    most = under.p;
    out = under;
  }
  return out;
}

std::string p_text(const NestedTest& test) {
  return test.reached == 0 ? fmt::format("p < {:.2g}", 1.5 / static_cast<double>(test.draws + 1))
                           : fmt::format("p {:.2g}", test.p);
}

std::string reason_text(const LawChoice& choice) {
  const std::string answer = law_form(choice.answer().law).name;
  if (choice.tests.empty()) {
    if (choice.candidates.size() == 1) return fmt::format("{} answers: it is the only law asked for", answer);
    if (choice.answer().law == LawKind::chinchilla) {
      return fmt::format("{} answers: no law around it is among those asked for", answer);
    }
    return fmt::format("{} answers: of the laws asked for it predicts left-out budgets best", answer);
  }
  const NestedTest& test = choice.tests.back();
  const double ratio = std::exp(test.statistic / static_cast<double>(choice.answer().n));
  const std::string simple = law_form(test.simple).name, wide = law_form(test.wide).name;
  if (test.rejected()) {
    return fmt::format(
        "{} answers, since the points reject {}, which is {} with {} = {:g}: {} = {:.3f} makes the objective {:.3g} "
        "times smaller, and of {} data sets drawn from {} {} reach that ({}; {})",
        answer, simple, wide, test.constant, test.held, test.constant, test.estimate, ratio, test.draws, simple,
        test.reached == 0 ? "none" : std::to_string(test.reached), p_text(test), test.noise);
  }
  const std::string gain =
      ratio < 1.005 ? std::string("no better") : fmt::format("little better, {:.3g} times in the objective", ratio);
  return fmt::format(
      "{} answers: {}, which frees {} ({:.3f} instead of {:g}), fits {}, and {:.0f} % of {} data sets "
      "drawn from {} gain as much ({}; {})",
      answer, wide, test.constant, test.estimate, test.held, gain, 100 * test.p, test.draws, simple, p_text(test),
      test.noise);
}

// Whether the rule can end with this law.
bool may_answer(LawKind law, const std::vector<LawKind>& laws) {
  const bool chinchilla = std::ranges::find(laws, LawKind::chinchilla) != laws.end();
  const std::optional<Within>& within = law_form(law).within;
  return !chinchilla || law == LawKind::chinchilla || (within && within->law == LawKind::chinchilla);
}

// The law that the rule begins with.
std::size_t first_choice(const std::vector<LawCandidate>& candidates) {
  std::size_t best = candidates.size();
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const LawCandidate& c = candidates[i];
    if (c.fit.law == LawKind::chinchilla) return i;
    if (!c.fit.answers()) continue;
    const bool better =
        best == candidates.size() || (c.left_out.n > 0 && c.left_out.rms < candidates[best].left_out.rms);
    if (better) best = i;
  }
  return best;
}

}  // namespace

bool NestedTest::rejected() const { return draws > 0 && p < kChoiceLevel; }

std::vector<LawKind> laws_to_choose_from() {
  return {LawKind::chinchilla, LawKind::outer, LawKind::kaplan, LawKind::farseer};
}

LawChoice choose_law(const std::vector<Observation>& all, const std::vector<LawKind>& laws, const FitOptions& options) {
  if (laws.empty()) fail_config("--laws: names no law");
  for (std::size_t i = 0; i < laws.size(); ++i) {
    if (std::find(laws.begin(), laws.begin() + static_cast<std::ptrdiff_t>(i), laws[i]) !=
        laws.begin() + static_cast<std::ptrdiff_t>(i)) {
      fail_config("--laws: names {} twice", laws[i]);
    }
  }
  if (std::ranges::any_of(all, [](const Observation& o) { return !(o.loss_nats > 0); })) {
    fail_data("a choice of law needs positive losses, and these are not; fit one law with --law");
  }
  FitOptions known = options;
  known.method = Method::parametric;
  if (!known.noise) known.noise = estimate_noise(all);
  const std::vector<Observation> kept = weighted(without_highest(all, options.drop_highest), options);
  std::vector<Observation> points = kept;
  (void)take_held_out(points, options);
  known.drop_highest = 0;
  known.weights = Weights::none;
  LawChoice out;
  for (const LawKind law : laws) {
    const LawForm& form = law_form(law);
    if (form.predicts_size || form.only_variable() || form.needs(Quantity::steps)) {
      fail_config("--laws {}: a choice is among laws of the loss in N and D; {} is not one", form.name, form.name);
    }
    FitOptions own = known;
    // The interval of a law that cannot answer stands in the table alone.
    if (!may_answer(law, laws)) own.bootstrap.replicates = std::min(own.bootstrap.replicates, kDefaultReplicates);
    out.candidates.push_back(candidate_of(kept, points, law, own));
    out.candidates.back().fit.dropped = options.drop_highest;
    out.candidates.back().fit.weights = options.weights;
  }
  out.chosen = first_choice(out.candidates);
  if (out.chosen == out.candidates.size()) out.chosen = 0;
  if (!out.answer().answers()) {
    out.reason = fmt::format("{} stands here, but its fit is {}", law_form(out.answer().law).name,
                             out.answer().convergence.status);
    return out;
  }
  for (std::size_t i = 0; i < out.candidates.size(); ++i) {
    const std::optional<Within>& within = law_form(out.candidates[i].fit.law).within;
    if (!within || !out.candidates[i].fit.answers() || within->law != out.answer().law) continue;
    if (known.fixed.contains(law_form(out.candidates[i].fit.law).parameters[within->constant])) continue;
    out.tests.push_back(test_of(out.candidates[out.chosen], out.candidates[i], points, known));
    if (out.tests.back().rejected()) {
      out.chosen = i;
      break;
    }
  }
  out.reason = reason_text(out);
  return out;
}

}  // namespace scalelaw::inline fit
