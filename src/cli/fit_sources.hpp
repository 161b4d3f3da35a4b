#pragma once
// What was found in the inputs of scalelaw fit.
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "records/read_report.hpp"
#include "select/select.hpp"

namespace scalelaw::cli {

/// Records of all inputs that hold records, and observations of all that are CSV files.
struct FitSources {
  std::vector<RunRecord> records;
  std::map<std::string, std::filesystem::path> curves;  ///< by run id, where the file would be
  std::vector<Observation> points;
  std::string counted;                         ///< how N and C are counted, or which loss, where the points say so
  LossUnit record_loss = LossUnit::nats;       ///< what the records have in the place of their loss in nats
  std::optional<std::int64_t> min_steps = {};  ///< analysis.min_steps of the studies, the largest
  std::vector<double> hold = {};               ///< design.hold of the studies
  bool chooses_law = false;                    ///< a study folder, whose report lets the points choose the law
  std::vector<std::string> notes = {};         ///< runs that were left out, or pooled, one line each
  std::vector<Exclusion> excluded = {};        ///< files that are no records of their runs
  std::vector<ReadReport> reports = {};        ///< of the tables
};

}  // namespace scalelaw::cli
