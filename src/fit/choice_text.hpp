#pragma once
// The choice of law as text and JSON.
#include <string>
#include <vector>

#include "core/json.hpp"
#include "fit/choice.hpp"

namespace scalelaw::inline fit {

/// What the answer may not be trusted with as far as the laws tell: how far they miss what they have not seen, and
/// what depends on the law; a line each.
[[nodiscard]] std::vector<std::string> choice_cautions(const LawChoice& choice);
/// One row a law: header first.
[[nodiscard]] std::vector<std::vector<std::string>> choice_rows(const LawChoice& choice);
/// The table with the reason below it, for a terminal; ends with a newline.
[[nodiscard]] std::string describe(const LawChoice& choice);
/// The object "choice" of a fit file.
[[nodiscard]] Json to_json(const LawChoice& choice);

}  // namespace scalelaw::inline fit
