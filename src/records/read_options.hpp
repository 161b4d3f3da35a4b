#pragma once
// How tables of runs are to be read.
#include <map>
#include <optional>
#include <string>

#include "records/observation.hpp"
#include "records/quantity.hpp"

namespace scalelaw::inline records {

/// What parts a number's whole from its fraction.
enum class DecimalMark { comma, point };
constexpr std::array<std::string_view, 2> names_of(DecimalMark) { return {"comma", "point"}; }

/// How a table is to be read where it does not say so itself.
struct ReadOptions {
  std::map<std::string, std::string> columns = {};  ///< our name -> the file's, or "#4" for its fourth column
  bool need_loss = true;  ///< false: a table without losses is read too, its losses 1 (the law `optimal` looks at none)
  std::optional<Quantity> needs = {};  ///< the one without which nothing can be done (power laws); none: two of N, D, C
  bool any_sign = false;               ///< losses of 0 or less are taken (objective mse)
  Convention convention = {};          ///< other than the default: the columns that hold these counts must be there
  bool convention_optional = false;    ///< where no such column is there, the table's own counts are taken as they are
  char delimiter = 0;                  ///< 0: the one that the header shows
  std::optional<DecimalMark> decimal = {};                                 ///< none: as the cells show
  std::optional<int> params_unit = {}, tokens_unit = {}, flops_unit = {};  ///< exponents of ten: 6 = millions
  std::optional<LossUnit> loss_unit = {};                                  ///< none: as the header says
  /// Whose losses, each apart: nats, bits_per_byte, or a column in its own unit. Empty: one loss, in nats.
  std::vector<std::string> losses = {};
  bool keep_bits_per_byte = false;  ///< losses in bits per byte stay what they are; else they become nats per byte
};

}  // namespace scalelaw::inline records
