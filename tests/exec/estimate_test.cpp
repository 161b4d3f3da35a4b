// The time of a study: on CPU workers, and on CUDA by measurements, by a table, and where nothing is known.
#include "exec/estimate.hpp"

#include <gmock/gmock.h>

#include "core/format.hpp"
#include "study/study_fixture.hpp"

namespace scalelaw::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::vector<RunSpec> runs_of(const StudyConfig& config) {
  std::vector<RunSpec> runs;
  for (const PlannedRun& planned : make_plan(config, nullptr).runs) runs.push_back(planned.spec);
  return runs;
}

StudyConfig cuda_config() {
  StudyConfig config = small_config();
  config.backend = {.kind = BackendKind::train, .device = AskedDevice::cuda};
  return config;
}

const Environment kNoDevice{.cpu_trainer = "", .cuda_trainer = "", .cores = 4};
const Environment kTwoDevices{
    .cpu_trainer = "", .cuda_trainer = "/b/scalelaw-trainer-cuda", .cuda_devices = 2, .cuda_name = "Device A"};

StudyEstimate estimate(const StudyConfig& config, const Environment& environment, const SpeedTable& speeds = {},
                       const std::optional<StepLaw>& law = {}) {
  return estimate_study(config, runs_of(config), environment, nullptr, speeds, law);
}

/// A speed for every kind of job, and the seconds of each job.
SpeedTable some_speeds(const StudyEstimate& e, std::vector<double>& seconds) {
  SpeedTable speeds;
  for (const JobPlan& job : e.jobs) {
    Speed& speed = speeds[speed_key(job.runs, e.workers)];
    speed = {
        .start_s = 1, .member_step_s = 1e-3 * static_cast<double>(speeds.size()), .eval_token_s = 0, .engine = "e"};
    seconds.push_back(job_seconds(job.runs, speed));
  }
  return speeds;
}

StepLaw some_law() {
  return {.device = "Device B",
          .torch = "2.11.0",
          .precision = Precision::fp32,
          .graph = AskedGraph::automatic,
          .rows = 12,
          .launch_s_per_layer = 1e-4,
          .s_per_flop = 1e-12,
          .rms_error = 0.0512,
          .least_flops = 1,
          .most_flops = 1e15};
}

TEST(EstimateOnACpu, TakesMeasuredSpeedsAndAssumesTheOthers) {
  StudyConfig config = small_config();
  config.training.flops_per_s = 1e9;
  const Environment environment{.cpu_trainer = "", .cuda_trainer = "", .cores = 2};
  const StudyEstimate assumed = estimate(config, environment);
  ASSERT_EQ(assumed.jobs.size(), 3U);
  EXPECT_EQ(time_basis(assumed), "assumed");
  EXPECT_DOUBLE_EQ(
      assumed.seconds.value(),
      schedule_seconds({assumed.jobs[0].flops / 1e9, assumed.jobs[1].flops / 1e9, assumed.jobs[2].flops / 1e9}, 2));
  EXPECT_EQ(describe_time(assumed, config),
            "about 37s on 2 CPU workers (an estimate: 10⁹ FLOP/s each, training.flops_per_s; plan --measure measures "
            "this machine)");
  std::vector<double> seconds;
  SpeedTable speeds = some_speeds(assumed, seconds);
  const StudyEstimate measured = estimate(config, environment, speeds);
  EXPECT_EQ(measured.measured, 3);
  EXPECT_EQ(time_basis(measured), "measured");
  EXPECT_DOUBLE_EQ(measured.seconds.value(), schedule_seconds(seconds, 2));
  EXPECT_EQ(describe_time(measured, config), "about 3s on 2 CPU workers (measured on this machine, e)");
  EXPECT_EQ(shape_name(measured.jobs[measured.largest].runs.front().model), "d32 L2");
  EXPECT_EQ(measured.peak_bytes, job_bytes(measured.jobs[measured.largest].runs, JobPlace()));
  EXPECT_THAT(describe_memory(measured), HasSubstr("in one CPU process (d32 L2, 12 runs)"));
  speeds.erase(speeds.begin());
  const StudyEstimate partly = estimate(config, environment, speeds);
  EXPECT_EQ(time_basis(partly), "measured+assumed");
  EXPECT_THAT(describe_time(partly, config),
              HasSubstr("(2 of 3 jobs measured on this machine, the others at 10⁹ FLOP/s each, "));
}

