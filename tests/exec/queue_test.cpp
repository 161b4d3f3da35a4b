#include "exec/queue.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <csignal>

#include "core/rng.hpp"
#include "exec/fake_executor.hpp"
#include "study/study_fixture.hpp"

namespace scalelaw::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class QueueTest : public StudyTest {
 protected:
  void SetUp() override {
    StudyTest::SetUp();
    make_folder(folder_ / "runs");
    fake_.study = folder_;
    jobs_ = one_job_each(make_plan(small_config(), nullptr).runs);
    jobs_.resize(6);
  }

  QueueResult run() {
    Signals signals;
    Progress progress({.write = [this](std::string_view text) { said_ += text; }}, std::ssize(jobs_), 0);
    QueueResult result = run_jobs(folder_, jobs_, fake_.executor(), signals, progress);
    done_runs_ = progress.done_runs();
    return result;
  }

  [[nodiscard]] std::vector<std::string> ids() const {
    std::vector<std::string> ids;
    for (const JobPlan& job : jobs_) ids.push_back(job.id);
    return ids;
  }

  /// "job_started 1" and the like: the kind of each event and its job's place in the list.
  [[nodiscard]] std::vector<std::string> events() const {
    std::vector<std::string> lines;
    const std::vector<std::string> known = ids();
    for (const Json& event : read_events(folder_)) {
      const auto at = std::ranges::find(known, event["job"].get<std::string>()) - known.begin();
      lines.push_back(fmt::format("{} {}", event["event"].get<std::string>(), at));
    }
    return lines;
  }

  FakeExecutor fake_;
  std::vector<JobPlan> jobs_;
  std::int64_t done_runs_ = 0;
};

TEST_F(QueueTest, NeverMoreJobsThanTheCapacityAndAllInOrder) {
  for (std::int64_t capacity = 1; capacity <= 8; ++capacity) {
    std::filesystem::remove_all(folder_ / "runs");
    fake_ = FakeExecutor{.study = folder_, .capacity = capacity};
    Rng rng = make_rng(static_cast<std::uint64_t>(capacity), "polls");
    fake_.polls = [&](const JobPlan&) { return 1 + static_cast<int>(uniform_below(rng, 5)); };
    const QueueResult result = run();
    EXPECT_THAT(result.failed, IsEmpty());
    EXPECT_FALSE(result.interrupted);
    EXPECT_EQ(fake_.most_at_once, std::min<std::int64_t>(capacity, std::ssize(jobs_)));
    EXPECT_THAT(fake_.submitted, ElementsAreArray(ids()));
    EXPECT_EQ(done_runs_, std::ssize(jobs_));
    EXPECT_THAT(losses(folder_), SizeIs(jobs_.size()));
  }
}

TEST_F(QueueTest, AJobThatFailedIsTriedAgainBeforeTheOthers) {
  jobs_.resize(3);
  fake_.capacity = 1;
  fake_.outcome = [this](const JobPlan& job, int attempt) {
    return job.id == jobs_[1].id && attempt == 1 ? JobEnded{JobEnd::failed, "out of luck"} : fake_.done(job);
  };
  EXPECT_THAT(run().failed, IsEmpty());
  EXPECT_THAT(events(), ElementsAre("job_started 0", "run_finished 0", "job_finished 0", "job_started 1",
                                    "job_retried 1", "job_started 1", "run_finished 1", "job_finished 1",
                                    "job_started 2", "run_finished 2", "job_finished 2"));
  EXPECT_EQ(read_events(folder_)[4]["reason"], "out of luck");
  EXPECT_EQ(read_events(folder_)[5]["attempt"], 2);
  EXPECT_THAT(said_, HasSubstr("out of luck; starting it again (2 of 3)"));
}

TEST_F(QueueTest, AfterThreeAttemptsAJobHasFailedAndStopsNoOther) {
  fake_.outcome = [this](const JobPlan& job, int attempt) {
    return job.id == jobs_[1].id ? JobEnded{JobEnd::failed, fmt::format("reason {}", attempt)} : fake_.done(job);
  };
  const QueueResult result = run();
  ASSERT_THAT(result.failed, SizeIs(1));
  EXPECT_EQ(result.failed[0].id, jobs_[1].id);
  EXPECT_EQ(result.failed[0].reason, "reason 3");
  EXPECT_EQ(fake_.attempts(jobs_[1]), kAttempts);
  EXPECT_THAT(losses(folder_), SizeIs(jobs_.size() - 1));
}

