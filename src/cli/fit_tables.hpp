#pragma once
// The tables among what scalelaw fit reads: which rows are taken, and that they belong together.
#include <map>
#include <string>
#include <vector>

#include "cli/fit_sources.hpp"
#include "core/input_text.hpp"
#include "core/table.hpp"
#include "records/read_options.hpp"
#include "select/population.hpp"

namespace scalelaw::cli {

[[nodiscard]] Table table_of_input(const InputText& in, const ReadOptions& options);

/// Keeps the rows that `choice` asks for, and the tables that have some. @return what was chosen and pooled, a line
/// each. Errors (data): what is left is several populations by its own columns, and `choice` does not pool them; a
/// column that only some of the tables have counts. (config): see keep_rows_where.
[[nodiscard]] std::vector<std::string> settle_tables(std::vector<Table>& tables, const PopulationChoice& choice);

/// The points of the tables that settle_tables leaves, once for each loss that is asked for. Errors (data): a run that
/// two inputs hold.
/// @param owner of each row: where it was first seen
void add_tables(FitSources& sources, std::vector<Table> tables, const ReadOptions& options,
                const PopulationChoice& choice, std::map<std::string, std::string>& owner);

}  // namespace scalelaw::cli
