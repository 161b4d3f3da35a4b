#pragma once
// What a fit gives.
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "core/fields.hpp"
#include "fit/held_out.hpp"
#include "fit/interval.hpp"
#include "fit/isoflop_budget.hpp"
#include "fit/options.hpp"
#include "fit/status.hpp"

namespace scalelaw::inline fit {

struct Convergence {
  FitStatus status = FitStatus::too_few_points;
  double gradient_norm = 0;  ///< scaled: in units of the objective per relative change of a parameter
  std::int64_t starts = 0;
  std::int64_t starts_at_best = 0;  ///< starts that ended within 1e-6 relative of the best objective
  std::int64_t paths = 0;           ///< separate ways down: starts that met on the way share one; 0: not counted
  std::int64_t paths_at_best = 0;   ///< of these, those that ended at the best
  std::int64_t minima_found = 0;    ///< minima that differ by more than 1e-6 relative in their objective
  std::optional<double> next_best_objective = std::nullopt;  ///< of the second lowest minimum
  double condition = 0;                                      ///< condition number of the scaled Gauss-Newton matrix
  std::vector<std::string> at_bound = {};                    ///< parameters that ended at the edge of their range
};
template <class Visit, FieldsOf<Convergence> T>
void fields(Visit&& visit, T& c) {
  visit("status", c.status, named<FitStatus>(), "how the fit ended");
  visit("gradient_norm", c.gradient_norm, any(), "scaled gradient at the best");
  visit("starts", c.starts, any(), "starts tried");
  visit("starts_at_best", c.starts_at_best, any(), "of these, those that ended at the best");
  visit("paths", c.paths, later(any()), "separate ways down");
  visit("paths_at_best", c.paths_at_best, later(any()), "of these, those that ended at the best");
  visit("minima_found", c.minima_found, later(any()), "minima that differ");
  visit("condition", c.condition, any(), "condition number of the scaled Gauss-Newton matrix");
  visit("next_best_objective", c.next_best_objective, unless_empty(any()), "of the second lowest minimum");
  visit("at_bound", c.at_bound, unless_empty(any()), "parameters at the edge of their range");
}

struct Identifiability {
  Interval profile_ci95;
  bool identified = false;
};
template <class Visit, FieldsOf<Identifiability> T>
void fields(Visit&& visit, T& i) {
  visit("profile_ci95", i.profile_ci95, any(), "profile-likelihood interval");
  visit("identified", i.identified, any(), "whether both its ends are bounded");
}

struct BootstrapResult {
  Resample resample = Resample::runs;
  std::int64_t replicates = 0;
  std::int64_t failed = 0;    ///< refits that did not converge; they are left out
  std::int64_t at_bound = 0;  ///< refits whose minimum lies at a bound; they are kept
  std::int64_t partial = 0;  ///< isoflop: refits in which a budget lost its minimum; they are kept, without that budget
  std::uint64_t seed = 1;
  std::string noise = {};  ///< components: what was found of it, in words
  std::map<std::string, double> se;
  std::map<std::string, double> se_log;  ///< of ln x, for constants that a fit has as logarithms (fit/log_errors.hpp)
  std::map<std::string, Interval> ci95, ci80;
  std::map<std::string, double> derived_se;  ///< a, b
  std::map<std::string, Interval> derived_ci95, derived_ci80;
  std::vector<std::vector<double>> draws;  ///< converged refits, values in the law's order

