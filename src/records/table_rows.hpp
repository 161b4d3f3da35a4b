#pragma once
// Which rows of tables belong together, by the columns that say so.
#include <span>
#include <string>
#include <vector>

#include "core/table.hpp"

namespace scalelaw::inline records {

/// "a.csv and b.csv"
[[nodiscard]] std::string table_names(std::span<const Table> tables);

/// What tells populations of runs apart (corpus, tokenizer, context, precision, optimizer, architecture, ...) and has
/// more than one value in the tables that are read together: "corpus: books (30 rows), code (12 rows)". The last part
/// of "config/data/corpus" counts, and other names of the same ("seq_len", "arch", "dtype"); case does not matter, nor
/// how a number is written. Of several tables the lines say which hold a value, and which lack the column: "corpus:
/// books (30 rows of a.csv), not given (12 rows of b.csv)".
[[nodiscard]] std::vector<std::string> mixed_columns(std::span<const Table> tables);
[[nodiscard]] std::vector<std::string> mixed_columns(const Table& table);

/// Columns of a population with one value that some rows leave empty, a line each: nothing says what those rows are.
[[nodiscard]] std::vector<std::string> partly_given(std::span<const Table> tables);

/// Removes the rows of which a column, any of the tables', has another value than asked for; case does not matter, and
/// a column of a population is found under its other names too. Rows of a table that lacks a column of another, like
/// empty cells, have the value "none".
/// @param where items "column=value". Errors (config): an item that is no pair, a column that is nowhere (with those
/// that are), a value that no row has (with those there are).
void keep_rows_where(std::span<Table> tables, const std::vector<std::string>& where);
void keep_rows_where(Table& table, const std::vector<std::string>& where);

}  // namespace scalelaw::inline records
