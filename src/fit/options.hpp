#pragma once
// What a fit is asked for.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/resample.hpp"
#include "law/critical_batch.hpp"
#include "law/laws.hpp"
#include "records/observation.hpp"
#include "select/noise.hpp"

namespace scalelaw::inline fit {

/// Least squares on what: log_huber = sum of weight * Huber_delta(ln predicted - ln observed) (Hoffmann et al. 2022,
/// eq. 3).
enum class ObjectiveKind { log_huber, log_mse, mse };
constexpr std::array<std::string_view, 3> names_of(ObjectiveKind) { return {"log-huber", "log-mse", "mse"}; }
struct Objective {
  ObjectiveKind kind = ObjectiveKind::log_huber;
  double delta = 1e-3;
};

/// The estimators there are, one line each: approach 3, 2 and 1 of Hoffmann et al. 2022. fit_<name>(points, options),
/// in fit/<name>, is one; what it alone gives is a struct of MethodFit (fit/result.hpp).
#define SCALELAW_METHODS(METHOD) \
  METHOD(parametric)             \
  METHOD(isoflop)                \
  METHOD(envelope)

#define SCALELAW_METHOD(name) name,
enum class Method { SCALELAW_METHODS(SCALELAW_METHOD) };
#undef SCALELAW_METHOD

#define SCALELAW_METHOD(name) #name,
inline constexpr std::array kMethodNames = std::to_array<std::string_view>({SCALELAW_METHODS(SCALELAW_METHOD)});
#undef SCALELAW_METHOD
constexpr const auto& names_of(Method) { return kMethodNames; }

/// Loss against ln N at one budget (method isoflop).
enum class BudgetCurve { parabola, makima };
constexpr std::array<std::string_view, 2> names_of(BudgetCurve) { return {"parabola", "makima"}; }

/// Whether points count by the inverse variance of their losses.
enum class Weights { none, loss_stderr };
constexpr std::array<std::string_view, 2> names_of(Weights) { return {"none", "stderr"}; }

/// Where the descents of a parametric fit start: from projections onto the law's linear form; at the 4,500 points of
/// Hoffmann et al. (2022, appendix D.2); or at one published law, for the minimum nearest to it.
enum class StartKind { projection, grid, published };
constexpr std::array<std::string_view, 3> names_of(StartKind) { return {"projection", "grid", "published"}; }
struct Starts {
  StartKind kind = StartKind::projection;
  std::string law = {};  ///< published: name of its set of constants
};
/// "projection", "grid", or the name of a published law.
[[nodiscard]] inline Starts starts_named(const std::string& text) {
  for (const StartKind kind : {StartKind::projection, StartKind::grid}) {
    if (text == name_of(kind)) return {.kind = kind};
  }
  return {.kind = StartKind::published, .law = text};
}

struct BootstrapOptions {
  std::int64_t replicates = 0;              ///< 0 = none
  Resample resample = Resample::automatic;  ///< automatic: see resolved_resample (fit/bootstrap.hpp)
  std::uint64_t seed = 2;                   ///< docs/METHODS.md, "Intervals", says why
};

/// Replicates of a fit whose caller names none: the command line, [analysis] and the report give the same interval.
constexpr std::int64_t kDefaultReplicates = 500;

/// What the windows of a rollout (fit/rollout.hpp) grow in.
enum class RolloutBy { flops, params, tokens };
constexpr std::array<std::string_view, 3> names_of(RolloutBy) { return {"C", "N", "D"}; }

struct FitOptions {
  LawKind law = LawKind::chinchilla;
  Method method = Method::parametric;
  Objective objective = {};
  Convention convention = {};                ///< recorded in the result; the observations already follow it
  std::int64_t drop_highest = 0;             ///< leave out the K highest losses before fitting
  std::map<std::string, double> fixed = {};  ///< parameters held at a value
  bool offset = false;                       ///< power laws: fit the offset E (else it is 0)
  Starts starts = {};
  std::int64_t max_evaluations = 400;  ///< of the objective per start; a solver that needs more is reported as stalled
  bool profile = true;                 ///< profile-likelihood intervals (method parametric)
  bool goodness = true;                ///< goodness of fit and what the fit's own residuals and design say against it
  Weights weights = Weights::none;
  BudgetCurve curve = BudgetCurve::parabola;  ///< method isoflop
  bool jackknife = false;                     ///< leave out each budget in turn
  bool allow_few = false;  ///< method parametric: fit p or p + 1 points for p parameters too, without an interval
  std::optional<double> holdout_above = std::nullopt;  ///< FLOPs: fit the runs up to it, predict the others
  std::vector<double> hold = {};                       ///< isoFLOP budgets (FLOPs): fit the others, predict these
  std::optional<RolloutBy> rollout = std::nullopt;     ///< fits to the smaller runs predict the larger ones
  BootstrapOptions bootstrap = {};
  std::optional<NoiseModel> noise = std::nullopt;  ///< between seeds; none: estimated from replicates among the points
  CriticalBatch critical_batch = {};               ///< kaplan-steps: turns steps into S_min
  int threads = 1;
};

}  // namespace scalelaw::inline fit