  [[nodiscard]] bool empty() const { return replicates <= 0; }
};
/// All but `seed`, `derived` and the names of the parameters, which fit/fit_json.hpp adds.
template <class Visit, FieldsOf<BootstrapResult> T>
void fields(Visit&& visit, T& b) {
  visit("resample", b.resample, named<Resample>(), "what is drawn");
  visit("replicates", b.replicates, any(), "refits");
  visit("failed", b.failed, any(), "refits left out");
  visit("at_bound", b.at_bound, later(any()), "refits whose minimum lies at a bound");
  visit("se", b.se, any(), "standard errors");
  visit("se_log", b.se_log, unless_empty(any()), "standard errors of the logarithms of amplitudes, offsets and decays");
  visit("ci95", b.ci95, any(), "95 % intervals");
  visit("ci80", b.ci80, later(any()), "80 % intervals");
  visit("partial", b.partial, later(any()), "refits in which a budget lost its minimum");
  visit("noise", b.noise, unless_empty(any()), "what was found of the noise");
  visit("draws", b.draws, later(any()), "parameters of each refit");
}

/// The fit repeated without each budget in turn (delete-a-group jackknife, Kott 2001).
struct Jackknife {
  struct Budget {
    double flops = 0;
    std::int64_t left_out = 0;                     ///< points
    FitStatus status = FitStatus::too_few_points;  ///< of the fit to the others
    std::map<std::string, double> values;  ///< of that fit: parameters and derived; empty where it did not converge
  };
  std::vector<Budget> budgets;
  std::int64_t failed = 0;  ///< fits that did not converge; they are left out of what follows
  /// se^2 = (g - 1)/g sum (x_i - mean x)^2 over the g fits; ci95 = full fit -+ t se, Student's t with g - 1 degrees of
  /// freedom. Factors (fit/log_errors.hpp) have se_log, the same of ln x, and ci95 = full fit times exp(-+ t se_log),
  /// which is positive; the interval of an offset ends at 0. Empty with fewer than 3 fits.
  std::map<std::string, double> se, se_log;
  std::map<std::string, Interval> ci95;

  [[nodiscard]] bool empty() const { return budgets.empty(); }
};
template <class Visit, FieldsOf<Jackknife::Budget> T>
void fields(Visit&& visit, T& b) {
  visit("flops", b.flops, any(), "the budget left out");
  visit("left_out", b.left_out, any(), "its points");
  visit("status", b.status, named<FitStatus>(), "of the fit to the others");
  visit("values", b.values, any(), "of that fit");
}
template <class Visit, FieldsOf<Jackknife> T>
void fields(Visit&& visit, T& j) {
  visit("budgets", j.budgets, any(), "the fit without each budget");
  visit("failed", j.failed, any(), "fits left out of what follows");
  visit("se", j.se, any(), "standard errors");
  visit("se_log", j.se_log, unless_empty(any()), "standard errors of the logarithms of factors");
  visit("ci95", j.ci95, any(), "95 % intervals");
}

/// A measured run with the least loss of all that took no more compute.
struct BestMeasured {
  double params = 0, tokens = 0, flops = 0, loss_nats = 0;
};
template <class Visit, FieldsOf<BestMeasured> T>
void fields(Visit&& visit, T& b) {
  visit("params", b.params, any(), "N");
  visit("tokens", b.tokens, any(), "D");
  visit("flops", b.flops, any(), "C");
  visit("loss", b.loss_nats, any(), "nats");
}

/// One point and what the law says of it. For the law `optimal` the quantity is N instead of the loss.
struct Residual {
  std::size_t row = 0;  ///< from 1, among the points fitted
  std::string run;      ///< may be empty
  double params = 0, tokens = 0, flops = 0;
  double observed = 0, predicted = 0;  ///< nats (optimal: parameters)
  double residual = 0;                 ///< ln observed - ln predicted
  double standardised = 0;             ///< residual / Goodness::scale
};

/// Points that share a group, shape, budget, prefix of their run names, N or D.
struct SeriesResidual {
  std::string by, name;  ///< "shape", "d64 L2"
  std::int64_t points = 0;
  double mean = 0;          ///< mean residual of ln loss
  double standardised = 0;  ///< mean sqrt(points) / scale
};

/// F test of quadratic terms in the logarithms of N and D (of the law's own variable where it has one), added to the
/// law's tangent space. Residuals of the right law have nothing to give to them.
struct LackOfFit {
  double f = 0, freedom = 0, rest = 0;  ///< F and its two degrees of freedom
  double p = 1;                         ///< probability of a larger F under the law
  double explained = 0;                 ///< share of the squared residuals that the terms take
};

struct Goodness {
  std::int64_t n = 0;    ///< 0 = nothing was measured
  double rms = 0;        ///< of ln observed - ln predicted
  double r_squared = 0;  ///< of ln loss: 1 - squares about the law / squares about the mean; NaN for constant losses
  double scale = 0;      ///< of one residual: 1.4826 times the median size of the n - p largest
  double limit = 0;      ///< |standardised| that one point in a hundred data sets of normal noise exceeds
  std::optional<double> noise;      ///< rms sd of ln loss between seeds at these points
  std::vector<Residual> residuals;  ///< largest |residual| first
  std::int64_t outliers = 0;        ///< of them beyond the limit: the first ones
  std::optional<SeriesResidual> worst_series;
  bool series_stands_out = false;  ///< more than one series in a hundred data sets would by chance
  std::optional<LackOfFit> lack_of_fit;
  std::map<std::string, double>
      without_outliers;  ///< parameters, a and b of a fit without them; empty: none or not done

