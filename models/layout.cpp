#include "models/layout.hpp"

#include <cmath>

#include "core/rng.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline models {

Layout make_layout(const ModelSpec& model) {
  check_shape(model, "model");
  Layout layout{.model = model, .slices = {}};
  const auto add_slice = [&](Slice slice) {
    slice.offset = layout.params;
    layout.params += slice.size();
    layout.slices.push_back(std::move(slice));
  };
  const auto add = [&](const std::string& name, std::int64_t rows, std::int64_t cols, const char* group,
                       double init_std) {
    add_slice({.name = name, .rows = rows, .cols = cols, .group = group, .init_std = init_std});
  };
  const auto fan_in = [](std::int64_t n) { return 1.0 / std::sqrt(static_cast<double>(n)); };
  const double residual = 1.0 / std::sqrt(2.0 * static_cast<double>(model.n_layer));
  const std::int64_t width = model.n_head * model.d_head;
  // The token matrix feeds a norm, so its scale only sets how fast it turns: a tied one takes the head's scale.
  add("embedding", model.vocab, model.d_model, "embedding", model.tie_embeddings ? fan_in(model.d_model) : 1.0);
  for (std::int64_t i = 0; i < model.n_layer; ++i) {
    const std::string layer = fmt::format("layers.{}.", i);
    add(layer + "attention.qkv", model.d_model, 3 * width, "attention", fan_in(model.d_model));
    add(layer + "attention.output", width, model.d_model, "attention", residual * fan_in(width));
    add(layer + "mlp.up", model.d_model, model.d_ff, "mlp", fan_in(model.d_model));
    add(layer + "mlp.down", model.d_ff, model.d_model, "mlp", residual * fan_in(model.d_ff));
  }
  if (!model.tie_embeddings) add("head", model.d_model, model.vocab, "head", fan_in(model.d_model));
  layout.decayed = layout.params;
  for (std::int64_t i = 0; i < model.n_layer && model.qk_scale.is(QkScale::learned); ++i) {
    add_slice({.name = fmt::format("layers.{}.attention.qk_scale", i),
               .rows = 1,
               .cols = model.n_head,
               .group = "attention",
               .init_mean = learned_qk_scale(model.d_head),
               .decay = false});
  }
  return layout;
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
}

}  // namespace scalelaw::inline models
