#pragma once
// The loss that a law or a fit gives at a point, with its interval.
#include <optional>
#include <string>

#include "fit/fit.hpp"
#include "law/optimum.hpp"
#include "law/range.hpp"

namespace scalelaw::inline alloc {

struct Prediction {
  std::string law;
  LawPoint point;  ///< flops = 6 N D where both are given; 0 = not given
  double loss_nats = 0;
  std::optional<Interval> ci95;     ///< of the law's value, without the noise of a single run; none without a bootstrap
  std::int64_t lost_draws = 0;      ///< bootstrap draws that give no loss here; the interval is of the others
  double extrapolation_factor = 0;  ///< flops / largest flops of the data; 0 where the data are unknown
  std::vector<Outside> outside;     ///< what lies outside the runs behind the law or the fit
  bool fitted = false;              ///< those of a fit, else of a published law
  ParamsCount convention = ParamsCount::total;
  LossUnit loss_unit = LossUnit::nats;  ///< of the loss and its interval
  std::string caution = {};             ///< of a fit of few points, which has no interval; empty of any other
};

/// A law asks for what it needs (LawForm::needs): power-n for N alone, power-c for C, or N and D.
/// With point.unique_tokens a chinchilla law takes the decay of repeats of with_repetition (law/optimum.hpp).
/// Errors (config): a quantity that the law needs and that is not positive; steps missing for a law of the steps; a law
/// that gives no loss. Errors (data): a fit that did not converge, or a loss that is not finite.
[[nodiscard]] Prediction predict(const Law& law, const LawPoint& point);
[[nodiscard]] Prediction predict(const FitResult& fit, const LawPoint& point);

/// "scalelaw.prediction/1"
[[nodiscard]] Json to_json(const Prediction& prediction);
/// Text for a terminal; ends with a newline.
[[nodiscard]] std::string describe(const Prediction& prediction);

}  // namespace scalelaw::inline alloc