TEST(EstimateOnACpu, NamesMicroBatchesAndCountsTheirMemory) {
  StudyConfig config = small_config();
  config.backend.kind = BackendKind::train;
  config.backend.device = AskedDevice::cpu;
  config.training.trainer.engine = AskedEngine::torch;
  Environment environment{.cpu_trainer = "/b/scalelaw-trainer", .cuda_trainer = "", .cores = 1, .memory_bytes = 1e12};
  const StudyEstimate whole = estimate(config, environment);
  EXPECT_THAT(describe_memory(whole), Not(HasSubstr("at once")));
  const double alone = job_bytes({whole.jobs[whole.largest].runs.front()}, whole.limit.place);
  environment.memory_bytes = (alone - 1) / 0.9;
  const StudyEstimate parts = estimate(config, environment);
  EXPECT_LE(parts.peak_bytes, alone - 1);
  EXPECT_THAT(describe_memory(parts), HasSubstr("\nmemory: d32 L2: a step of one run takes 128 of its 256 tokens"));
  std::vector<double> seconds;
  const SpeedTable speeds = some_speeds(whole, seconds);  // of jobs with whole batches
  EXPECT_LT(estimate(config, environment, speeds).measured, std::ssize(parts.jobs)) << "another speed";
}

TEST(EstimateOnACpu, IsWhatOtherProgramsAndSimulatedStudiesGet) {
  for (const BackendKind kind : {BackendKind::command, BackendKind::simulate}) {
    StudyConfig config = small_config();
    config.backend = {.kind = kind, .device = AskedDevice::cuda};
    const StudyEstimate e = estimate(config, kTwoDevices);
    EXPECT_EQ(e.workers.device, DeviceKind::cpu) << kind;
    EXPECT_TRUE(e.seconds) << kind;
  }
  StudyConfig config = small_config();
  config.backend = {.kind = BackendKind::automatic};
  EXPECT_EQ(estimate(config, kNoDevice).workers.device, DeviceKind::cpu);
  EXPECT_EQ(estimate(config, kTwoDevices).workers.device, DeviceKind::cuda);
}

TEST(EstimateOnCuda, WhereNothingIsKnownNamesTheWaysToKnow) {
  const StudyEstimate elsewhere = estimate(cuda_config(), kNoDevice);
  EXPECT_FALSE(elsewhere.seconds);
  EXPECT_GT(elsewhere.flops, 0);
  EXPECT_EQ(time_basis(elsewhere), "unknown");
  EXPECT_EQ(elsewhere.workers.workers, 1) << "not the cores of this machine";
  EXPECT_EQ(describe_time(elsewhere, cuda_config()),
            "time not measured on a CUDA device; on the machine with the device run 'scalelaw plan CONFIG --measure', "
            "or phase 4 of run.sh, whose table 'plan CONFIG --speeds FILE' reads here (docs/CUDA.md)");
  const StudyEstimate here = estimate(cuda_config(), kTwoDevices);
  EXPECT_EQ(here.workers.workers, 2);
  EXPECT_EQ(describe_time(here, cuda_config()), "time not measured on Device A; plan --measure measures it here");
}

