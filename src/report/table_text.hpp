#pragma once
// How tables of the report are written.
#include <string>

#include "report/tables.hpp"

namespace scalelaw::inline report {

/// Ends with a newline. Markdown: a pipe table; LaTeX: a tabular of the package booktabs, with what TeX reads as
/// commands made safe; both round and put intervals in brackets. CSV (RFC 4180): exact numbers under the columns' keys,
/// the ends of intervals in columns key_low and key_high, nothing where there is no value.
[[nodiscard]] std::string table_text(const ReportTable& table, TableFormat format);

/// Text that TeX (UTF-8) prints as it stands: its special characters escaped, powers of ten and signs as mathematics.
[[nodiscard]] std::string latex_text(std::string_view text);

}  // namespace scalelaw::inline report
