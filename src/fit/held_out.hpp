#pragma once
// What a fit says of runs that it was not fitted to, as values.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/fields.hpp"
#include "fit/options.hpp"
#include "fit/status.hpp"

namespace scalelaw::inline fit {

/// The fit and two lines in ln C that know the least loss alone, at the runs where all can be asked: the best held-out
/// run of each level of compute (group_budgets), where no run of as little compute, fitted or held out, beats it.
struct HoldoutBest {
  std::int64_t n = 0;
  double rms_log_error = 0, mean_log_error = 0;  ///< of the fit
  /// Of a straight line in ln C through ln loss of the best runs fitted (best_measured, fit/holdout.hpp).
  std::optional<double> frontier_rms_log_error = {}, frontier_mean_log_error = {};
  /// Of one through the isoFLOP minima of the runs fitted; none with fewer than two.
  std::optional<double> isoflop_rms_log_error = {}, isoflop_mean_log_error = {};

  [[nodiscard]] bool empty() const { return n == 0; }
};
template <class Visit, FieldsOf<HoldoutBest> T>
void fields(Visit&& visit, T& b) {
  visit("n", b.n, any(), "best held-out runs");
  visit("rms_log_error", b.rms_log_error, any(), "of ln predicted - ln observed");
  visit("mean_log_error", b.mean_log_error, any(), "its mean");
  visit("frontier_rms_log_error", b.frontier_rms_log_error, unless_empty(any()), "of a line through the best runs");
  visit("frontier_mean_log_error", b.frontier_mean_log_error, unless_empty(any()), "its mean");
  visit("isoflop_rms_log_error", b.isoflop_rms_log_error, unless_empty(any()), "of a line through the minima");
  visit("isoflop_mean_log_error", b.isoflop_mean_log_error, unless_empty(any()), "its mean");
}

/// How a fit predicts runs that it was not fitted to.
struct Holdout {
  double above_flops = 0;             ///< runs with more are held out; 0: see budgets
  std::vector<double> budgets = {};   ///< isoFLOP budgets that are held out
  std::int64_t n = 0;                 ///< points predicted; 0 = no check was asked for
  double rms_log_error = 0;           ///< root mean square of ln predicted - ln observed
  double mean_log_error = 0;          ///< its mean: bias
  double baseline_rms_log_error = 0;  ///< of a straight line in ln C through ln loss of all points fitted
  std::optional<double> noise = {};   ///< sd of ln loss between seeds at these points, where it is known
  struct Point {
    double params = 0, tokens = 0, flops = 0, loss_nats = 0, predicted_nats = 0;
  };
  std::vector<Point> points = {};
  HoldoutBest best = {};  ///< with fairer baselines

  [[nodiscard]] bool empty() const { return !(above_flops > 0) && budgets.empty(); }
};
template <class Visit, FieldsOf<Holdout::Point> T>
void fields(Visit&& visit, T& p) {
  visit("params", p.params, any(), "N");
  visit("tokens", p.tokens, any(), "D");
  visit("flops", p.flops, any(), "C");
  visit("loss", p.loss_nats, any(), "nats");
  visit("predicted", p.predicted_nats, any(), "nats");
}
template <class Visit, FieldsOf<Holdout> T>
void fields(Visit&& visit, T& h) {
  visit("above_flops", h.above_flops, any(), "runs with more are predicted");
  visit("n", h.n, any(), "points predicted");
  visit("rms_log_error", h.rms_log_error, any(), "of ln predicted - ln observed");
  visit("mean_log_error", h.mean_log_error, any(), "its mean");
  visit("baseline_rms_log_error", h.baseline_rms_log_error, any(), "of a straight line in ln C");
  visit("noise", h.noise, later(any()), "sd of ln loss between seeds at these points");
  visit("points", h.points, any(), "observed and predicted");
  visit("budgets", h.budgets, unless_empty(any()), "isoFLOP budgets held out");
  visit("best", h.best, unless_empty(any()), "at the best held-out runs, with the lines that know those alone");
}

/// How one window of a rollout predicts some of the points beyond it.
struct RolloutScore {
  std::int64_t n = 0;  ///< 0: there was no fit
  double rms_log_error = 0, mean_log_error = 0;
  double baseline_rms_log_error = 0;  ///< as in Holdout
  HoldoutBest best = {};

  [[nodiscard]] bool empty() const { return n == 0; }
};
template <class Visit, FieldsOf<RolloutScore> T>
void fields(Visit&& visit, T& s) {
  visit("n", s.n, any(), "points predicted");
  visit("rms_log_error", s.rms_log_error, any(), "of ln predicted - ln observed");
  visit("mean_log_error", s.mean_log_error, any(), "its mean");
  visit("baseline_rms_log_error", s.baseline_rms_log_error, any(), "of a straight line in ln C");
  visit("best", s.best, unless_empty(any()), "at the best runs, with the lines that know those alone");
}

/// The fit to all points up to a level, and what it says of those beyond.
struct RolloutWindow {
  double up_to = 0;  ///< level: FLOPs, parameters or tokens
  std::int64_t fitted = 0;
  FitStatus status = FitStatus::too_few_points;
  std::map<std::string, double> values = {};  ///< parameters and derived quantities
  double next = 0;                            ///< the level above
  std::int64_t next_points = 0;
  RolloutScore at_next = {}, beyond = {};  ///< the points of the level above; all points above
};
template <class Visit, FieldsOf<RolloutWindow> T>
void fields(Visit&& visit, T& w) {
  visit("up_to", w.up_to, any(), "level fitted up to");
  visit("fitted", w.fitted, any(), "its points");
  visit("status", w.status, named<FitStatus>(), "of the fit");
  visit("values", w.values, any(), "of the fit");
  visit("next", w.next, any(), "the level above");
  visit("next_points", w.next_points, any(), "its points");
  visit("at_next", w.at_next, unless_empty(any()), "prediction of the level above");
  visit("beyond", w.beyond, unless_empty(any()), "prediction of all points above");
}

/// Expanding windows: the fit to the points up to each level predicts the levels above.
struct Rollout {
  RolloutBy by = RolloutBy::flops;
  std::vector<RolloutWindow> windows = {};

  [[nodiscard]] bool empty() const { return windows.empty(); }
};
template <class Visit, FieldsOf<Rollout> T>
void fields(Visit&& visit, T& r) {
  visit("by", r.by, named<RolloutBy>(), "what the levels are of: C, N or D");
  visit("windows", r.windows, any(), "by rising level");
}

}  // namespace scalelaw::inline fit
