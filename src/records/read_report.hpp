#pragma once
// What reading a table of runs gave, and what was understood.
#include <cstddef>
#include <string>
#include <vector>

#include "records/observation.hpp"

namespace scalelaw::inline records {

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

/// What looks implausible in the units of these points: a line each, with how to scale.
/// @param given which of params, tokens, flops the table holds itself
[[nodiscard]] std::vector<std::string> implausible_units(const std::vector<Observation>& points, bool params_given,
                                                         bool tokens_given, bool flops_given);

}  // namespace scalelaw::inline records
