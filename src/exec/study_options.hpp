#pragma once
// What a study is run with, beside its config.
#include <filesystem>
#include <optional>

#include "design/plan.hpp"
#include "exec/backend.hpp"
#include "study/progress.hpp"

namespace scalelaw::inline exec {

struct StudyOptions {
  std::filesystem::path folder;
  BackendChoice backend;
  Environment environment;            ///< for the number of CUDA devices
  std::optional<CorpusFacts> corpus;  ///< needed for training
  ProgressOutput progress;
  bool keep_runs = false;  ///< the folder may hold finished runs that the plan does not

  /// None where nothing is trained.
  [[nodiscard]] const CorpusFacts* corpus_or_null() const { return corpus ? &*corpus : nullptr; }
};

}  // namespace scalelaw::inline exec
