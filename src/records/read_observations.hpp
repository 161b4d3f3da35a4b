#pragma once
// Observations from the tables people have. docs/RECORDS.md, "Observations", has the rules.
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/table.hpp"
#include "records/observation.hpp"

namespace scalelaw {

/// How a table is to be read where it does not say so itself.
struct ReadOptions {
  std::map<std::string, std::string> columns = {};  ///< our name -> the file's, or "#4" for its fourth column
  bool need_loss = true;  ///< false: a table without losses is read too, its losses 1 (the law `optimal` looks at none)
  std::string needs = "";  ///< the one quantity without which nothing can be done: "params", "tokens" or "flops" (power
                           ///< laws); empty: two of the three
  bool any_sign = false;   ///< losses of 0 or less are taken (objective mse)
  Convention convention = {};        ///< other than the default: the columns that hold these counts must be there
  bool convention_optional = false;  ///< where no such column is there, the table's own counts are taken as they are
  char delimiter = 0;                ///< 0: the one that the header shows
  std::string decimal = "";          ///< "comma" | "point"; empty: as the cells show
  std::optional<int> params_unit = {}, tokens_unit = {}, flops_unit = {};  ///< exponents of ten: 6 = millions
  std::string loss_unit = "";  ///< "nats" | "bits" | "perplexity" | "bits_per_byte"; empty: as the header says
};

/// A row that was left out.
struct SkippedRow {
  std::size_t line = 0;  ///< of the file; in JSON, the number of the object
  std::string run;       ///< its name, where it has one
  std::string reason;    ///< "loss is NaN"
};

/// What was understood, for people.
struct ReadReport {
  std::string file;
  std::vector<std::string> understood;  ///< empty for the plain form
  std::vector<SkippedRow> skipped;
  std::vector<std::string> warnings;  ///< a line each: what, where, what to do
  std::size_t rows = 0;               ///< with those left out
  bool grouped = false;               ///< points carry groups (a column, or rows of one run)
  bool own_counts = false;            ///< convention_optional, and no column says that N is counted so

  /// "read as: semicolon separated, decimal comma, params = 'Params' (millions)"; empty for the plain form.
  [[nodiscard]] std::string read_as() const;
  /// "left out: 3 of 60 rows: row 5 (exp09): loss is NaN; row ..."; empty where every row was taken.
  [[nodiscard]] std::string left_out() const;
  /// The lines of all three, each with its newline.
  [[nodiscard]] std::string text() const;
};

struct ReadObservations {
  std::vector<Observation> points;
  std::vector<std::size_t> lines;  ///< of each point
  ReadReport report;
};

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

/// What looks implausible in the units of these points: a line each, with how to scale.
/// @param given which of params, tokens, flops the table holds itself
[[nodiscard]] std::vector<std::string> implausible_units(const std::vector<Observation>& points, bool params_given,
                                                         bool tokens_given, bool flops_given);

}  // namespace scalelaw
