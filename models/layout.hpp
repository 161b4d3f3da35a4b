#pragma once
// Where each matrix of a model lies in a flat vector of P parameters. K members stacked are K such rows: [K, P].
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/device.hpp"
#include "records/records.hpp"

namespace scalelaw::inline models {

/// One matrix, stored by rows: y = x W with W of shape [rows, cols] (the token matrix: one row per token id; learned
/// scales of attention: one row of n_head).
struct Slice {
  std::string name;  ///< "embedding", "layers.0.attention.qkv" ..., the same in checkpoints and exports
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t offset = 0;  ///< of its first parameter
  std::string group;        ///< embedding | attention | mlp | head, as in ParamCounts
  double init_mean = 0;     ///< mean and
  double init_std = 0;      ///< standard deviation of the normal it is drawn from
  double rate = 1;          ///< factor of the change that its gradient makes (AdamGroup)
  double eps = 1;           ///< factor of Adam's eps
  bool decay = true;        ///< weight decay applies

  [[nodiscard]] std::int64_t size() const { return rows * cols; }
};

/// The shape at which `completep` equals `standard`, to the bit.
constexpr std::int64_t kBaseWidth = 32, kBaseDepth = 2;

/// The decoder (docs/METHODS.md): query, key and value are one matrix [d_model, 3 n_head d_head] with the columns of
/// all queries first. The token matrix starts at 1 and every other at 1 / sqrt(rows), those that write into the
/// residual stream at 1 / sqrt(2 n_layer) of that; or as `completep` says (docs/METHODS.md, "Width and depth").
struct Layout {
  ModelSpec model;
  std::vector<Slice> slices;
  /// P: count_params(model).total, filled up to a multiple of 8 where scales of attention are learned.
  std::int64_t params = 0;
  std::vector<AdamGroup> groups;  ///< of the slices, neighbours with the same factors in one

  /// Throws std::logic_error where there is no such slice.
  [[nodiscard]] const Slice& at(const std::string& name) const;
};

/// Errors (config): a shape the model cannot have (check_shape).
[[nodiscard]] Layout make_layout(const ModelSpec& model);

/// Whether every group begins at a multiple of four parameters.
[[nodiscard]] bool in_fours(const Layout& layout);

/// Fills one member's P parameters: each slice from its own stream of (seed, slice name), so that the same seed gives
/// the same numbers whatever else is trained beside it, on every device.
void initialize(const Layout& layout, std::int64_t seed, std::span<float> parameters);

}  // namespace scalelaw::inline models
