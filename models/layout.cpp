#include "models/layout.hpp"

#include <algorithm>
#include <cmath>

#include "core/rng.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline models {
namespace {

/// What a matrix y = x W starts from and how fast it turns.
struct MatrixScale {
  double init_std, rate = 1, eps = 1;
};
/// By what a matrix reads and writes.
struct ModelScales {
  MatrixScale embedding, into_block, out_of_attention, out_of_mlp, head;
  MatrixScale qk_scale = {};  ///< its init_std is not used
};

double fan_in(std::int64_t rows) { return 1.0 / std::sqrt(static_cast<double>(rows)); }
double into_residual(std::int64_t layers) { return 1.0 / std::sqrt(2.0 * static_cast<double>(layers)); }

/// The token matrix feeds a norm, so its scale only sets how fast it turns: a tied one takes the head's scale.
ModelScales standard_scales(const ModelSpec& m) {
  const double residual = into_residual(m.n_layer);
  return {.embedding = {m.tie_embeddings ? fan_in(m.d_model) : 1.0},
          .into_block = {fan_in(m.d_model)},
          .out_of_attention = {residual * fan_in(m.n_head * m.d_head)},
          .out_of_mlp = {residual * fan_in(m.d_ff)},
          .head = {fan_in(m.d_model)}};
}

/// CompleteP with alpha = 1 (Dey et al. 2025, arXiv 2505.01618, table 1), w = d_model / 32 and d = n_layer / 2:
///   matrices of blocks   init variance / w, rate / w, decay * w, eps / (w d); outputs of branches times 1 / d
///   token matrix         init, rate and decay of the base, eps / w
///   head                 the same, and its output times 1 / w
///   learned scales       as other vectors of blocks: rate of the base, eps / (w d)
/// No engine multiplies outputs: a matrix W with its output times f is the matrix f W. Adam moves W by
///   -rate c1 m / (sqrt(c2 v) + eps), and f W by f times that. The gradient of W is f times that of f W, and so are m
/// and sqrt(v): in moments of f W the change is -f rate c1 m / (sqrt(c2 v) + eps / f). Decay takes the share
/// lr weight_decay of W and of f W alike, the same for all matrices (rate / w times decay * w). So f multiplies
/// init_std and rate, and divides eps: f = 1 / d where a block writes, 1 / w at the head.
ModelScales completep_scales(const ModelSpec& m) {
  const double w = static_cast<double>(m.d_model) / static_cast<double>(kBaseWidth);
  const double d = static_cast<double>(m.n_layer) / static_cast<double>(kBaseDepth);
  const double residual = into_residual(kBaseDepth) / d;
  return {.embedding = {1.0, 1, 1 / w},
          .into_block = {fan_in(m.d_model), 1 / w, 1 / (w * d)},
          .out_of_attention = {residual * fan_in(m.n_head * m.d_head), 1 / (w * d), 1 / w},
          .out_of_mlp = {residual * fan_in(m.d_ff), 1 / (w * d), 1 / w},
          .head = {fan_in(kBaseWidth) / w, 1 / w, 1},
          .qk_scale = {.init_std = 0, .rate = 1, .eps = 1 / (w * d)}};
}

ModelScales scales_of_parametrization(const ModelSpec& model) {
  switch (model.parametrization) {
    case Parametrization::standard:
      return standard_scales(model);
    case Parametrization::completep:
      return completep_scales(model);
  }
  return standard_scales(model);
}

ModelScales scales_of(const ModelSpec& model) {
  ModelScales scales = scales_of_parametrization(model);
  scales.embedding.rate *= model.embedding_lr_factor;
  scales.head.rate *= model.embedding_lr_factor;
  return scales;
}

void add_to_groups(std::vector<AdamGroup>& groups, const Slice& slice) {
  const AdamGroup own{.begin = slice.offset,
                      .decay = slice.decay ? 1.0F : 0.0F,
                      .rate = static_cast<float>(slice.rate),
                      .eps = static_cast<float>(slice.eps)};
  const bool as_before = !groups.empty() && groups.back().decay == own.decay && groups.back().rate == own.rate &&
                         groups.back().eps == own.eps;
  if (!as_before) groups.push_back(own);
}

}  // namespace

Layout make_layout(const ModelSpec& model) {
  check_shape(model, "model");
  Layout layout{.model = model, .slices = {}, .groups = {}};
  const auto add_slice = [&](Slice slice) {
    slice.offset = layout.params;
    add_to_groups(layout.groups, slice);
    layout.params += slice.size();
    layout.slices.push_back(std::move(slice));
  };
  const auto add = [&](const std::string& name, std::int64_t rows, std::int64_t cols, const char* group,
                       MatrixScale scale) {
    add_slice({.name = name,
               .rows = rows,
               .cols = cols,
               .group = group,
               .init_std = scale.init_std,
               .rate = scale.rate,
               .eps = scale.eps});
  };
  const ModelScales scales = scales_of(model);
  const std::int64_t width = model.n_head * model.d_head;
  add("embedding", model.vocab, model.d_model, "embedding", scales.embedding);
  for (std::int64_t i = 0; i < model.n_layer; ++i) {
    const std::string layer = fmt::format("layers.{}.", i);
    add(layer + "attention.qkv", model.d_model, 3 * width, "attention", scales.into_block);
    add(layer + "attention.output", width, model.d_model, "attention", scales.out_of_attention);
    add(layer + "mlp.up", model.d_model, model.d_ff, "mlp", scales.into_block);
    add(layer + "mlp.down", model.d_ff, model.d_model, "mlp", scales.out_of_mlp);
  }
  if (!model.tie_embeddings) add("head", model.d_model, model.vocab, "head", scales.head);
  for (std::int64_t i = 0; i < model.n_layer && model.qk_scale.is(QkScale::learned); ++i) {
    add_slice({.name = fmt::format("layers.{}.attention.qk_scale", i),
               .rows = 1,
               .cols = model.n_head,
               .group = "attention",
               .init_mean = learned_qk_scale(model.d_head),
               .rate = scales.qk_scale.rate,
               .eps = scales.qk_scale.eps,
               .decay = false});
  }
  constexpr std::int64_t kRow = 8;  // numbers in bf16 that devices move at once: members begin at a multiple of them
  if (model.qk_scale.is(QkScale::learned)) layout.params = (layout.params + kRow - 1) / kRow * kRow;
  return layout;
}

bool in_fours(const Layout& layout) {
  return std::ranges::all_of(layout.groups, [](const AdamGroup& group) { return group.begin % 4 == 0; });
}

const Slice& Layout::at(const std::string& name) const {
  for (const Slice& slice : slices) {
    if (slice.name == name) return slice;
  }
  throw std::logic_error("no slice " + name);
}

void initialize(const Layout& layout, std::int64_t seed, std::span<float> parameters) {
  SCALELAW_CHECK(parameters.size() == static_cast<std::size_t>(layout.params), "{} parameters", parameters.size());
  for (const Slice& slice : layout.slices) {
    Rng rng = make_rng(static_cast<std::uint64_t>(seed), slice.name);
    for (std::int64_t i = 0; i < slice.size(); ++i) {
      parameters[static_cast<std::size_t>(slice.offset + i)] =
          static_cast<float>(slice.init_mean + slice.init_std * standard_normal(rng));
    }
  }
  const Slice& last = layout.slices.back();
  std::ranges::fill(parameters.subspan(static_cast<std::size_t>(last.offset + last.size())), 0.0F);
}

}  // namespace scalelaw::inline models
