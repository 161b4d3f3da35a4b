#include "train/measure.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "train/stack.hpp"
#include "train/trunk_plan.hpp"

namespace scalelaw::inline train {
namespace {

/// Seconds since it was made. On a CPU by the clock, or of the processor where these are fewer, since a thread then
/// waited for programs that have nothing to do with training. On CUDA by the clock: the processor may rest or spin
/// while the device works.
class Watch {
 public:
  explicit Watch(DeviceKind kind) : kind_(kind) {}
  [[nodiscard]] double seconds() const {
    return kind_ == DeviceKind::cuda ? clock_s() : std::min(clock_s(), processor_s());
  }
  /// Of the process: by the clock on CUDA.
  [[nodiscard]] double busy_s() const { return kind_ == DeviceKind::cuda ? clock_s() : processor_s(); }

 private:
  [[nodiscard]] double clock_s() const {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  [[nodiscard]] double processor_s() const {
    return static_cast<double>(std::clock() - processor_start_) / CLOCKS_PER_SEC;
  }

  DeviceKind kind_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::clock_t processor_start_ = std::clock();
};

double eval_token_seconds(const StackSetup& setup, const Stack& stack) {
  const DeviceKind kind = setup.device.kind;
  if (kind == DeviceKind::cuda) (void)evaluate(setup, stack);  // libraries set themselves up
  const Watch watch(kind);
  std::int64_t tokens = 0;
  for (const std::vector<double>& losses : evaluate(setup, stack)) {
    tokens += std::ssize(losses) * setup.layout.model.context;
  }
  return watch.seconds() / static_cast<double>(tokens);
}

}  // namespace

double step_seconds(const StackSetup& setup, Stack& stack, double seconds) {
  constexpr double kWarmUp_s = 0.15;
  const DeviceKind kind = setup.device.kind;
  Watch watch(kind);
  bool warm = false;
  std::int64_t first = stack.step;
  train_stack(setup, stack, run_steps(stack.specs.front()), [&] {
    if (warm) return watch.seconds() < seconds;
    const bool decided = kind == DeviceKind::cpu || !stack.repetition.what.empty();
    if (decided && watch.seconds() >= kWarmUp_s) {
      warm = true;
      first = stack.step;
      watch = Watch(kind);
    }
    return true;
  });
  return watch.seconds() / static_cast<double>(stack.step - first);
}

Json measure_job(const Job& job) {
  check_job(job);
  const Corpus corpus = load_corpus(job.corpus);
  const Device device = open_device(job.device);
  const RunSpec& first = job.runs.front();
  const EngineChoice engine = engine_of(job, device);
  StackSetup setup = make_setup(first.model, device, first.precision, engine, corpus, 1);
  setup.graph = job.trainer.graph;
  setup.micro_tokens = job.trainer.micro_tokens;

  const bool cuda = device.kind == DeviceKind::cuda;
  const std::int64_t eval_tokens = cuda ? kDeviceEvalTokens : 16384;  // of all members, at least a window each
  std::vector<RunSpec> specs;
  const TrunkPlan plan = plan_trunk(job);
  for (const std::vector<std::size_t>& runs : plan.members) {
    RunSpec spec = job.runs[runs.back()];
    spec.data.tokens = spec.data.batch_tokens << 30U;  // more steps than are taken
    spec.data.eval_tokens = std::min(spec.data.eval_tokens, eval_tokens / std::ssize(plan.members));
    specs.push_back(spec);
  }
  const Watch whole(device.kind);
  Stack stack = make_stack(setup, specs);
  constexpr double kMeasured_s = 0.5;
  const double member_step_s = step_seconds(setup, stack, kMeasured_s) / static_cast<double>(stack.members());
  const double eval_token_s = eval_token_seconds(setup, stack);
  return {{"member_step_s", member_step_s},
          {"eval_token_s", eval_token_s},
          {"busy_s", whole.busy_s()},
          {"engine", cuda ? fmt::format("{}, {}", engine.reason, stack.repetition.what) : engine.reason}};
}

}  // namespace scalelaw::inline train
