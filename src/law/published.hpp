#pragma once
// Constants as their authors published them; they stand with their law, in its file of src/law.
#include <string>
#include <string_view>
#include <vector>

#include "law/laws.hpp"

namespace scalelaw::inline law {

/// Every published set, law by law.
[[nodiscard]] const std::vector<Law>& published_laws();
/// Errors (config): unknown name, with the near miss and the list.
[[nodiscard]] const Law& published_law(std::string_view name);
/// Null where there is none of that name.
[[nodiscard]] const Law* find_published_law(std::string_view name);

}  // namespace scalelaw::inline law
