#pragma once
// Which column of a foreign table is which of ours.
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/table.hpp"
#include "records/records.hpp"

namespace scalelaw::inline records {

/// Names of ours that a table may hold, in the order in which text lists them.
[[nodiscard]] const std::vector<std::string>& our_columns();

/// A header cell as names see it: "Params (M)" -> key "params", unit "M"; "run a - eval/loss" -> "eval_loss", last part
/// "loss"; "config/model/n_params" -> last part "n_params".
struct HeaderName {
  std::string key;   ///< lower case, parts and words joined by '_'
  std::string last;  ///< the last part of a path; empty where there is one part
  std::string unit;  ///< in brackets behind the name, or as its ending: "M", "millions", "nats"
};
[[nodiscard]] HeaderName header_name(const std::string& cell);

/// The names under which tables have a column of ours, ours first; empty where it is none.
[[nodiscard]] std::vector<std::string> common_names(std::string_view ours);

/// One column found.
struct Column {
  std::size_t index = 0;
  std::string header;    ///< as the file writes it
  std::string alias;     ///< the name under which it was recognised ("perplexity"); ours where it is renamed
  std::string unit;      ///< of its header; empty if none
  bool plain = false;    ///< headed exactly as ours
  bool renamed = false;  ///< --columns names it
};

/// --columns, our name -> the file's: exactly, or up to case and '.' for '/'; "#4" is the fourth column.
using Renames = std::map<std::string, std::string>;

/// How many cells of a header are names we know or that renames name.
[[nodiscard]] std::size_t known_names(const std::vector<std::string>& header, const Renames& renames);

/// The columns of a table that hold what we call `ours`, by that or another name: "#4", "#7".
[[nodiscard]] std::vector<std::string> columns_called(const Table& table, std::string_view ours);

/// The columns of a table under our names. A name of ours written exactly wins over other names for the same.
/// Errors (config): a rename of what is no column of ours; (data): a rename to a column that is not there; several
/// columns that may be params, tokens, flops or loss, or two with one header, with the --columns that chooses.
[[nodiscard]] std::map<std::string, Column> find_columns(const Table& table, const Renames& renames);

/// Whether a header says that N is counted as `params` (total | non_embedding | effective): a column of that count, or,
/// for the total, one beside another count. A column named by --columns says nothing.
[[nodiscard]] bool says_count(const std::map<std::string, Column>& columns, ParamsCount params);

}  // namespace scalelaw::inline records
