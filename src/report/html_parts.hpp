#pragma once
// Parts that the sections of the report are made of.
#include <string>
#include <string_view>
#include <vector>

#include "fit/result.hpp"

namespace scalelaw::inline report {

/// Cells are HTML. `kind` is a class of the table: "" for numbers, "text" for words.
[[nodiscard]] std::string html_table(std::string_view kind, const std::vector<std::string>& header,
                                     const std::vector<std::vector<std::string>>& rows);

/// A verdict in a rounded frame; `kind` is good, bad or open.
[[nodiscard]] std::string html_chip(std::string_view kind, std::string_view text);
[[nodiscard]] std::string status_chip(const FitResult& fit);

/// A number with its interval below it; without an interval the number alone.
[[nodiscard]] std::string value_cell(double value, const Interval* interval);
[[nodiscard]] std::string count_cell(double value, const Interval* interval);

/// Sentences as items of a list, each with a capital at its start and a full stop at its end.
[[nodiscard]] std::string html_list(const std::vector<std::string>& sentences);

}  // namespace scalelaw::inline report
