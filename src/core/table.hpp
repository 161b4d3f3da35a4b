#pragma once
// Rows and columns of text, from whichever form they came.
#include <cstddef>
#include <string>
#include <vector>

namespace scalelaw::inline core {

/// core/read_table.hpp and core/table_json.hpp make it.
struct Table {
  std::string name;  ///< of the file, for messages
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
  std::vector<std::size_t> lines;              ///< of each row: its line in the file, or its number in a JSON array
  std::vector<std::string> dialect;            ///< what is not plain: "semicolon separated", "2 comment lines", "gzip"
};

}  // namespace scalelaw::inline core
