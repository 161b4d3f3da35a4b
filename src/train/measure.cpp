#include "train/measure.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "train/plan.hpp"
#include "train/stack.hpp"

namespace scalelaw {
namespace {

/// Seconds since it was made: by the clock, or of the processor where these are fewer, since a thread then waited for
/// programs that have nothing to do with training.
class Watch {
 public:
  [[nodiscard]] double seconds() const {
    return std::min(std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(), processor_s());
  }
  [[nodiscard]] double processor_s() const {
    return static_cast<double>(std::clock() - processor_start_) / CLOCKS_PER_SEC;
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::clock_t processor_start_ = std::clock();
};

}  // namespace

Json measure_job(const Job& job) {
  check_job(job);
  constexpr double kWarmUp_s = 0.15, kMeasured_s = 0.5;
  constexpr std::int64_t kEvalTokens = 16384;  // of all members, at least a window each
  const Corpus corpus = load_corpus(job.corpus);
  const Device device = open_device(job.device);
  const RunSpec& first = job.runs.front();
  const EngineChoice engine = choose_engine(job.engine, first.model, device, first.precision);
  const StackSetup setup = make_setup(first.model, device, first.precision, engine, corpus, 1);

  std::vector<RunSpec> specs;
  const Plan plan = make_plan(job);
  for (const std::vector<std::size_t>& runs : plan.members) {
    RunSpec spec = job.runs[runs.back()];
    spec.data.tokens = spec.data.batch_tokens << 30U;  // more steps than are taken
    spec.data.eval_tokens = std::min(spec.data.eval_tokens, kEvalTokens / std::ssize(plan.members));
    specs.push_back(spec);
  }
  const Watch whole;
  Stack stack = make_stack(setup, specs);
  const auto seconds_of_a_step = [&](double seconds) {
    const std::int64_t before = stack.step;
    const Watch watch;
    train(setup, stack, run_steps(specs.front()), [&] { return watch.seconds() < seconds; });
    return watch.seconds() / static_cast<double>((stack.step - before) * stack.members());
  };
  (void)seconds_of_a_step(kWarmUp_s);
  const double member_step_s = seconds_of_a_step(kMeasured_s);
  const Watch watch;
  std::int64_t tokens = 0;
  for (const std::vector<double>& losses : evaluate(setup, stack)) tokens += std::ssize(losses) * first.model.context;
  const double eval_token_s = watch.seconds() / static_cast<double>(tokens);
  return {{"member_step_s", member_step_s},
          {"eval_token_s", eval_token_s},
          {"busy_s", whole.processor_s()},
          {"engine", engine.reason}};
}

}  // namespace scalelaw
