#include "exec/executor.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>

#include "exec/fake_executor.hpp"
#include "exec/process_executor.hpp"
#include "exec/queue.hpp"
#include "exec/simulate_executor.hpp"
#include "study/study_fixture.hpp"

namespace scalelaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// "progress .25", "note text", "record id", "finished", "failed reason", "cannot_start reason"
std::string text_of(const JobEvent& event) {
  struct Text {
    std::string operator()(const JobProgress& p) const { return fmt::format("progress {}", p.fraction); }
    std::string operator()(const JobNote& n) const { return "note " + n.message; }
    std::string operator()(const JobRecord& r) const { return "record " + r.run; }
    std::string operator()(const JobEnded& e) const {
      if (e.how == JobEnd::finished) return "finished" + e.reason;
      return (e.how == JobEnd::failed ? "failed " : "cannot_start ") + e.reason;
    }
  };
  return std::visit(Text{}, event.what);
}

class ExecutorTest : public StudyTest {
 protected:
  void SetUp() override {
    StudyTest::SetUp();
    make_folder(folder_ / "runs");
    runs_ = study_plan(small_config(), true, nullptr).runs;
    for (const PlannedRun& run : runs_) all_.runs.push_back(run.spec);
    all_.id = job_id(all_.runs);
  }

  /// The executor of a study that simulates.
  [[nodiscard]] Executor simulating(const std::filesystem::path& study, const Signals& signals) const {
    StudyOptions o = options(study);
    o.backend.simulate = true;
    return simulate_executor(small_config(), o, signals).value();
  }

  /// The events of a job, one shell command, until its end.
  std::vector<std::string> events_of(const std::string& command) {
    StudyOptions o = options(folder_);
    o.backend.command = {"/bin/sh", "-c", command};
    Signals signals;
    const StudyConfig config = small_config();
    const Executor executor = *process_executor(config, o, signals);
    make_folder(job_folder(folder_, all_.id));
    EXPECT_TRUE(executor.submit(all_));
    std::vector<std::string> texts;
    for (bool ended = false; !ended;) {
      executor.wait(signals.fd());
      for (const JobEvent& event : executor.poll()) {
        EXPECT_EQ(event.job, all_.id);
        EXPECT_FALSE(ended) << "the end is the last event";
        ended = std::holds_alternative<JobEnded>(event.what);
        texts.push_back(text_of(event));
      }
      (void)signals.take_stops();
    }
    EXPECT_THAT(executor.poll(), IsEmpty());
    return texts;
  }

  std::vector<PlannedRun> runs_;
  JobPlan all_;  ///< one job of every run
};

TEST_F(ExecutorTest, EachBackendHasItsExecutor) {
  const StudyConfig config = small_config();
  StudyOptions o = options(folder_, {}, 5);
  Signals signals;
  EXPECT_FALSE(simulate_executor(config, o, signals));
  EXPECT_EQ(make_executor(config, o, signals).capacity, 5);
  EXPECT_FALSE(make_executor(config, o, signals).in_process);
  o.backend.simulate = true;
  EXPECT_FALSE(process_executor(config, o, signals));
  EXPECT_TRUE(make_executor(config, o, signals).in_process);
}

TEST_F(ExecutorTest, SimulationMakesOneRunAPollAndEndsWithTheLast) {
  const Signals signals;
  const Executor executor = simulating(folder_, signals);
  EXPECT_THAT(executor.poll(), IsEmpty());
  ASSERT_TRUE(executor.submit(all_));
  for (std::size_t i = 0; i < all_.runs.size(); ++i) {
    const std::vector<JobEvent> events = executor.poll();
    const bool last = i + 1 == all_.runs.size();
    ASSERT_THAT(events, SizeIs(last ? 2 : 1));
    EXPECT_EQ(text_of(events[0]), "record " + run_id(all_.runs[i]));
    EXPECT_EQ(text_of(events.back()), last ? "finished" : text_of(events[0]));
    EXPECT_THAT(losses(folder_), SizeIs(i + 1));
  }
  EXPECT_THAT(executor.poll(), IsEmpty());
}

