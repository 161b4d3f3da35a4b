#include "exec/run.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cmath>
#include <thread>

#include "core/rng.hpp"
#include "error_of.hpp"
#include "os/unique_fd.hpp"
#include "records/shape.hpp"
#include "study/fake_trainer.hpp"
#include "study/status.hpp"
#include "study/study_fixture.hpp"

namespace scalelaw::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::size_t kRuns = 3 * 3 * 2 * 2;

class RunStudy : public StudyTest {};

TEST_F(RunStudy, MakesEveryRunOnceAndNothingOnASecondCall) {
  const StudySummary first = run_study(small_config(), options(folder_));
  EXPECT_EQ(first.planned, std::ssize(losses(folder_)));
  EXPECT_EQ(first.made, static_cast<std::int64_t>(kRuns));
  EXPECT_EQ(first.exit_code(), ExitCode::ok);
  EXPECT_THAT(trace(folder_, "job "), SizeIs(3)) << "one job for each shape";
  const auto made = losses(folder_);

  const StudySummary second = run_study(small_config(), options(folder_));
  EXPECT_EQ(second.before, static_cast<std::int64_t>(kRuns));
  EXPECT_EQ(second.made, 0);
  EXPECT_FALSE(second.config_changed);
  EXPECT_EQ(losses(folder_), made);
  EXPECT_THAT(trace(folder_, "job "), SizeIs(3)) << "a job with nothing missing is not started";
}

/// What two members of the largest shape (d32 L2) take; a worker's share of two.
StudyConfig config_with_room_for_two() {
  StudyConfig config = small_config();
  config.backend.kind = BackendKind::train;
  config.backend.device = AskedDevice::cpu;
  config.training.trainer.engine = AskedEngine::native;
  std::vector<RunSpec> two;
  for (const PlannedRun& run : make_plan(config, nullptr).runs) {
    const RunSpec& spec = run.spec;
    if (spec.model.d_model == 32 && spec.optimizer.lr == 0.004) two.push_back(spec);  // both seeds
  }
  const double mib = std::ceil(job_bytes(two, {.engine = AskedEngine::native}) / 1048576);
  config.backend.workers = 2;
  config.backend.memory_mib = static_cast<std::int64_t>(2 * mib);
  return config;
}

TEST_F(RunStudy, JobsThatWouldNotFitAreSplitAndOtherLimitsLoseNothing) {
  StudyConfig config = config_with_room_for_two();
  EXPECT_EQ(run_study(config, options(folder_)).exit_code(), ExitCode::ok);
  EXPECT_THAT(losses(folder_), SizeIs(kRuns));
  const std::size_t jobs = trace(folder_, "job ").size();
  EXPECT_GT(jobs, 3U) << "one shape is split";
  const auto made = losses(folder_);
  for (const std::int64_t mib : {0L, 4 * config.backend.memory_mib, config.backend.memory_mib - 4}) {
    config.backend.memory_mib = mib;
    EXPECT_EQ(run_study(config, options(folder_)).made, 0);
  }
  EXPECT_EQ(losses(folder_), made);
  EXPECT_THAT(trace(folder_, "job "), SizeIs(jobs));
}

TEST_F(RunStudy, ARunWhoseBatchDoesNotFitTrainsInMicroBatchesAndALineSaysSo) {
  StudyConfig config = config_with_room_for_two();
  config.training.trainer.engine = AskedEngine::torch;
  config.design.batch_tokens = 4096;
  config.design.min_steps = 1;
  const std::vector<PlannedRun> runs = make_plan(config, nullptr).runs;
  const auto largest =
      std::ranges::max_element(runs, {}, [](const PlannedRun& run) { return count_params(run.spec.model).total; });
  const JobPlace half{.engine = AskedEngine::torch, .micro_tokens = 2048};
  config.backend.memory_mib = static_cast<std::int64_t>(2 * std::ceil(job_bytes({largest->spec}, half) / 1048576));
  EXPECT_EQ(run_study(config, options(folder_)).exit_code(), ExitCode::ok);
  std::map<std::string, std::int64_t> micro;
  for (const Job& job : read_jobs(folder_)) micro[shape_name(job.runs.front().model)] = job.trainer.micro_tokens;
  EXPECT_EQ(micro.at("d16 L1"), 0);
  EXPECT_EQ(micro.at("d32 L2"), 2048);
  EXPECT_THAT(said_, HasSubstr("d32 L2: a step of one run takes 2048 of its 4096 tokens at once"));

  config.training.trainer.micro_tokens = 1024;
  const auto asked = folder_ / "asked";
  EXPECT_EQ(run_study(config, options(asked)).exit_code(), ExitCode::ok);
  for (const Job& job : read_jobs(asked)) EXPECT_EQ(job.trainer.micro_tokens, 1024);
}

