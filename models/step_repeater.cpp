#include "models/step_repeater.hpp"

#include <cstring>

#include "os/error.hpp"

namespace scalelaw::inline models {
namespace {

using Bytes = std::vector<std::vector<char>>;

Bytes save(const std::vector<Region>& regions) {
  Bytes saved;
  for (const Region& region : regions) {
    saved.emplace_back(region.bytes);
    cuda::copy_out(saved.back().data(), region.data, region.bytes);
  }
  return saved;
}

void restore(const std::vector<Region>& regions, const Bytes& saved) {
  for (std::size_t i = 0; i < regions.size(); ++i) cuda::copy_in(regions[i].data, saved[i].data(), regions[i].bytes);
}

// Libraries set themselves up in the first steps, which a recording must not hold.
constexpr std::int64_t kWarmUp = 3;

}  // namespace

StepRepeater::StepRepeater(const Device& device, AskedGraph graph, std::int64_t total, std::vector<Region> regions,
                           std::function<void()> step)
    : kind_(device.kind), regions_(std::move(regions)), step_(std::move(step)) {
  if (kind_ != DeviceKind::cuda) return;
  if (graph == AskedGraph::off) {
    status_.what = "single steps: asked for";
  } else if (total < kWorthwhileSteps) {
    status_.what = fmt::format("single steps: a graph is not worth its while below {} steps", kWorthwhileSteps);
  } else {
    undecided_ = true;
  }
}

void StepRepeater::run(std::int64_t steps) {
  while (steps > 0) {
    if (undecided_ && single_steps_ >= kWarmUp && steps >= kStepsPerGraph) {
      decide();
      steps -= kStepsPerGraph;
    } else if (graph_.handle && steps >= kStepsPerGraph) {
      cuda::replay(graph_);
      steps -= kStepsPerGraph;
    } else {
      step_();
      ++single_steps_;
      --steps;
    }
  }
}

/// Runs kStepsPerGraph steps one by one and makes the graph, or finds out that there can be none.
void StepRepeater::decide() {
  undecided_ = false;
  const auto several = [&] {
    for (std::int64_t i = 0; i < kStepsPerGraph; ++i) step_();
  };
  const Bytes before = save(regions_);
  several();
  const Bytes expected = save(regions_);
  try {
    graph_ = cuda::capture(several);
    restore(regions_, before);
    cuda::replay(graph_);
    if (save(regions_) == expected) {
      status_.what = fmt::format("{} steps per CUDA graph, equal to single steps to the last bit", kStepsPerGraph);
      status_.commands_per_step = graph_.commands / kStepsPerGraph;
      return;
    }
    status_.what = "single steps: a CUDA graph gave other numbers";
  } catch (const Error& e) {
    status_.what = fmt::format("single steps: {}", e.what());
  }
  status_.fell_back = true;
  graph_ = {};
  restore(regions_, expected);
}

}  // namespace scalelaw::inline models
