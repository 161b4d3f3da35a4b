#pragma once
// Shapes for the tests of the native engine.
#include "records/records.hpp"

namespace scalelaw {

inline ModelSpec model_of(std::int64_t layers, std::int64_t heads, std::int64_t d_head, std::int64_t d_ff,
                          std::int64_t context, std::int64_t vocab, bool tied = false) {
  return {.d_model = heads * d_head,
          .n_layer = layers,
          .d_head = d_head,
          .n_head = heads,
          .d_ff = d_ff,
          .context = context,
          .vocab = vocab,
          .tie_embeddings = tied};
}

inline ModelSpec with_scale(ModelSpec model, const NumberOr<QkScale>& scale) {
  model.qk_scale = scale;
  return model;
}

}  // namespace scalelaw