TEST_F(RunStudy, ARunThatFitsNowhereIsAConfigErrorBeforeAnythingIsWritten) {
  StudyConfig config = config_with_room_for_two();
  config.backend.memory_mib = 300;
  const std::string message = error_of(ExitCode::usage, [&] { (void)run_study(config, options(folder_)); });
  EXPECT_THAT(message, HasSubstr("a worker may take 150 MiB; raise backend.memory_mib, lower backend.workers"));
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(RunStudy, KilledAtRandomMomentsItFinishesWithTheSameRecordsAndRepeatsNone) {
  const auto reference = folder_ / "whole";
  ASSERT_EQ(run_study(small_config(), options(reference)).exit_code(), ExitCode::ok);
  const auto broken = folder_ / "broken";
  Rng rng = make_rng(7, "kill");
  for (int attempt = 0; attempt < 5; ++attempt) {
    // The trainer stops for us a little after the moment of the kill, so that the study cannot end first.
    const std::size_t moment = trace(broken, "trained ").size() + 1 + uniform_below(rng, 3);
    const pid_t study = start(broken, {"--hold-after", std::to_string(moment + 1)});
    ASSERT_TRUE(wait_for_records(broken, moment));
    std::this_thread::sleep_for(std::chrono::milliseconds(uniform_below(rng, 10)));  // the random moment of the kill
    ::kill(study, SIGKILL);
    EXPECT_EQ(wait_for(study), 1000 + SIGKILL);
    for (const pid_t pid : worker_pids(broken)) {
      EXPECT_TRUE(wait_for_end(pid)) << "worker " << pid << " outlived the study";
    }
  }
  EXPECT_EQ(wait_for(start(broken)), 0);
  EXPECT_EQ(losses(broken), losses(reference));
  expect_no_run_twice(broken);
}

TEST_F(RunStudy, AWorkerKilledAtRandomMomentsIsStartedAgain) {
  const auto reference = folder_ / "whole";
  ASSERT_EQ(run_study(small_config(), options(reference)).exit_code(), ExitCode::ok);
  const auto broken = folder_ / "broken";
  const pid_t study = start(broken, {"--hold-after", "3"});
  ASSERT_TRUE(wait_for_records(broken, 3));
  ASSERT_TRUE(wait_for_trace(broken, "job ", 2));
  ::kill(worker_pids(broken).front(), SIGKILL);
  ASSERT_TRUE(wait_for_trace(broken, "job ", 3)) << "started again";
  ::kill(worker_pids(broken).at(1), SIGKILL);
  ASSERT_TRUE(wait_for_trace(broken, "job ", 4));
  write_file_atomic(broken / "go", "");
  EXPECT_EQ(wait_for(study), 0);
  EXPECT_EQ(losses(broken), losses(reference));
  expect_no_run_twice(broken);
  EXPECT_GE(worker_pids(broken).size(), 4U);
}

TEST_F(RunStudy, InterruptedItWaitsForTheWorkersAndGoesOnLater) {
  const auto reference = folder_ / "whole";
  ASSERT_EQ(run_study(small_config(), options(reference)).exit_code(), ExitCode::ok);
  for (const int signal : {SIGINT, SIGTERM}) {
    const auto stopped = folder_ / fmt::format("stopped{}", signal);
    const pid_t study = start(stopped, {"--hold-after", "2"});
    ASSERT_TRUE(wait_for_records(stopped, 2));
    ASSERT_TRUE(wait_for_trace(stopped, "job ", 2));
    ::kill(study, signal);
    EXPECT_EQ(wait_for(study), static_cast<int>(ExitCode::interrupted));
    EXPECT_THAT(trace(stopped, "stopped "), SizeIs(2)) << "both workers were told and ended by themselves";
    EXPECT_LT(losses(stopped).size(), kRuns);
    EXPECT_EQ(read_events(stopped).back()["event"], "study_interrupted");
    EXPECT_EQ(wait_for(start(stopped)), 0);
    EXPECT_EQ(losses(stopped), losses(reference));
    expect_no_run_twice(stopped);
  }
}

TEST_F(RunStudy, ASecondSignalKillsWorkersThatDoNotStop) {
  const pid_t study = start(folder_, {"--hold-after", "0", "--ignore-term"});
  ASSERT_TRUE(wait_for_trace(folder_, "job ", 2));
  ::kill(study, SIGINT);
  ASSERT_TRUE(wait_for_trace(folder_, "told ", 2)) << "both workers";
  ASSERT_EQ(::waitpid(study, nullptr, WNOHANG), 0) << "it waits for its workers";
  ::kill(study, SIGINT);
  EXPECT_EQ(wait_for(study), static_cast<int>(ExitCode::interrupted));
}

TEST_F(RunStudy, AFailingJobIsTriedThreeTimesNamedAndStopsNoOther) {
  const StudySummary summary = run_study(small_config(), options(folder_, {"--fail-shape", "d24 L2"}));
  EXPECT_EQ(summary.exit_code(), ExitCode::some_failed);
  ASSERT_THAT(summary.failed, SizeIs(1));
  EXPECT_EQ(summary.failed[0].what, "d24 L2, 12 runs");
  EXPECT_EQ(summary.failed[0].reason, "exit code 3: error: the corpus is on fire");
  EXPECT_EQ(summary.made, static_cast<std::int64_t>(kRuns) - 12);
  EXPECT_THAT(trace(folder_, "job " + summary.failed[0].id), SizeIs(3));
  EXPECT_THAT(describe(summary), HasSubstr("d24 L2"));
  EXPECT_THAT(read_text_file(job_folder(folder_, summary.failed[0].id) / "log.txt"), HasSubstr("not a JSON line"));

  const StudyStatus status = study_status(folder_);
  EXPECT_EQ(status.planned, static_cast<std::int64_t>(kRuns));
  EXPECT_EQ(status.completed, static_cast<std::int64_t>(kRuns) - 12);
  ASSERT_THAT(status.failed_jobs, SizeIs(1));
  EXPECT_THAT(describe(status), HasSubstr("the corpus is on fire"));
  EXPECT_EQ(status.process, 0);
}

TEST_F(RunStudy, AJobThatDiesOnceSucceedsOnItsSecondAttempt) {
  const StudySummary summary = run_study(small_config(), options(folder_, {"--die-once", "d32 L2"}));
  EXPECT_EQ(summary.exit_code(), ExitCode::ok);
  EXPECT_EQ(losses(folder_).size(), kRuns);
  EXPECT_THAT(said_, HasSubstr("killed by signal 9"));
}

TEST_F(RunStudy, AWorkerThatEndsWellWithoutItsRecordsHasFailed) {
  const StudySummary summary = run_study(small_config(), options(folder_, {"--forget-records"}));
  ASSERT_THAT(summary.failed, SizeIs(3));
  EXPECT_THAT(summary.failed[0].reason, HasSubstr("12 of its 12 records are missing"));
}

TEST_F(RunStudy, RecordsOfAnOutsideTrainerNeedNoCounts) {
  const StudySummary summary = run_study(small_config(), options(folder_, {"--write", "minimal"}));
  EXPECT_EQ(summary.exit_code(), ExitCode::ok);
  for (const auto& [id, record] : read_records(folder_).records) {
    EXPECT_EQ(record.params.total, count_params(record.spec.model).total);
    EXPECT_EQ(record.flops.exact, count_flops(record.spec.model, record.tokens).exact);
  }
}

TEST_F(RunStudy, TheReasonOfARefusedRecordIsThatOfTheFailedJobAndNoJobIsRepeatedForIt) {
  const StudySummary counts = run_study(small_config(), options(folder_, {"--write", "counts"}));
  ASSERT_THAT(counts.failed, SizeIs(3));
  EXPECT_THAT(counts.failed[0].reason,
              AllOf(HasSubstr("12 of its 12 records are missing or refused; 12 refused, the first "),
                    HasSubstr("params.total is 5, but the spec's shape makes it")));
  EXPECT_THAT(describe(counts), HasSubstr("params.total is 5"));
  EXPECT_THAT(said_, ::testing::Not(HasSubstr("starting it again")));
  const auto nan_folder = folder_ / "nan";
  const StudySummary nan = run_study(small_config(), options(nan_folder, {"--write", "nan"}));
  ASSERT_THAT(nan.failed, SizeIs(3));
  EXPECT_THAT(nan.failed[0].reason,
              AllOf(HasSubstr("1 of its 12 records is missing or refused; 1 refused, "),
                    HasSubstr("\"nats\" is NaN, which JSON does not have"), HasSubstr("\"diverged\"")));
}

TEST_F(RunStudy, AProgramThatCannotBeStartedFailsAtOnceWithItsName) {
  StudyOptions o = options(folder_);
  o.backend.command = {"/no/such/trainer", "{job}"};
  const StudySummary summary = run_study(small_config(), o);
  ASSERT_THAT(summary.failed, SizeIs(3));
  EXPECT_THAT(summary.failed[0].reason, HasSubstr("cannot start /no/such/trainer"));
  EXPECT_THAT(said_, ::testing::Not(HasSubstr("starting it again")));
}

TEST_F(RunStudy, DivergedRunsAreFinishedAndNotFailures) {
  const StudySummary summary = run_study(small_config(), options(folder_, {"--diverge-shape", "d16 L1"}));
  EXPECT_EQ(summary.exit_code(), ExitCode::ok);
  EXPECT_EQ(summary.diverged, 12);
  EXPECT_EQ(run_study(small_config(), options(folder_)).made, 0);
}

TEST_F(RunStudy, ACorruptRecordIsNamedAndMadeAgainWithTheSameLoss) {
  ASSERT_EQ(run_study(small_config(), options(folder_)).exit_code(), ExitCode::ok);
  const auto whole = losses(folder_);
  const auto ids = std::vector<std::string>{whole.begin()->first, whole.rbegin()->first};
  const std::string text = read_text_file(record_path(folder_, ids[0]));
  write_file_atomic(record_path(folder_, ids[0]), text.substr(0, text.size() / 2));
  write_file_atomic(record_path(folder_, ids[1]),
                    read_text_file(record_path(folder_, std::next(whole.begin())->first)));
  const StudySummary summary = run_study(small_config(), options(folder_));
  ASSERT_THAT(summary.bad, SizeIs(2));
  EXPECT_THAT(summary.bad[0].reason, HasSubstr(ids[0]));
  EXPECT_EQ(summary.made, 2);
  EXPECT_EQ(losses(folder_), whole);
}

TEST_F(RunStudy, TwoStudiesCannotShareAFolderAtOneTime) {
  const pid_t study = start(folder_, {"--hold-after", "1"});
  ASSERT_TRUE(wait_for_records(folder_, 1));
  ASSERT_TRUE(wait_for_trace(folder_, "job ", 2));
  EXPECT_EQ(running_study(folder_), study);
  const StudyStatus status = study_status(folder_);
  EXPECT_EQ(status.process, study);
  EXPECT_THAT(status.running, SizeIs(2));
  EXPECT_THAT(error_of(ExitCode::device, [&] { (void)run_study(small_config(), options(folder_)); }),
              HasSubstr(fmt::format("process {}", study)));
  ::kill(study, SIGKILL);
  wait_for(study);
  EXPECT_EQ(running_study(folder_), 0) << "the lock ends with its process";
}

/// A study killed while it starts a worker: the child has its lock until it has become the worker. Here it keeps the
/// lock until the next study has found it held, and so looks up in the file whose it is.
TEST_F(RunStudy, ALockLeftToAChildOfADeadStudyIsWaitedFor) {
  const pid_t dead = ::fork();
  if (dead == 0) ::_exit(0);
  wait_for(dead);
  make_folder(folder_);
  const std::string file = (folder_ / ".lock").string(), pid = fmt::format("{}\n", dead);
  const UniqueFd look_ups(::inotify_init1(IN_CLOEXEC));
  std::array<int, 2> ready{};
  ASSERT_EQ(::pipe(ready.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT, 0644);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    const bool held =
        ::fcntl(fd, F_OFD_SETLK, &lock) == 0 && ::write(fd, pid.data(), pid.size()) == static_cast<ssize_t>(pid.size());
    pollfd look_up{look_ups.get(), POLLIN, 0};
    constexpr int kLimitMs = 120000;  // where none ever comes
    ::_exit(held && ::write(ready[1], "x", 1) == 1 && ::poll(&look_up, 1, kLimitMs) == 1 ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_EQ(running_study(folder_), dead) << "it is held";
  // who locks has the file open for writing: this is news of readers only
  ASSERT_GE(::inotify_add_watch(look_ups.get(), file.c_str(), IN_CLOSE_NOWRITE), 0);
  EXPECT_NO_THROW(StudyLock lock(folder_));
  EXPECT_EQ(wait_for(child), 0);
  for (const int end : ready) ::close(end);
}

TEST_F(RunStudy, AChangedConfigAddsItsRunsAndKeepsTheOldOnes) {
  ASSERT_EQ(run_study(small_config(), options(folder_)).exit_code(), ExitCode::ok);
  const auto before = losses(folder_);
  StudyConfig more = small_config();
  more.design.seeds = {0, 1, 2};
  const StudySummary summary = run_study(more, options(folder_));
  EXPECT_TRUE(summary.config_changed);
  EXPECT_EQ(summary.before, static_cast<std::int64_t>(kRuns));
  EXPECT_EQ(summary.made, 18);
  const auto after = losses(folder_);
  for (const auto& [id, loss] : before) EXPECT_EQ(after.at(id), loss);
  expect_no_run_twice(folder_);
  EXPECT_EQ(to_json_fields(load_study_config(folder_).design), to_json_fields(more.design));
}

TEST_F(RunStudy, ASimulatedStudyIsTheSameOnEveryRunAndResumes) {
  StudyConfig config = small_config();
  StudyOptions o = options(folder_ / "a");
  o.backend.simulate = true;
  o.corpus.reset();
  EXPECT_EQ(run_study(config, o).made, static_cast<std::int64_t>(kRuns));
  const auto first = losses(folder_ / "a");
  std::filesystem::remove(record_path(folder_ / "a", first.begin()->first));
  EXPECT_EQ(run_study(config, o).made, 1);
  EXPECT_EQ(losses(folder_ / "a"), first);
  o.folder = folder_ / "b";
  (void)run_study(config, o);
  EXPECT_EQ(losses(folder_ / "b"), first);
}

TEST_F(RunStudy, LeftoversOfAKilledWriterAreRemovedWhereverTheyAre) {
  const pid_t zombie = ::fork();
  if (zombie == 0) ::_exit(0);
  siginfo_t ended;
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(zombie), &ended, WEXITED | WNOWAIT), 0);
  const std::string gone = ".tmp.999999999";
  const std::vector<std::string> stale{"runs/a.json" + gone, "curves/a.csv" + gone, "study.toml" + gone,
                                       "jobs/a/checkpoint.safetensors" + gone,
                                       fmt::format("curves/b.csv.tmp.{}", zombie)};
  const std::vector<std::string> kept{fmt::format("runs/b.json.tmp.{}", ::getpid()), "notes.tmp.txt", "a.tmp.",
                                      "a.tmp.12345678901234567890"};
  for (const auto& files : {stale, kept}) {
    for (const auto& file : files) write_file_atomic(folder_ / file, "half");
  }
  StudyOptions o = options(folder_);
  o.backend.simulate = true;
  (void)run_study(small_config(), o);
  for (const auto& file : stale) EXPECT_FALSE(std::filesystem::exists(folder_ / file)) << file;
  for (const auto& file : kept) EXPECT_TRUE(std::filesystem::exists(folder_ / file)) << file;
  wait_for(zombie);
}

}  // namespace
}  // namespace scalelaw::testing