  /// Up to a fifth of the points are single ones; more say that the losses are of two kinds.
  [[nodiscard]] bool few_outliers() const { return outliers > 0 && 5 * outliers <= n; }
};

/// |standardised| from which a point is listed as one of the worst.
constexpr double kListedResidual = 3;
/// Level of the test of the form, of the outliers and of the series, each for the whole data set.
constexpr double kGoodnessLevel = 0.01;

/// What the method parametric gives beside what every method does.
struct ParametricFit {
  static constexpr Method kMethod = Method::parametric;
  Objective objective;
  double objective_value = 0;                              ///< sum over observations
  std::map<std::string, Identifiability> identifiability;  ///< free parameters, and a and b where the law has them
  Goodness goodness;
};
/// All but `objective` and `goodness`, which fit/fit_json.hpp adds.
template <class Visit, FieldsOf<ParametricFit> T>
void fields(Visit&& visit, T& p) {
  visit("identifiability", p.identifiability, unless_empty(any()), "profile of each quantity");
}

/// What the method isoflop gives beside what every method does.
struct IsoflopFit {
  static constexpr Method kMethod = Method::isoflop;
  BudgetCurve curve = BudgetCurve::parabola;
  std::vector<IsoflopBudget> budgets;
  std::vector<std::string> advice;  ///< where to put the sizes of a next study, a line each
  /// What approach 2 makes of the noise-free losses of bias_law at the same points, less that law's own a and b: width,
  /// centring and drift of the sizes. Empty where no law could be fitted.
  std::map<std::string, double> bias = {};
  std::string bias_law = {};
  WithoutLaw without_law;
};
/// All but `budgets`, which fit/fit_json.hpp adds.
template <class Visit, FieldsOf<IsoflopFit> T>
void fields(Visit&& visit, T& i) {
  visit("curve", i.curve, later(named<BudgetCurve>()), "curve of loss against ln N");
  visit("advice", i.advice, unless_empty(any()), "where to put the sizes of a next study");
  visit("bias", i.bias, unless_empty(any()), "of a and b at this design");
  visit("bias_law", i.bias_law, unless_empty(any()), "the law whose losses show it");
  visit("without_law", i.without_law, unless_empty(any()), "what the valleys say without a law of the loss");
}

/// What the method envelope gives beside what every method does.
struct EnvelopeFit {
  static constexpr Method kMethod = Method::envelope;
  /// What the same design makes of the noise-free losses of a law fitted to the points, minus that law's own a and b.
  /// Empty where no law could be fitted.
  std::map<std::string, double> bias;
};
template <class Visit, FieldsOf<EnvelopeFit> T>
void fields(Visit&& visit, T& e) {
  visit("bias", e.bias, unless_empty(any()), "of a and b at this design");
}

using MethodFit = std::variant<ParametricFit, IsoflopFit, EnvelopeFit>;
static_assert(std::variant_size_v<MethodFit> == names_of(Method{}).size());
/// What that method gives, still empty.
[[nodiscard]] MethodFit method_fit(Method method);

struct FitResult {
  LawKind law = LawKind::chinchilla;
  MethodFit by_method;  ///< the method, and what it alone gives
  Weights weights = Weights::none;
  LossUnit loss_unit = LossUnit::nats;  ///< of every loss and offset of the fit: nats, or bits_per_byte
  std::int64_t n = 0;
  std::int64_t dropped = 0;
  Convention convention;
  Law fitted;                             ///< the constants, for predict_loss; empty values where nothing was fitted
  std::map<std::string, double> derived;  ///< a, b; for isoflop also the prefactors
  Convergence convergence;
  BootstrapResult bootstrap;
  Jackknife jackknife;
  std::vector<std::string> cautions;  ///< what speaks against the answer although the solver converged, a line each
  std::optional<NoiseModel> noise;    ///< between seeds, where replicates show it
  Holdout holdout;
  Rollout rollout;
  Interval params_range, tokens_range, flops_range;  ///< of the observations used
  Interval ratio_range;                              ///< of their D/N; 0 in files that do not hold it
  std::vector<BestMeasured> best_measured;           ///< by rising flops and falling loss
  std::string message;  ///< one line for people where the status is not converged, or a caution where it is

