#pragma once
// Shapes that can be built for a number of parameters.
#include <cstdint>

#include "records/observation.hpp"
#include "records/shape.hpp"

namespace scalelaw::inline alloc {

/// Shapes that may be built for N parameters; 0 = the default for that size (see default_shape_family).
struct ShapeFamily {
  std::int64_t d_head = 0;  ///< width of a head; d_model is a multiple of it, or of kWidthUnit where this is 0
  std::int64_t vocab = 0;   ///< token ids
  double aspect = 0;        ///< d_model / n_layer, kept within a factor of 1.6
};

/// Below 1e8 parameters (the shapes this program trains) a byte-level vocabulary, the default head of each width
/// (d_head 0: default_d_head) and aspect 16; from there on 32 k tokens, heads of 64 and aspect 100 (GPT-3 175B: 128).
[[nodiscard]] ShapeFamily default_shape_family(double params);

/// Shape on a ladder (aspect d_model / n_layer within a factor of 1.6 of the family's, MLP 4 x d_model) whose
/// parameters are nearest in ratio; the smallest one (one layer of the least width) for still smaller `params`. Errors
/// (config): an odd d_head, a vocabulary below 2, an aspect that is not positive.
[[nodiscard]] ModelSpec nearest_shape(double params, const ShapeFamily& family,
                                      ParamsCount convention = ParamsCount::total);

}  // namespace scalelaw::inline alloc