TEST_F(ExecutorTest, ACancelledSimulationEndsBeforeItsNextRun) {
  const Signals signals;
  const Executor executor = simulating(folder_, signals);
  ASSERT_TRUE(executor.submit(all_));
  (void)executor.poll();
  executor.cancel(Cancel::stop);
  const std::vector<JobEvent> events = executor.poll();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_TRUE(std::holds_alternative<JobEnded>(events[0].what));
  EXPECT_THAT(losses(folder_), SizeIs(1));
}

TEST_F(ExecutorTest, AStoppedSimulationHasTheRunsUpToTheStop) {
  for (std::size_t stop_after = 0; stop_after <= all_.runs.size(); stop_after += 6) {
    const auto study = folder_ / std::to_string(stop_after);
    make_folder(study / "runs");
    Signals signals;
    std::size_t ticks = 0;
    if (stop_after == 0) ::kill(::getpid(), SIGINT);
    const auto write = [&](std::string_view) {
      if (++ticks == stop_after) ::kill(::getpid(), SIGINT);
    };
    Progress progress({.write = write, .terminal = true}, std::ssize(all_.runs), 0);
    const QueueResult result = run_jobs(study, {all_}, simulating(study, signals), signals, progress);
    EXPECT_EQ(losses(study).size(), stop_after);
    EXPECT_EQ(result.interrupted, stop_after < all_.runs.size()) << "nothing is left to stop after the last run";
    EXPECT_THAT(read_events(study), IsEmpty());
    (void)signals.take_stops();
  }
}

TEST_F(ExecutorTest, EventsOfAProcessAreReadAndItsTalkIsLogged) {
  EXPECT_THAT(
      events_of(R"(echo '{"event":"start"}'
                           echo '{"event":"progress","tokens":1,"tokens_total":4}'
                           echo '{"event":"progress","tokens":9,"tokens_total":4}'
                           echo '{"event":"progress"}'
                           echo '{"event":"note","message":"slow"}'
                           echo '{"event":"note","message":7}'
                           echo '{"event":"record","run":"abc","loss":2}'
                           echo '{"event":"record"}'
                           echo talk)"),
      ElementsAre("progress 0.25", "progress 1", "progress 0", "note slow", "record abc", "record ", "finished"));
  EXPECT_EQ(read_text_file(job_folder(folder_, all_.id) / "log.txt"), "[stdout] talk\n");
}

TEST_F(ExecutorTest, TheEndOfAProcessHasItsReason) {
  EXPECT_THAT(events_of("echo 'error: no corpus' >&2; exit 3"), ElementsAre("failed exit code 3: error: no corpus"));
  EXPECT_THAT(events_of("kill -9 $$"), ElementsAre(HasSubstr("failed killed by signal 9")));
  EXPECT_THAT(events_of("exit 127"), ElementsAre(HasSubstr("cannot_start exit code 127")));
}

TEST_F(ExecutorTest, AJobWhoseProcessStillLivesIsNotTakenAndACancelReachesIt) {
  StudyOptions o = options(folder_);
  o.backend.command = {"/bin/sh", "-c", "exec sleep 600"};  // one process: a child of it could outlive it and its lock
  const StudyConfig config = small_config();
  make_folder(job_folder(folder_, all_.id));
  Signals signals;
  const Executor one = *process_executor(config, o, signals), other = *process_executor(config, o, signals);
  ASSERT_TRUE(one.submit(all_));
  EXPECT_FALSE(other.submit(all_));
  one.cancel(Cancel::kill);
  std::vector<JobEvent> events;
  while (events.empty()) {
    one.wait(signals.fd());
    events = one.poll();
    (void)signals.take_stops();
  }
  EXPECT_THAT(text_of(events.front()), HasSubstr("killed by signal 9"));
  EXPECT_TRUE(other.submit(all_)) << "its lock went with it";
}

}  // namespace
}  // namespace scalelaw::testing
