// What only the backend that stands in for CUDA can show: graphs that fail or give other numbers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cuda/backend_emulated.hpp"
#include "cuda/job_fixture.hpp"
#include "models/step_repeater.hpp"
#include "train/measure.hpp"

namespace scalelaw::cuda {
namespace {

using testing::HasSubstr;

struct EmulatedCuda : testing::Test {
  EmulatedCuda() { emulated::settings() = {}; }
  ~EmulatedCuda() override { emulated::settings() = {}; }
};

TEST_F(EmulatedCuda, RepeatsAStepInGraphsOnceTheyAreChecked) {
  const Device device = open_device(DeviceKind::cuda);
  Buffer<double> state(device, 1);
  StepRepeater repeater(device, AskedGraph::automatic, 1000, {{.data = state.data(), .bytes = sizeof(double)}},
                        [&] { state.data()[0] += 1; });
  repeater.run(1);
  EXPECT_EQ(repeater.status().what, "");
  repeater.run(199);
  EXPECT_EQ(state.download()[0], 200);
  EXPECT_EQ(emulated::settings().captures, 1);
  EXPECT_EQ(emulated::settings().replays, (200 - 3) / StepRepeater::kStepsPerGraph);
  EXPECT_FALSE(repeater.status().fell_back);
  EXPECT_EQ(repeater.status().commands_per_step, emulated::kGraphCommands / StepRepeater::kStepsPerGraph);
}

TEST_F(EmulatedCuda, AGraphThatGivesOtherNumbersIsNotUsed) {
  const Device device = open_device(DeviceKind::cuda);
  Buffer<double> state(device, 1);
  double on_the_host = 0;  // the mistake: a value that only the host moves on
  const auto step = [&] { state.data()[0] += ++on_the_host; };
  StepRepeater repeater(device, AskedGraph::automatic, 1000, {{.data = state.data(), .bytes = sizeof(double)}}, step);
  constexpr std::int64_t kWarmUp = 3;
  repeater.run(kWarmUp + StepRepeater::kStepsPerGraph);
  EXPECT_EQ(state.download()[0], 19.0 * 20 / 2);  // as without a graph
  EXPECT_TRUE(repeater.status().fell_back);
  EXPECT_THAT(repeater.status().what, HasSubstr("gave other numbers"));
  const int replays = emulated::settings().replays;
  repeater.run(100);
  EXPECT_EQ(emulated::settings().replays, replays);
}

TEST_F(EmulatedCuda, AStepThatCannotBeRecordedIsRunByItself) {
  emulated::settings().capture_error = "operation not permitted when stream is capturing";
  const Device device = open_device(DeviceKind::cuda);
  Buffer<double> state(device, 1);
  StepRepeater repeater(device, AskedGraph::automatic, 1000, {{.data = state.data(), .bytes = sizeof(double)}},
                        [&] { state.data()[0] += 1; });
  repeater.run(200);
  EXPECT_EQ(state.download()[0], 200);
  EXPECT_TRUE(repeater.status().fell_back);
  EXPECT_THAT(repeater.status().what, HasSubstr("single steps: recording a graph failed: operation not permitted"));
}

TEST_F(EmulatedCuda, AJobsRecordsSayWhatWasUsed) {
  const JobRun result = run_on_cuda("cuda_job");
  EXPECT_THAT(result.notes, testing::IsEmpty());
  for (const auto& [id, record] : result.records) {
    const Json& context = record.at("context");
    EXPECT_EQ(context.at("device"), "cuda:0 emulated on the host");
    EXPECT_THAT(context.at("engine").get<std::string>(), HasSubstr("torch"));
    EXPECT_THAT(context.at("graph").get<std::string>(), HasSubstr("single steps"));  // of the short cooldown
  }
  EXPECT_GT(emulated::settings().replays, 0);  // of the trunk
}

TEST_F(EmulatedCuda, AMeasurementRecordsOneGraphBeforeItsClockRuns) {
  Job job;
  job.corpus = fresh_folder("measured_graph").string();
  job.device = DeviceKind::cuda;
  const Manifest manifest = synthetic::write_corpus(job.corpus);
  job.runs.push_back(synthetic::small_run(manifest.sha256, 0.01, 20));
  job.runs.front().data.eval_tokens = 64;
  (void)measure_job(job);
  EXPECT_EQ(emulated::settings().captures, 1);
  EXPECT_GT(emulated::settings().replays, 1);
}

TEST_F(EmulatedCuda, AJobWhoseGraphFailsGoesOnWithALine) {
  emulated::settings().capture_error = "no graphs today";
  const JobRun result = run_on_cuda("cuda_no_graph");
  ASSERT_EQ(result.notes.size(), 1U);
  EXPECT_THAT(result.notes[0], HasSubstr("no graphs today"));
  EXPECT_EQ(emulated::settings().captures, 1);  // not tried again
  for (const auto& [id, record] : result.records) {
    EXPECT_EQ(record.at("outcome").at("status"), "completed");
  }
}

}  // namespace
}  // namespace scalelaw::cuda
