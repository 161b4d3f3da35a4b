#pragma once
// Which rows of a table belong together, by the columns that say so.
#include <string>
#include <vector>

#include "core/table.hpp"

namespace scalelaw {

/// Columns that tell populations of runs apart ("corpus", "tokenizer", "context", "precision", "optimizer", ...; the
/// last part of "config/data/corpus" counts) and hold more than one value: "corpus: books (30 rows), code (12 rows)".
[[nodiscard]] std::vector<std::string> mixed_columns(const Table& table);

/// Removes the rows of which a column, any of the table's, has another value than asked for; case does not matter.
/// @param where items "column=value". Errors (config): an item that is no pair, a column that is not there (with those
/// that are), a value that no row has (with those there are).
void keep_rows_where(Table& table, const std::vector<std::string>& where);

}  // namespace scalelaw