TEST(EstimateOnCuda, TakesWhatWasMeasuredOnTheDevice) {
  StudyConfig config = cuda_config();
  config.backend.jobs_per_device = 2;
  std::vector<double> seconds;
  const StudyEstimate before = estimate(config, kTwoDevices);
  SpeedTable speeds = some_speeds(before, seconds);
  const StudyEstimate measured = estimate(config, kTwoDevices, speeds);
  EXPECT_EQ(time_basis(measured), "measured");
  EXPECT_DOUBLE_EQ(measured.seconds.value(), schedule_seconds(seconds, 4));
  EXPECT_THAT(describe_time(measured, config), HasSubstr("on 4 CUDA workers (measured on Device A, e)"));
  Environment other = kTwoDevices;
  other.cuda_name = "Device C";
  EXPECT_FALSE(estimate(config, other, speeds).seconds);
  speeds.erase(speeds.begin());
  const StudyEstimate partly = estimate(config, kTwoDevices, speeds);
  EXPECT_FALSE(partly.seconds) << "a sum without one of its terms is no estimate";
  EXPECT_THAT(describe_time(partly, config), HasSubstr("time not measured on Device A for 1 of 3 jobs; "));
}

TEST(EstimateOnCuda, TakesTheLawOfATableWhereNothingWasMeasured) {
  const StudyConfig config = cuda_config();
  const StepLaw law = some_law();
  const StudyEstimate e = estimate(config, kNoDevice, {}, law);
  double sum = 0;
  for (const JobPlan& job : e.jobs) sum += job_seconds(job.runs, speed_by_law(law, job.runs));
  EXPECT_DOUBLE_EQ(e.seconds.value(), sum);
  EXPECT_EQ(time_basis(e), "table");
  EXPECT_EQ(e.predicted->jobs, 3);
  EXPECT_EQ(
      describe_time(e, config),
      fmt::format("about {} on 1 CUDA worker (by a line through 12 rows of fp32, graph auto, measured on Device B, "
                  "torch 2.11.0, and off by 5.1 % rms; without the start of processes)",
                  short_duration(sum)));
  std::vector<double> seconds;
  SpeedTable speeds = some_speeds(e, seconds);  // made on a machine with Device B
  EXPECT_EQ(time_basis(estimate(config, kNoDevice, speeds, law)), "measured");
  speeds.erase(speeds.begin());
  const StudyEstimate both = estimate(config, kTwoDevices, speeds, law);
  EXPECT_EQ(both.measured, 0) << "two devices share the jobs: other speeds than those measured on one";
  const StudyEstimate partly = estimate(config, kNoDevice, speeds, law);
  EXPECT_EQ(time_basis(partly), "measured+table");
  EXPECT_THAT(describe_time(partly, config), HasSubstr("2 of 3 jobs measured on Device B, the others by a line"));
}

TEST(EstimateOnCuda, WorkersThatShareADeviceTakeTurnsInATable) {
  StudyConfig config = cuda_config();
  const StudyEstimate alone = estimate(config, kNoDevice, {}, some_law());
  EXPECT_THAT(describe_time(alone, config), Not(HasSubstr("taking turns")));
  config.backend.jobs_per_device = 3;
  const StudyEstimate shared = estimate(config, kNoDevice, {}, some_law());
  EXPECT_EQ(shared.workers.workers, 3);
  EXPECT_DOUBLE_EQ(shared.seconds.value(), alone.seconds.value()) << "the device has the same work to do";
  EXPECT_THAT(describe_time(shared, config), HasSubstr("workers that share a device counted as taking turns"));
}

TEST(EstimateOnCuda, SaysWhichJobsLieOutsideTheTable) {
  StepLaw law = some_law();
  const StudyEstimate within = estimate(cuda_config(), kNoDevice, {}, law);
  std::vector<double> flops;
  for (const JobPlan& job : within.jobs) flops.push_back(step_flops(job.runs));
  std::ranges::sort(flops);
  law.least_flops = law.most_flops = flops[1];
  const StudyEstimate e = estimate(cuda_config(), kNoDevice, {}, law);
  EXPECT_EQ(e.predicted->below, 1);
  EXPECT_EQ(e.predicted->above, 1);
  const std::string text = describe_time(e, cuda_config());
  EXPECT_THAT(text, HasSubstr("outside the table: 1 of 3 jobs with fewer FLOPs a step"));
  EXPECT_THAT(text, HasSubstr("outside the table: 1 of 3 jobs with more FLOPs a step"));
}

}  // namespace
}  // namespace scalelaw::testing
