#pragma once
// A law or a fit and a budget -> how many parameters and tokens.
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "fit/fit.hpp"
#include "law/range.hpp"

namespace scalelaw {

/// Shapes that may be built for N parameters; 0 = the default for that size (see default_shape_family).
struct ShapeFamily {
  std::int64_t d_head = 0;  ///< width of a head; d_model is a multiple of it
  std::int64_t vocab = 0;   ///< token ids
  double aspect = 0;        ///< d_model / n_layer, kept within a factor of 1.6
};

/// Exactly one of the first four is set.
struct AllocationRequest {
  std::optional<double> flops = std::nullopt;  ///< compute budget (with inference_tokens: of training and use together)
  std::optional<double> params =
      std::nullopt;  ///< fixed model: the tokens (and compute) for which it is compute-optimal
  std::optional<double> tokens = std::nullopt;  ///< fixed data: likewise the model
  std::optional<double> loss = std::nullopt;    ///< target loss, nats: the cheapest compute that reaches it
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
  ModelSpec shape;                ///< nearest buildable shape
  std::int64_t shape_params = 0;  ///< its parameters under the same convention
};

/// Where the law allocates best. Intervals are the central 95 % of the bootstrap draws, each allocated in the same way:
/// the same draws for every quantity. A draw that no compute brings to what was asked (`unreachable`) counts as its
/// limit of endless compute: N, D and C infinite, D/N infinite or 0. A quantity has no interval where both ends would
/// be infinite, and the loss none under a law of the optimal size alone. Errors (config): not exactly one request; a
/// number that is not positive; a target loss that no compute reaches; a law without an optimum, or without a loss
/// where that is asked for; inference_tokens or unique_tokens with a fixed model or fixed data. Errors (data): a fit
/// that did not converge: its constants are where the solver stopped, not what the data say.
[[nodiscard]] Allocation allocate(const FitResult& fit, const AllocationRequest& request);
[[nodiscard]] Allocation allocate(const Law& law, const AllocationRequest& request);

/// "scalelaw.allocation/1"; several are {"allocations": [...]}.
[[nodiscard]] Json to_json(const Allocation& allocation);
[[nodiscard]] Json to_json(const std::vector<Allocation>& allocations);
/// A table for a terminal, with its warnings, a line each. Ends with a newline.
[[nodiscard]] std::string describe(const std::vector<Allocation>& allocations);
/// What must be said with the numbers, a sentence each: quantities outside the runs, draws that reach nothing, a
/// measured loss below the predicted one.
[[nodiscard]] std::vector<std::string> warnings(const Allocation& allocation);

/// Byte-level vocabulary and narrow heads below 1e8 parameters (the shapes this program trains), 32 k tokens and heads
/// of 64 from there on; aspect 16 and 100 (GPT-3 175B: 128).
[[nodiscard]] ShapeFamily default_shape_family(double params);

/// Shape on a ladder (aspect d_model / n_layer within a factor of 1.6 of `aspect`, heads of d_head, MLP 4 x d_model)
/// whose parameters are nearest in ratio; the smallest one (one layer, one head) for still smaller `params`.
/// @param convention what `params` counts: total | non_embedding | effective
[[nodiscard]] ModelSpec nearest_shape(double params, std::int64_t d_head, std::int64_t vocab, double aspect,
                                      ParamsCount convention = ParamsCount::total);

}  // namespace scalelaw
