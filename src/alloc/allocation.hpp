#pragma once
// What an allocation is asked for and what it gives.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "alloc/nearest_shape.hpp"
#include "core/json.hpp"
#include "fit/result.hpp"
#include "law/range.hpp"

namespace scalelaw::inline alloc {

/// Exactly one of the first four is set.
struct AllocationRequest {
  std::optional<double> flops = std::nullopt;  ///< compute budget (with inference_tokens: of training and use together)
  std::optional<double> params =
      std::nullopt;  ///< fixed model: the tokens (and compute) for which it is compute-optimal
  std::optional<double> tokens = std::nullopt;  ///< fixed data: likewise the model
  std::optional<double> loss =
      std::nullopt;  ///< target loss, in the unit of the law or fit: the cheapest compute that reaches it
  std::optional<double> inference_tokens =
      std::nullopt;                                    ///< tokens served over the model's life, 2 N FLOPs each (Sardana
                                                       ///< et al. 2024, arXiv 2401.00448); with flops or loss
  std::optional<double> unique_tokens = std::nullopt;  ///< distinct tokens there are; more are repeats, worth less
                                                       ///< (Muennighoff et al. 2023, arXiv 2305.16264)
  ShapeFamily shapes = {};
};

struct Allocation {
  std::string law;
  AllocationRequest given;
  double params = 0, tokens = 0, flops = 0, tokens_per_param = 0;
  double loss_nats = 0;         ///< NaN for a law of the optimal size alone
  double inference_flops = 0;   ///< 2 N inference_tokens
  double inference_saving = 0;  ///< share of training and use together that the compute-optimal model of the same
                                ///< loss would cost more; 0 without inference_tokens
  std::map<std::string, Interval> ci95;  ///< params, tokens, flops, tokens_per_param, loss; empty without a bootstrap
  std::int64_t draws = 0, unreachable = 0;     ///< bootstrap draws, and those that no compute brings to what was asked
  double extrapolation_factor = 0;             ///< flops / largest flops of the data; 0 where the data are unknown
  std::vector<Outside> outside;                ///< what lies outside the runs behind the law or the fit
  bool fitted = false;                         ///< those of a fit, else of a published law
  std::optional<BestMeasured> measured_below;  ///< a run of at most this compute whose loss the optimum does not reach
  ParamsCount convention = ParamsCount::total;
  ModelSpec shape;                      ///< nearest buildable shape
  std::int64_t shape_params = 0;        ///< its parameters under the same convention
  LossUnit loss_unit = LossUnit::nats;  ///< of the loss, of one that was asked for and of one measured
  std::string caution = {};             ///< of a fit of few points, which has no interval; empty of any other
};

/// "scalelaw.allocation/1"; several are {"allocations": [...]}.
[[nodiscard]] Json to_json(const Allocation& allocation);
[[nodiscard]] Json to_json(const std::vector<Allocation>& allocations);
/// A table for a terminal, with its warnings, a line each. Ends with a newline.
[[nodiscard]] std::string describe(const std::vector<Allocation>& allocations);
/// What must be said with the numbers, a sentence each: quantities outside the runs, draws that reach nothing, a
/// measured loss below the predicted one.
[[nodiscard]] std::vector<std::string> warnings(const Allocation& allocation);

}  // namespace scalelaw::inline alloc
