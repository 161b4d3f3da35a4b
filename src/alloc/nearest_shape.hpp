#pragma once
// Shapes that can be built for a number of parameters.
#include <cstdint>

#include "records/observation.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline alloc {

/// Shapes that may be built for N parameters; 0 = the default for that size (see default_shape_family).
struct ShapeFamily {
  std::int64_t d_head = 0;  ///< width of a head; d_model is a multiple of it
  std::int64_t vocab = 0;   ///< token ids
  double aspect = 0;        ///< d_model / n_layer, kept within a factor of 1.6
};

/// Byte-level vocabulary and narrow heads below 1e8 parameters (the shapes this program trains), 32 k tokens and heads
/// of 64 from there on; aspect 16 and 100 (GPT-3 175B: 128).
[[nodiscard]] ShapeFamily default_shape_family(double params);

/// Shape on a ladder (aspect d_model / n_layer within a factor of 1.6 of `aspect`, heads of d_head, MLP 4 x d_model)
/// whose parameters are nearest in ratio; the smallest one (one layer, one head) for still smaller `params`.
/// @param convention what `params` counts: total | non_embedding | effective
[[nodiscard]] ModelSpec nearest_shape(double params, std::int64_t d_head, std::int64_t vocab, double aspect,
                                      ParamsCount convention = ParamsCount::total);

}  // namespace scalelaw::inline alloc
