#include "study/jobs.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "records/shape.hpp"

#include "study/study_fixture.hpp"

namespace scalelaw::testing {
namespace {

std::vector<RunSpec> specs(const StudyConfig& config) {
  std::vector<RunSpec> runs;
  for (const PlannedRun& run : make_plan(config, nullptr).runs) runs.push_back(run.spec);
  return runs;
}

/// shape -> job id
std::map<std::string, std::string> ids(const std::vector<JobPlan>& jobs) {
  std::map<std::string, std::string> out;
  for (const JobPlan& job : jobs) out[shape_name(job.runs.front().model)] = job.id;
  return out;
}

void write_jobs(const std::filesystem::path& folder, const std::vector<JobPlan>& jobs) {
  for (const JobPlan& plan : jobs) {
    Job job;
    job.id = plan.id;
    job.runs = plan.runs;
    job.trainer.micro_tokens = plan.micro_tokens;
    write_json_file(job_folder(folder, plan.id) / "job.json", to_json(job));
  }
}

RunRecord finished(const RunSpec& spec) {
  RunRecord record;
  record.id = run_id(spec);
  record.spec = spec;
  record.loss.nats = 2.0;
  return record;
}

using Jobs = StudyTest;

TEST_F(Jobs, HoldEveryRunOnceAndPassTheTrainersCheck) {
  const auto runs = specs(small_config());
  std::set<std::string> seen;
  for (const JobPlan& plan : group_jobs(runs, folder_, {})) {
    Job job;
    job.id = plan.id;
    job.runs = plan.runs;
    EXPECT_NO_THROW(check_job(job));
    for (const RunSpec& run : plan.runs) EXPECT_TRUE(seen.insert(run_id(run)).second);
  }
  EXPECT_EQ(seen.size(), runs.size());
}

TEST_F(Jobs, AreTheSameWhateverIsMissing) {
  const auto runs = specs(small_config());
  const auto all = ids(group_jobs(runs, folder_, {}));
  ASSERT_EQ(all.size(), 3U);
  for (std::size_t stride = 1; stride < 8; ++stride) {
    RecordSet records;
    for (std::size_t i = 0; i < runs.size(); i += stride) records.records[run_id(runs[i])] = finished(runs[i]);
    EXPECT_EQ(ids(group_jobs(runs, folder_, records)), all) << "every " << stride << "th run done";
    std::vector<RunSpec> turned = runs;
    std::rotate(turned.begin(), turned.begin() + static_cast<std::ptrdiff_t>(stride), turned.end());
    EXPECT_EQ(ids(group_jobs(turned, folder_, records)), all) << "order of the plan";
  }
}

TEST_F(Jobs, ComeLongestFirst) {
  const auto jobs = group_jobs(specs(small_config()), folder_, {});
  EXPECT_TRUE(std::ranges::is_sorted(jobs, std::ranges::greater(), &JobPlan::flops));
  EXPECT_GT(jobs.back().flops, 0);
}

TEST_F(Jobs, RunsThatAreNotStackableAreInDifferentJobs) {
  StudyConfig config = small_config();
  auto runs = specs(config);
  config.optimizer.spec.weight_decay = 0.2;
  const auto other = specs(config);
  runs.insert(runs.end(), other.begin(), other.end());
  EXPECT_EQ(group_jobs(runs, folder_, {}).size(), 6U);
}

TEST_F(Jobs, AWrittenJobKeepsItsRunsWhenThePlanGrows) {
  const auto runs = specs(small_config());
  const auto before = group_jobs(runs, folder_, {});
  write_jobs(folder_, before);
  StudyConfig more = small_config();
  more.design.learning_rates.push_back(0.016);
  const auto after = group_jobs(specs(more), folder_, {});
  ASSERT_EQ(after.size(), 6U);
  std::set<std::string> after_ids;
  for (const JobPlan& job : after) after_ids.insert(job.id);
  for (const JobPlan& job : before) EXPECT_TRUE(after_ids.contains(job.id));
}

TEST_F(Jobs, AWrittenJobWithUnwantedRunsIsNotTrained) {
  const auto runs = specs(small_config());
  write_jobs(folder_, group_jobs(runs, folder_, {}));
  StudyConfig less = small_config();
  less.design.learning_rates = {0.004};
  const auto wanted = specs(less);
  RecordSet records;
  records.records[run_id(wanted[0])] = finished(wanted[0]);
  std::size_t count = 0;
  for (const JobPlan& job : group_jobs(wanted, folder_, records)) {
    for (const RunSpec& run : job.runs) {
      EXPECT_EQ(run.optimizer.lr, 0.004);
      EXPECT_NE(run_id(run), run_id(wanted[0])) << "what is finished is not trained again";
      ++count;
    }
  }
  EXPECT_EQ(count, wanted.size() - 1);
}

TEST_F(Jobs, AnUnreadableJobFileIsReplaced) {
  const auto runs = specs(small_config());
  const auto jobs = group_jobs(runs, folder_, {});
  write_jobs(folder_, jobs);
  write_file_atomic(job_folder(folder_, jobs[0].id) / "job.json", "{ \"schema\": ");
  EXPECT_EQ(ids(group_jobs(runs, folder_, {})), ids(jobs));
}

/// Two of the four members of the largest shape fit.
JobLimit two_of_the_largest(const std::vector<JobPlan>& jobs) {
  const std::vector<RunSpec>& largest = std::ranges::max_element(jobs, {}, [](const JobPlan& job) {
                                          return count_params(job.runs.front().model).total;
                                        })->runs;
  const auto members = members_of(largest);
  std::vector<RunSpec> two = members[0];
  two.insert(two.end(), members[1].begin(), members[1].end());
  return {.bytes = job_bytes(two, {.engine = AskedEngine::native}), .place = {.engine = AskedEngine::native}};
}

TEST_F(Jobs, AreSplitToFitTheSameWhateverIsMissing) {
  const auto runs = specs(small_config());
  const JobLimit limit = two_of_the_largest(group_jobs(runs, folder_, {}));
  const auto split = group_jobs(runs, folder_, {}, limit);
  ASSERT_GT(split.size(), 3U);
  std::set<std::string> all;
  std::size_t count = 0;
  for (const JobPlan& job : split) {
    EXPECT_LE(job_bytes(job.runs, {.engine = AskedEngine::native}), limit.bytes);
    all.insert(job.id);
    count += job.runs.size();
  }
  EXPECT_EQ(count, runs.size());
  for (std::size_t stride = 1; stride < 8; ++stride) {
    RecordSet records;
    for (std::size_t i = 0; i < runs.size(); i += stride) records.records[run_id(runs[i])] = finished(runs[i]);
    std::vector<RunSpec> turned = runs;
    std::rotate(turned.begin(), turned.begin() + static_cast<std::ptrdiff_t>(stride), turned.end());
    std::set<std::string> again;
    for (const JobPlan& job : group_jobs(turned, folder_, records, limit)) again.insert(job.id);
    EXPECT_EQ(again, all) << "every " << stride << "th run done";
  }
}

TEST_F(Jobs, AWrittenJobThatFitsKeepsItsRunsUnderAnyLimit) {
  const auto runs = specs(small_config());
  const auto whole = group_jobs(runs, folder_, {});
  const auto split = group_jobs(runs, folder_, {}, two_of_the_largest(whole));
  write_jobs(folder_, split);
  EXPECT_EQ(group_jobs(runs, folder_, {}).size(), split.size()) << "more memory: what was split stays so";
  EXPECT_EQ(ids(group_jobs(runs, folder_, {})), ids(split));
}

TEST_F(Jobs, AWrittenJobThatNoLongerFitsKeepsItsFinishedRunsOnly) {
  const auto runs = specs(small_config());
  const auto whole = group_jobs(runs, folder_, {});
  write_jobs(folder_, whole);
  const JobLimit limit = two_of_the_largest(whole);
  RecordSet records;
  for (std::size_t i = 0; i < runs.size(); i += 5) records.records[run_id(runs[i])] = finished(runs[i]);
  std::set<std::string> first_ids;
  for (int session = 0; session < 3; ++session) {
    std::set<std::string> seen, now_ids;
    const auto now = group_jobs(runs, folder_, records, limit);
    for (const JobPlan& job : now) {
      EXPECT_LE(job_bytes(job.runs, {.engine = AskedEngine::native}), limit.bytes);
      now_ids.insert(job.id);
      for (const RunSpec& run : job.runs) EXPECT_TRUE(seen.insert(run_id(run)).second) << "in two jobs";
    }
    for (const RunSpec& run : runs) {
      EXPECT_TRUE(records.finished(run_id(run)) || seen.contains(run_id(run))) << "lost";
    }
    if (session == 0) first_ids = now_ids;
    EXPECT_EQ(now_ids, first_ids) << "what was grouped anew is resumed as it is";
    write_jobs(folder_, now);
    const RunSpec& next = now[static_cast<std::size_t>(session)].runs.front();  // interrupted after one more run
    records.records[run_id(next)] = finished(next);
  }
}

/// A member of the largest shape fits in micro-batches of two windows of four only.
JobLimit half_a_batch(const std::vector<RunSpec>& runs) {
  const RunSpec& largest =
      *std::ranges::max_element(runs, {}, [](const RunSpec& run) { return count_params(run.model).total; });
  const JobPlace place{.engine = AskedEngine::torch};
  JobPlace half = place;
  half.micro_tokens = 128;
  return {.bytes = job_bytes({largest}, half), .place = place};
}

TEST_F(Jobs, OfOneMemberTrainInMicroBatchesWhereTheWholeBatchDoesNotFit) {
  const auto runs = specs(small_config());
  JobLimit limit = half_a_batch(runs);
  std::size_t in_parts = 0;
  const auto jobs = group_jobs(runs, folder_, {}, limit);
  for (const JobPlan& job : jobs) {
    if (shape_name(job.runs.front().model) != "d32 L2") continue;
    ++in_parts;
    EXPECT_EQ(job.micro_tokens, 128);
    EXPECT_EQ(members_of(job.runs).size(), 1U);
  }
  EXPECT_EQ(in_parts, 4U) << "a job for each member";
  EXPECT_THAT(
      describe_micro_batches(jobs),
      ::testing::Contains("d32 L2: a step of one run takes 128 of its 256 tokens at once (training.micro_tokens)")
          .Times(1));
  EXPECT_THAT(describe_micro_batches(group_jobs(runs, folder_, {})), ::testing::IsEmpty());

  write_jobs(folder_, jobs);
  for (const double more : {1.0, 10.0}) {
    JobLimit now = limit;
    now.bytes *= more;
    const auto again = group_jobs(runs, folder_, {}, now);
    ASSERT_EQ(again.size(), jobs.size());
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      EXPECT_EQ(again[i].id, jobs[i].id);
      EXPECT_EQ(again[i].micro_tokens, jobs[i].micro_tokens) << "what is written is resumed as it is";
    }
  }
  limit.place.micro_tokens = 64;
  for (const JobPlan& job : group_jobs(runs, folder_, {}, limit)) EXPECT_EQ(job.micro_tokens, 64) << "asked for";
}

TEST_F(Jobs, AWrittenJobWhoseMicroBatchNoLongerFitsGetsASmallerOne) {
  const auto runs = specs(small_config());
  JobLimit limit = half_a_batch(runs);
  write_jobs(folder_, group_jobs(runs, folder_, {}, limit));
  limit.bytes -= 1;
  for (const JobPlan& job : group_jobs(runs, folder_, {}, limit)) {
    if (shape_name(job.runs.front().model) == "d32 L2") {
      EXPECT_EQ(job.micro_tokens, 64);
    }
  }
}

TEST_F(Jobs, AFailedRecordIsMissingADivergedOneIsNot) {
  const auto jobs = group_jobs(specs(small_config()), folder_, {});
  RecordSet records;
  RunRecord record = finished(jobs[0].runs[0]);
  record.outcome.status = RunStatus::failed;
  records.records[record.id] = record;
  EXPECT_EQ(missing_runs(jobs[0], records).size(), jobs[0].runs.size());
  records.records[record.id].outcome.status = RunStatus::diverged;
  EXPECT_EQ(missing_runs(jobs[0], records).size(), jobs[0].runs.size() - 1);
}

}  // namespace
}  // namespace scalelaw::testing
