// What jobs cost, by hand.
#include "study/cost.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"
#include "exec/estimate.hpp"
#include "records/job.hpp"
#include "records/shape.hpp"
#include "study/small_run.hpp"
#include "study/study_fixture.hpp"
#include "temp_folder.hpp"

namespace scalelaw::testing {
namespace {

using ::testing::HasSubstr;

const JobPlace kNative{.engine = AskedEngine::native}, kTorch{.engine = AskedEngine::torch}, kAuto;

/// Three members; the first has three budgets, the others one each.
std::vector<RunSpec> some_runs() {
  return {run(0.01, 1, 100), run(0.01, 2, 200), run(0.01, 1, 400), run(0.02, 1, 100), run(0.01, 1, 200)};
}

JobLimit limit_of(double bytes) { return {.bytes = bytes, .place = kNative}; }

TEST(MembersOf, RunsOfOneMemberDifferInTokensOnly) {
  const auto members = members_of(some_runs());
  ASSERT_EQ(members.size(), 3U);
  EXPECT_EQ(members[0].size(), 3U);
  EXPECT_EQ(members[1].front().seed, 2);
  EXPECT_EQ(members[2].front().optimizer.lr, 0.02);
  std::vector<RunSpec> cosine = some_runs();
  for (RunSpec& spec : cosine) spec.schedule.kind = ScheduleKind::cosine;
  EXPECT_EQ(members_of(cosine).size(), 5U) << "no trunk, and another warmup fraction: members of their own";
  for (RunSpec& spec : cosine) spec.optimizer.warmup_fraction = 0.05;
  EXPECT_EQ(members_of(cosine).size(), 3U);
}

TEST(MembersOf, OrderDoesNotDependOnThatOfTheRuns) {
  std::vector<RunSpec> runs = some_runs();
  const auto members = members_of(runs);
  std::ranges::reverse(runs);
  const auto again = members_of(runs);
  ASSERT_EQ(again.size(), members.size());
  for (std::size_t m = 0; m < members.size(); ++m) EXPECT_EQ(job_id(again[m]), job_id(members[m]));
}

TEST(JobSeconds, CountsTrunksOnceAndEvaluationsPerRun) {
  const Speed speed{.start_s = 3, .member_step_s = 0.5, .eval_token_s = 0.001, .engine = ""};
  const double fraction = run(0.01, 1, 100).schedule.cooldown_fraction;
  ASSERT_DOUBLE_EQ(fraction, 0.2);
  // Trunks: 0.8 x 400, 0.8 x 200 and 0.8 x 100 steps; cooldowns: 0.2 x (100 + 200 + 400 + 200 + 100).
  EXPECT_DOUBLE_EQ(job_seconds(some_runs(), speed), 3 + 0.5 * (320 + 160 + 80 + 200) + 0.001 * 5000);
  std::vector<RunSpec> cosine = some_runs();
  for (RunSpec& spec : cosine) spec.schedule.kind = ScheduleKind::cosine;
  EXPECT_DOUBLE_EQ(job_seconds(cosine, speed), 3 + 0.5 * 1000 + 0.001 * 5000);
  EXPECT_DOUBLE_EQ(job_seconds({run(0.01, 1, 100)}, speed), 3 + 0.5 * 100 + 1);
}

TEST(JobSeconds, AgreeWithTheFlopsThatArePlanned) {
  const Speed speed{.start_s = 0, .member_step_s = 2, .eval_token_s = 0, .engine = ""};
  const double flops_per_step = 6 * 64 * static_cast<double>(count_params(run(0.01, 1, 100).model).total);
  EXPECT_DOUBLE_EQ(job_seconds(some_runs(), speed) / 2, training_flops(some_runs()) / flops_per_step);
}

TEST(ScheduleSeconds, EachWorkerTakesTheNextJob) {
  EXPECT_DOUBLE_EQ(schedule_seconds({3, 2, 1}, 1), 6);
  EXPECT_DOUBLE_EQ(schedule_seconds({3, 2, 1}, 2), 3);
  EXPECT_DOUBLE_EQ(schedule_seconds({5, 4, 3, 3}, 2), 8);
  EXPECT_DOUBLE_EQ(schedule_seconds({5, 4, 3, 3}, 9), 5);
  EXPECT_DOUBLE_EQ(schedule_seconds({}, 2), 0);
}

TEST(JobBytes, GrowWithMembersByTheirParametersAndWithTheTorchEngineByTheirTokens) {
  const double params = static_cast<double>(count_params(run(0.01, 1, 100).model).total);
  const std::vector<RunSpec> one{run(0.01, 1, 100), run(0.01, 1, 200)}, two{run(0.01, 1, 100), run(0.02, 1, 100)};
  EXPECT_DOUBLE_EQ(job_bytes(one, kNative), job_bytes({one.front()}, kNative)) << "branches come one after another";
  EXPECT_DOUBLE_EQ(job_bytes(two, kNative) - job_bytes(one, kNative), 80 * params + 2 * 16 * 64);
  EXPECT_GT(job_bytes(two, kTorch) - job_bytes(one, kTorch), job_bytes(two, kNative) - job_bytes(one, kNative));
  EXPECT_EQ(job_bytes(one, kAuto), job_bytes(one, kNative));
  std::vector<RunSpec> wide = one;
  for (RunSpec& spec : wide) spec.model.context = 1024;  // not for the native engine
  EXPECT_EQ(job_bytes(wide, kAuto), job_bytes(wide, kTorch));
}

TEST(SplitToFit, KeepsMembersWholeAndEachPartFits) {
  std::vector<RunSpec> runs;
  for (int seed = 0; seed < 7; ++seed) {
    for (const std::int64_t steps : {100, 200}) runs.push_back(run(0.01, seed, steps));
  }
  const double one = job_bytes({runs.front()}, kNative), all = job_bytes(runs, kNative);
  std::size_t fewest = 0;
  for (int step = 0; step <= 20; ++step) {
    const JobLimit limit = limit_of(all + (one - all) * step / 20);
    const auto parts = split_to_fit(runs, limit);
    EXPECT_GE(parts.size(), fewest);
    fewest = parts.size();
    std::set<std::string> seen;
    std::size_t smallest = 7, largest = 0;
    for (const auto& part : parts) {
      EXPECT_TRUE(fits(part, limit));
      const auto members = members_of(part);
      smallest = std::min(smallest, members.size());
      largest = std::max(largest, members.size());
      for (const auto& member : members) EXPECT_EQ(member.size(), 2U) << "both budgets of a member stay together";
      for (const RunSpec& spec : part) EXPECT_TRUE(seen.insert(run_id(spec)).second);
    }
    EXPECT_EQ(seen.size(), runs.size());
    EXPECT_LE(largest - smallest, 1U);
    if (parts.size() > 1) {  // no fewer would have fitted
      const std::size_t larger = (7 + parts.size() - 2) / (parts.size() - 1);
      EXPECT_GT(one + static_cast<double>(larger - 1) * (all - one) / 6, limit.bytes);
    }
    std::vector<RunSpec> turned = runs;
    std::ranges::reverse(turned);
    const auto again = split_to_fit(turned, limit);
    ASSERT_EQ(again.size(), parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) EXPECT_EQ(job_id(again[i]), job_id(parts[i]));
  }
  EXPECT_EQ(fewest, 7U);
}

TEST(SplitToFit, LargeJobsBecomeSeveralOfAtLeastTheLimitsFlops) {
  std::vector<RunSpec> runs;
  for (int seed = 0; seed < 6; ++seed) runs.push_back(run(0.01, seed, 100));
  const double one = training_flops({runs.front()});
  const auto parts_at = [&](double flops) {
    return split_to_fit(runs, {.bytes = 0, .flops = flops, .place = kNative}).size();
  };
  EXPECT_EQ(parts_at(0), 1U) << "no limit";
  EXPECT_EQ(parts_at(7 * one), 1U);
  EXPECT_EQ(parts_at(3.1 * one), 1U);
  EXPECT_EQ(parts_at(2.9 * one), 2U);
  EXPECT_EQ(parts_at(1.9 * one), 3U);
  EXPECT_EQ(parts_at(0.1 * one), 6U) << "a member is never cut";
  const double two = job_bytes({runs[0], runs[1]}, kNative);
  EXPECT_EQ(split_to_fit(runs, {.bytes = two, .flops = 2.9 * one, .place = kNative}).size(), 3U) << "memory, too";
}

TEST(SplitToFit, AMemberThatDoesNotFitIsAConfigError) {
  const std::string message =
      error_of(ExitCode::usage, [] { (void)split_to_fit(some_runs(), limit_of(200.0 * 1048576)); });
  EXPECT_THAT(message, HasSubstr("d32 L2: one run takes "));
  EXPECT_THAT(message, HasSubstr("a worker may take 200 MiB; raise backend.memory_mib"));
  EXPECT_EQ(split_to_fit(some_runs(), {}).size(), 1U) << "no limit";
}

TEST(WorkerBytes, AreAnEqualShareOfWhatMayBeTaken) {
  BackendConfig backend;
  Environment environment;
  EXPECT_EQ(worker_bytes(backend, 2, environment), 0) << "unknown memory";
  environment.memory_bytes = 2e10;
  EXPECT_DOUBLE_EQ(worker_bytes(backend, 2, environment), 0.9e10);
  backend.memory_mib = 1000;
  EXPECT_DOUBLE_EQ(worker_bytes(backend, 4, environment), 250.0 * 1048576);
  EXPECT_GT(probe_environment().memory_bytes, 1e8);
}

TEST(JobLimit, HoldsForTheStudysOwnTrainerOnACpu) {
  StudyConfig config;
  Environment environment{.cpu_trainer = "/b/scalelaw-trainer",
                          .cuda_trainer = "/b/scalelaw-trainer-cuda",
                          .cuda_devices = 1,
                          .cores = 4,
                          .memory_bytes = 4e10};
  config.backend.kind = BackendKind::train;
  config.backend.device = AskedDevice::cpu;
  EXPECT_DOUBLE_EQ(job_limit(config, environment, nullptr).bytes, 0.9e10);
  const double flops = job_limit(config, environment, nullptr).flops;
  EXPECT_GT(flops, 0);
  environment.cores = 64;
  EXPECT_EQ(job_limit(config, environment, nullptr).flops, flops) << "jobs do not depend on the number of workers";
  environment.cores = 4;
  config.training.threads_per_worker = 2;
  config.training.trainer.engine = AskedEngine::torch;
  EXPECT_DOUBLE_EQ(job_limit(config, environment, nullptr).bytes, 1.8e10);
  config.training.trainer.micro_tokens = 128;
  EXPECT_EQ(job_limit(config, environment, nullptr).place.engine, AskedEngine::torch);
  EXPECT_EQ(job_limit(config, environment, nullptr).place.micro_tokens, 128);
  for (const BackendKind kind : {BackendKind::simulate, BackendKind::command, BackendKind::automatic}) {
    config.backend.kind = kind;
    EXPECT_EQ(job_limit(config, environment, nullptr).bytes, 0) << kind;
  }
}

TEST(JobLimit, OnCudaIsAShareOfTheDevice) {
  StudyConfig config;
  config.training.trainer.micro_tokens = 128;
  const CorpusFacts corpus{std::string(64, 'a'), 7000000, 1000000};
  Environment environment;
  environment.cuda_trainer = "/b/scalelaw-trainer-cuda";
  environment.cuda_devices = 2;
  for (const BackendKind kind : {BackendKind::automatic, BackendKind::train}) {
    config.backend = {.kind = kind};
    environment.device_bytes = 0;
    EXPECT_EQ(job_limit(config, environment, &corpus).bytes, 0) << "unknown memory";
    environment.device_bytes = 8e10;
    const JobLimit limit = job_limit(config, environment, &corpus);
    EXPECT_DOUBLE_EQ(limit.bytes, 7.2e10);
    EXPECT_EQ(limit.flops, 0) << "stacking pays on a device";
    EXPECT_EQ(limit.place.device, DeviceKind::cuda);
    EXPECT_EQ(limit.place.corpus_bytes, 8e6);
    EXPECT_EQ(limit.place.micro_tokens, 128);
    EXPECT_EQ(job_limit(config, environment, nullptr).place.corpus_bytes, 0);
    config.backend.jobs_per_device = 4;
    EXPECT_DOUBLE_EQ(job_limit(config, environment, &corpus).bytes, 1.8e10);
    config.backend.workers = 5;  // at most three on one of two devices
    EXPECT_DOUBLE_EQ(job_limit(config, environment, &corpus).bytes, 2.4e10);
    config.backend.device_memory_mib = 3000;
    EXPECT_DOUBLE_EQ(job_limit(config, environment, &corpus).bytes, 1000.0 * 1048576);
  }
}

TEST(JobBytes, OnCudaGrowWithMembersAndHoldTheCorpus) {
  const std::vector<RunSpec> one{run(0.01, 1, 100), run(0.01, 1, 200)}, two{run(0.01, 1, 100), run(0.02, 1, 100)};
  const JobPlace empty{.device = DeviceKind::cuda}, corpus{.device = DeviceKind::cuda, .corpus_bytes = 5e6};
  EXPECT_DOUBLE_EQ(job_bytes(one, corpus) - job_bytes(one, empty), 5e6);
  const double params = static_cast<double>(count_params(one.front().model).total);
  EXPECT_GT(job_bytes(two, empty) - job_bytes(one, empty), 32 * params);
  RunSpec bf16 = one.front();
  bf16.precision = Precision::bf16;
  EXPECT_GT(job_bytes({bf16}, empty), job_bytes(one, empty)) << "copies in bf16 beside masters in fp32";
  const JobLimit limit{.bytes = job_bytes(one, empty), .place = empty};
  EXPECT_EQ(split_to_fit(two, limit).size(), 2U);
  const std::string error =
      error_of(ExitCode::usage, [&] { (void)split_to_fit(two, {.bytes = 0.5 * limit.bytes, .place = empty}); });
  EXPECT_THAT(error, HasSubstr("on a CUDA device"));
  EXPECT_THAT(error, HasSubstr("jobs_per_device"));
}

TEST(SpeedKey, DependsOnWhatASpeedDependsOn) {
  const WorkerSetup setup;
  const std::vector<RunSpec> runs = some_runs();
  std::set<std::string> keys{speed_key(runs, setup)};
  std::vector<RunSpec> longer = runs;
  for (RunSpec& spec : longer) spec.data.tokens *= 2;
  for (RunSpec& spec : longer) spec.optimizer.warmup_fraction /= 2;
  EXPECT_FALSE(keys.insert(speed_key(longer, setup)).second) << "not on the length of runs";
  const auto with = [&](auto change) {
    std::vector<RunSpec> changed = runs;
    WorkerSetup workers = setup;
    change(changed, workers);
    EXPECT_TRUE(keys.insert(speed_key(changed, workers)).second);
  };
  with([](auto& r, auto&) { r.front().model.d_model = 64; });
  with([](auto& r, auto&) { r.front().model.vocab = 100; });
  with([](auto& r, auto&) { r.front().data.batch_tokens = 128; });
  with([](auto& r, auto&) { r.front().precision = Precision::bf16; });
  with([](auto& r, auto&) { r.erase(r.begin() + 3); });  // the only run of a member
  with([](auto&, auto& w) { w.workers = 2; });
  with([](auto&, auto& w) { w.threads = 2; });
  with([](auto&, auto& w) { w.trainer.engine = AskedEngine::torch; });
  with([](auto&, auto& w) { w.trainer.micro_tokens = 32; });
  with([](auto&, auto& w) { w.device = DeviceKind::cuda; });
}

TEST(SpeedKey, OfCudaDependsOnTheDeviceAndHowItIsShared) {
  const WorkerSetup setup{.device = DeviceKind::cuda, .cuda_name = "Device A"};
  const std::vector<RunSpec> runs = some_runs();
  std::set<std::string> keys{speed_key(runs, setup)};
  const auto with = [&](auto change) {
    WorkerSetup workers = setup;
    change(workers);
    EXPECT_TRUE(keys.insert(speed_key(runs, workers)).second);
  };
  with([](auto& w) { w.cuda_name = "Device B"; });
  with([](auto& w) { w.workers = 2; });
  with([](auto& w) { w.workers = w.devices = 2; });
  with([](auto& w) { w.trainer.graph = AskedGraph::off; });
}

TEST(SpeedTable, IsReadAsWrittenAndEmptyWhereUnreadable) {
  const auto file = fresh_folder("speeds") / "sub" / "speeds.json";
  EXPECT_TRUE(read_speeds(file).empty());
  EXPECT_TRUE(read_speeds({}).empty());
  const SpeedTable table{{"a", {.start_s = 0.25, .member_step_s = 1.0 / 3, .eval_token_s = 1e-7, .engine = "native"}},
                         {"b", {.start_s = 0, .member_step_s = 2, .eval_token_s = 0, .engine = ""}}};
  write_speeds(file, table);
  const SpeedTable again = read_speeds(file);
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again.at("a").start_s, 0.25);
  EXPECT_EQ(again.at("a").member_step_s, 1.0 / 3);
  EXPECT_EQ(again.at("a").eval_token_s, 1e-7);
  EXPECT_EQ(again.at("a").engine, "native");
  for (const char* text :
       {"", "{", "[]", "{\"speeds\": 3}", "{\"speeds\": {\"a\": {\"member_step_s\": -1}}}",
        "{\"speeds\": {\"a\": {\"member_step_s\": \"x\"}}}", "{\"speeds\": {\"a\": {\"other\": 1}}}"}) {
    write_file_atomic(file, text);
    EXPECT_TRUE(read_speeds(file).empty()) << text;
  }
}

TEST(SpeedTable, LiesInTheUsersCache) {
  const char* before = std::getenv("XDG_CACHE_HOME");
  const std::string kept = before == nullptr ? "" : before;
  ::setenv("XDG_CACHE_HOME", "/some/cache", 1);
  EXPECT_EQ(speed_table_file(), "/some/cache/scalelaw/speeds.json");
  ::unsetenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  EXPECT_EQ(speed_table_file(), home == nullptr || *home == '\0'
                                    ? std::filesystem::path()
                                    : std::filesystem::path(home) / ".cache/scalelaw/speeds.json");
  if (before != nullptr) ::setenv("XDG_CACHE_HOME", kept.c_str(), 1);
}

}  // namespace
}  // namespace scalelaw::testing