  [[nodiscard]] bool converged() const { return convergence.status == FitStatus::converged; }
  /// Whether what follows from the law may be asked of it: converged, or at a bound only because its offset vanishes,
  /// which is the law without one.
  [[nodiscard]] bool answers() const;
  /// A proven minimum of so few points (FitOptions::allow_few) that nothing tells noise from law; `message` says so.
  [[nodiscard]] bool of_few_points() const { return convergence.status == FitStatus::few_points; }
  /// The constants may be used: it answers, or is of few points.
  [[nodiscard]] bool usable() const { return answers() || of_few_points(); }
  /// " bits per byte", to stand behind a loss; empty for nats, in which losses are where nothing is said.
  [[nodiscard]] std::string unit_text() const {
    return loss_unit == LossUnit::nats ? std::string() : fmt::format(" {}", loss_unit_text(loss_unit));
  }
  [[nodiscard]] Method method() const;
  /// What one method alone gives; of a fit by another method it is empty. To change it: by_method.
  [[nodiscard]] const ParametricFit& parametric() const;
  [[nodiscard]] const IsoflopFit& isoflop() const;
  [[nodiscard]] const EnvelopeFit& envelope() const;
};
/// What stands in a fit file as it is here; fit/fit_json.hpp adds the rest.
template <class Visit, FieldsOf<FitResult> T>
void fields(Visit&& visit, T& r) {
  visit("n", r.n, any(), "observations used");
  visit("dropped", r.dropped, any(), "highest losses left out");
  visit("weights", r.weights, later(named<Weights>()), "how points count");
  visit("convention", r.convention, any(), "what counts as N and C");
  visit("derived", r.derived, any(), "a, b; for isoflop also the prefactors");
  visit("convergence", r.convergence, any(), "how the fit ended");
  visit("message", r.message, later(any()), "one line for people");
  visit("jackknife", r.jackknife, unless_empty(any()), "the fit without each budget");
  visit("cautions", r.cautions, unless_empty(any()), "what speaks against the answer");
  visit("noise", r.noise, unless_empty(any()), "between seeds");
  visit("holdout", r.holdout, unless_empty(any()), "prediction of the larger runs");
  visit("rollout", r.rollout, unless_empty(any()), "prediction of larger runs by fits to smaller ones");
  visit("best_measured", r.best_measured, later(any()), "by rising flops and falling loss");
}

/// False for the offset of a power law that was fitted without one.
[[nodiscard]] bool shows_parameter(const Law& law, std::size_t k);

}  // namespace scalelaw::inline fit