TEST_F(QueueTest, AJobThatFailedWithAllItsRecordsIsDone) {
  fake_.outcome = [this](const JobPlan& job, int) {
    (void)fake_.done(job);
    return JobEnded{JobEnd::failed, "died after its work"};
  };
  EXPECT_THAT(run().failed, IsEmpty());
  EXPECT_THAT(fake_.submitted, SizeIs(jobs_.size()));
}

TEST_F(QueueTest, WhatWouldFailAgainIsNotTriedAgain) {
  jobs_.resize(2);
  fake_.outcome = [this](const JobPlan& job, int) {
    if (job.id == jobs_[0].id) return JobEnded{JobEnd::cannot_start, "no such program"};
    write_file_atomic(record_path(folder_, run_id(job.runs.front())), "{}");
    return JobEnded{};
  };
  const QueueResult result = run();
  ASSERT_THAT(result.failed, SizeIs(2));
  EXPECT_THAT(fake_.submitted, ElementsAreArray(ids()));
  EXPECT_EQ(result.failed[0].reason, "no such program");
  EXPECT_THAT(result.failed[1].reason,
              HasSubstr("ended without an error but 1 of its 1 records is missing or refused; 1 refused, "));
}

TEST_F(QueueTest, AJobThatFinishedWithoutItsRecordsIsTriedAgain) {
  fake_.outcome = [this](const JobPlan& job, int attempt) { return attempt < 3 ? JobEnded{} : fake_.done(job); };
  EXPECT_THAT(run().failed, IsEmpty());
  EXPECT_THAT(fake_.submitted, SizeIs(3 * jobs_.size()));
  EXPECT_EQ(done_runs_, std::ssize(jobs_)) << "a run that was told of thrice counts once";
}

TEST_F(QueueTest, AJobHeldByAnEarlierStudyWaitsIsToldOnceAndKeepsNoOtherWaiting) {
  int refusals = 0;
  fake_.capacity = 1;
  fake_.held = [&](const JobPlan& job) { return job.id == jobs_[0].id && ++refusals <= 10; };
  EXPECT_THAT(run().failed, IsEmpty());
  EXPECT_EQ(fake_.submitted.back(), jobs_[0].id);
  EXPECT_THAT(fake_.submitted, SizeIs(jobs_.size()));
  const std::string told = "a worker of an earlier study is still at it; waiting for its end\n";
  EXPECT_EQ(said_.find(told), said_.rfind(told));
  EXPECT_THAT(said_, HasSubstr(told));
}

TEST_F(QueueTest, AStopCancelsWhatRunsASecondOneKillsItAndNothingElseStarts) {
  int waits = 0;
  fake_.polls = [](const JobPlan&) { return 4; };
  fake_.outcome = [](const JobPlan&, int) { return JobEnded{JobEnd::failed, "told to end"}; };
  fake_.waiting = [&] {
    ++waits;
    if (waits == 2 || waits == 3) ::kill(::getpid(), waits == 2 ? SIGINT : SIGTERM);
  };
  const QueueResult result = run();
  EXPECT_TRUE(result.interrupted);
  EXPECT_THAT(result.failed, IsEmpty());
  EXPECT_THAT(fake_.cancels, ElementsAre(Cancel::stop, Cancel::kill));
  EXPECT_THAT(events(), ElementsAre("job_started 0", "job_started 1", "job_stopped 0", "job_stopped 1"));
  EXPECT_THAT(said_, HasSubstr("stopping: waiting for the workers' checkpoints"));
}

TEST_F(QueueTest, AStopThatComesWithTheEndOfAJobIsKnownWhenThatEndIsJudged) {
  fake_.outcome = [](const JobPlan&, int) { return JobEnded{JobEnd::failed, "the same signal"}; };
  fake_.waiting = [] { ::kill(::getpid(), SIGTERM); };
  EXPECT_TRUE(run().interrupted);
  EXPECT_THAT(events(), ElementsAre("job_started 0", "job_started 1", "job_stopped 0", "job_stopped 1"));
}

TEST_F(QueueTest, AnErrorOfTheExecutorEndsTheStudy) {
  fake_.waiting = [] { fail_device("no more processes"); };
  EXPECT_THROW((void)run(), Error);
}

TEST_F(QueueTest, JobsMadeInThisProcessLeaveNothingInTheEventLog) {
  fake_.in_process = true;
  EXPECT_THAT(run().failed, IsEmpty());
  EXPECT_EQ(done_runs_, std::ssize(jobs_));
  EXPECT_THAT(read_events(folder_), IsEmpty());
}

}  // namespace
}  // namespace scalelaw::testing
