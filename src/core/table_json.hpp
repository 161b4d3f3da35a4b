#pragma once
// Tables written as JSON.
#include <string>
#include <vector>

#include "core/json.hpp"
#include "core/table.hpp"

namespace scalelaw::inline core {

/// Whether text is JSON: an array, an object or a line of either.
[[nodiscard]] bool is_json(const std::string& text);
/// The rows of a JSON text: an array of objects, an object that holds one, an object of columns, or one object a line.
/// NaN and Infinity, which JSON does not have but Python writes, are null. Errors (data): damaged, with the line; no
/// rows in it.
[[nodiscard]] std::vector<Json> json_rows(const std::string& text, const std::string& name);
/// Objects as a table: keys of nested ones joined by '/', numbers as their exact text, null as an empty cell.
[[nodiscard]] Table table_of_json(const std::vector<Json>& rows, const std::string& name);

}  // namespace scalelaw::inline core
