#include "train/measure.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "train/plan.hpp"
#include "train/stack.hpp"

namespace scalelaw {
namespace {

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

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
  const std::clock_t begin = std::clock();
  Stack stack = make_stack(setup, specs);
  const auto seconds_of_a_step = [&](double seconds) {
    const std::int64_t before = stack.step;
    const auto start = Clock::now();
    train(setup, stack, run_steps(specs.front()), [&] { return since(start) < seconds; });
    return since(start) / static_cast<double>((stack.step - before) * stack.members());
  };
  (void)seconds_of_a_step(kWarmUp_s);
  const double member_step_s = seconds_of_a_step(kMeasured_s);
  const auto start = Clock::now();
  std::size_t windows = 0;
  for (const std::vector<double>& losses : evaluate(setup, stack)) windows += losses.size();
  const double eval_token_s =
      since(start) / static_cast<double>(static_cast<std::int64_t>(windows) * first.model.context);
  const double busy_s = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  return {
      {"member_step_s", member_step_s}, {"eval_token_s", eval_token_s}, {"busy_s", busy_s}, {"engine", engine.reason}};
}

}  // namespace scalelaw
