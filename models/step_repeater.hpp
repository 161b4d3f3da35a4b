#pragma once
// The same step again and again, with as few commands from the host as the device allows.
#include <functional>
#include <string>
#include <vector>

#include "models/cuda_backend.hpp"
#include "records/asked.hpp"

namespace scalelaw::inline models {

/// Device memory that a step changes and that lasts from step to step.
struct Region {
  void* data = nullptr;
  std::size_t bytes = 0;
};

/// On a CPU runs the step; on CUDA replays a graph of kStepsPerGraph steps where `graph` is automatic. The graph is
/// checked once: the state is saved, kStepsPerGraph steps are run one by one, the state is put back, the graph is
/// replayed, and every bit of the regions must be the same. If it is not, or if the step cannot be recorded, all steps
/// are run one by one and status() says why. Either way run(n) leaves what n single steps leave.
class StepRepeater {
 public:
  static constexpr std::int64_t kStepsPerGraph = 16;
  static constexpr std::int64_t kWorthwhileSteps = 8 * kStepsPerGraph;  ///< recording and checking cost 2 to 3 graphs

  /// @param total how many steps there will be. @param step queues one step: the same commands
  /// with the same addresses each time; what differs from step to step it must read from device memory.
  StepRepeater(const Device& device, AskedGraph graph, std::int64_t total, std::vector<Region> regions,
               std::function<void()> step);

  struct Status {
    /// For the record: "16 steps per CUDA graph, equal to single steps to the last bit". Empty on a CPU and as long as
    /// nothing is decided.
    std::string what;
    bool fell_back = false;              ///< a graph was wanted and could not be used
    std::int64_t commands_per_step = 0;  ///< kernels, copies and fills, as the graph has them; 0 without one
  };

  void run(std::int64_t steps);
  [[nodiscard]] const Status& status() const { return status_; }

 private:
  void decide();

  DeviceKind kind_;
  std::vector<Region> regions_;
  std::function<void()> step_;
  bool undecided_ = false;
  std::int64_t single_steps_ = 0;
  cuda::Graph graph_;
  Status status_;
};

}  // namespace scalelaw::inline models
