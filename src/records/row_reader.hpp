#pragma once
// One row of a table as an observation: its numbers in their units, and why it may be none.
#include <cstddef>
#include <map>
#include <string>
#include <utility>

#include "core/table.hpp"
#include "records/columns.hpp"
#include "records/read_options.hpp"
#include "records/read_report.hpp"

namespace scalelaw::inline records {

/// Everything that reading the rows of one table needs, and what was read so far.
struct TableReader {
  const Table& table;
  const ReadOptions& options;
  std::map<std::string, Column> columns;
  bool decimal_comma = false;
  LossUnit loss_unit = LossUnit::nats;
  bool steps_times_batch = false, batch_of_sequences = false;
  ReadObservations out = {};

  [[nodiscard]] bool has(const std::string& ours) const { return columns.contains(ours); }
  [[nodiscard]] const std::string& cell(const std::string& ours, std::size_t r) const {
    return table.rows[r][columns.at(ours).index];
  }
  /// The cell's text; empty where there is no such column.
  [[nodiscard]] std::string text(const std::string& ours, std::size_t r) const {
    return has(ours) ? cell(ours, r) : std::string();
  }
  [[nodiscard]] std::string where(std::size_t r) const;
};

/// The unit of a column, as an exponent of ten, and a factor beside it.
[[nodiscard]] std::pair<int, double> unit_of(const TableReader& in, const std::string& ours);

/// Why a row is no finished run: a number that is needed is empty or NaN, its status says so. Empty if it is one.
[[nodiscard]] std::string not_finished(const TableReader& in, std::size_t r);

/// Why the numbers of a finished run's row cannot be used: "column 'N' is 0; it must be positive and finite". Empty if
/// they can. Errors (data): text where a number belongs.
[[nodiscard]] std::string bad_number(const TableReader& in, std::size_t r);

/// The row as an observation, after not_finished and bad_number found nothing.
[[nodiscard]] Observation point_of(const TableReader& in, std::size_t r);

}  // namespace scalelaw::inline records
