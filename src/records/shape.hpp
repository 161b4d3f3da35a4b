#pragma once
// Parameter and FLOP counts of a transformer's shape (docs/METHODS.md, "What counts as N and C").
#include "records/records.hpp"

namespace scalelaw::inline records {

/// Parameters per group of the decoder (docs/METHODS.md): token matrix vocab x d_model; per block query, key, value
/// (d_model x n_head d_head each) and output projection, n_head scales of attention where they are learned, and an MLP
/// d_model -> d_ff -> d_model; an output head d_model x vocab; no biases, norms without gain (0), rotary positions (0).
/// A tied matrix counts once, as embedding and not as head. non_embedding: Kaplan et al. 2020 (arXiv 2001.08361)
/// sec. 2.1. effective: non_embedding + d_model * vocab.
[[nodiscard]] ParamCounts count_params(const ModelSpec& model);

/// N of a shape, as `count` counts it.
[[nodiscard]] double counted_params(const ModelSpec& model, ParamsCount count);

/// Training FLOPs per token, a multiply-add counted as 2, forward + backward = 3 x forward, matrix products only:
///   forward = 2 n_layer (4 d_model n_head d_head + 2 d_model d_ff) + 4 n_layer n_head d_head (T + 1) / 2
///             + 2 d_model vocab
/// with T the context: under a causal mask a token attends to (T + 1) / 2 positions on average. Lookups are free.
/// Kaplan et al. 2020 sec. 2.1 differs: no head, T / 2 positions. Hoffmann et al. 2022 (arXiv 2203.15556) App. F
/// differs: no mask, and the lookup counted as a product.
[[nodiscard]] double flops_per_token(const ModelSpec& model);

/// Training FLOPs of `tokens` tokens under every convention.
[[nodiscard]] FlopCounts count_flops(const ModelSpec& model, std::int64_t tokens);

/// Widths of models are multiples of this where heads may be as wide as they like.
constexpr std::int64_t kWidthUnit = 8;
/// Width of a head where none is asked for: the even divisor of d_model that is nearest in ratio to 16, or to half of
/// d_model where that is less; the smaller of two (docs/EXPERIMENTS.md, "Which heads, and which scale of their
/// scores"); 2 where d_model is odd and has none.
[[nodiscard]] std::int64_t default_d_head(std::int64_t d_model);

/// c of scores c q . k / sqrt(d_head) with which learned scales begin.
[[nodiscard]] double learned_qk_scale(std::int64_t d_head);
/// What a new model multiplies q . k by: c / sqrt(d_head), or 1 for `none`.
[[nodiscard]] double score_scale(const ModelSpec& model);

/// Why the parametrization cannot be had for this model, as what follows its name; empty where it can.
[[nodiscard]] std::string parametrization_refusal(const ModelSpec& model);

/// Errors (config): odd d_head; n_head * d_head != d_model; parametrization_refusal. `where` names the place for the
/// message.
void check_shape(const ModelSpec& model, const std::string& where);

}  // namespace scalelaw::inline records
