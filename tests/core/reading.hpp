#pragma once
// Tables of text in, observations and what was understood out.
#include <gmock/gmock.h>

#include <string>

#include "core/input_text.hpp"
#include "core/read_table.hpp"
#include "error_of.hpp"
#include "records/columns.hpp"
#include "records/read_observations.hpp"

namespace scalelaw::test {

inline std::filesystem::path case_file(const std::string& name) {
  return std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases" / name;
}

inline ReadObservations read_text(const std::string& text, const ReadOptions& options = {}) {
  return observations_of(
      table_of_text(text, "t.csv", options.delimiter,
                    [&](const std::vector<std::string>& header) { return known_names(header, options.columns); }),
      options);
}

inline std::string refused(const std::string& text, const ReadOptions& options = {}, ExitCode code = ExitCode::data) {
  return error_of(code, [&] { (void)read_text(text, options); });
}

inline ReadObservations read_case(const std::string& name, const ReadOptions& options = {}) {
  return read_observations_of(case_file(name), options);
}

}  // namespace scalelaw::test
