#pragma once
// Observations from the tables people have. docs/RECORDS.md, "Observations", has the rules.
#include <filesystem>

#include "core/table.hpp"
#include "records/read_options.hpp"
#include "records/read_report.hpp"

namespace scalelaw::inline records {

/// Reads a table (core/table.hpp) of runs: a header row or JSON keys, any two of params, tokens, flops (the third
/// follows from C = 6 N D), loss, and optional run, loss_stderr, weight, group, unique_tokens, lr, seed, shape, budget,
/// steps, batch_tokens, convention, under our names or common others (records/columns.cpp); other columns are ignored.
/// Tokens may be steps x batch. Rows without a number where one is needed, or whose status says that the run failed,
/// are left out by name; so are those with a number that cannot be used (N = 0, tokens < 0, 1e999) where they are one
/// of four or more rows, or at most a tenth. Rows of one `run` and params share a group where the table names none.
/// @param path a file, or "-" for standard input
/// Errors (data): a missing column (with the columns present and the --columns to give), a cell that is no number, too
/// many params/tokens/flops/loss that are not positive and finite: each names file, row and column; no usable row; what
/// can be read in two ways, with the option that says which. Errors (config): a rename of what is no column of ours.
[[nodiscard]] ReadObservations read_observations_of(const std::filesystem::path& path, const ReadOptions& options);
/// The same of a table already read.
[[nodiscard]] ReadObservations observations_of(const Table& table, const ReadOptions& options);

}  // namespace scalelaw::inline records
