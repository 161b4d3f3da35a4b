#include "records/job.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "error_of.hpp"

namespace scalelaw {
namespace {

Job two_runs() {
  Job job;
  job.corpus = "corpus";
  job.runs.resize(2);
  job.runs[0].data.tokens = 25600;
  job.runs[1].data.tokens = 51200;
  return job;
}

std::string job_error(const Job& job) {
  return error_of(ExitCode::usage, [&] { check_job(job); });
}

TEST(Job, SurvivesJsonAndFillsItsId) {
  const Job job = two_runs();
  const Job back = job_from_json(to_json(job), "job.json");
  EXPECT_EQ(back.id, job_id(job.runs));
  EXPECT_EQ(back.runs.size(), 2U);
  EXPECT_EQ(run_id(back.runs[1]), run_id(job.runs[1]));
  EXPECT_EQ(to_json(job_from_json(to_json(back), "job.json")), to_json(back));
}

TEST(Job, IdDoesNotDependOnTheOrderOfRuns) {
  Job job = two_runs();
  const std::string id = job_id(job.runs);
  std::swap(job.runs[0], job.runs[1]);
  EXPECT_EQ(job_id(job.runs), id);
  job.runs[0].seed = 7;
  EXPECT_NE(job_id(job.runs), id);
}

TEST(Job, NamesTheIdOfEachRunInItsOrder) {
  const Job job = two_runs();
  Json value = to_json(job);
  ASSERT_EQ(value["run_ids"].size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(value["run_ids"][i], run_id(job.runs[i]));
  EXPECT_EQ(job_from_json(value, "job.json").run_ids, value["run_ids"].get<std::vector<std::string>>());
  value.erase("run_ids");  // a file of an earlier version
  EXPECT_EQ(to_json(job_from_json(value, "job.json"))["run_ids"], to_json(job)["run_ids"]);
}

TEST(Job, NamesItsMicroBatchesOnlyWhereThereAreSome) {
  Job job = two_runs();
  EXPECT_FALSE(to_json(job).contains("micro_tokens"));
  EXPECT_EQ(job_from_json(to_json(job), "job.json").trainer.micro_tokens, 0) << "and files of earlier versions";
  const ModelSpec& model = job.runs[0].model;
  for (RunSpec& run : job.runs) run.data.batch_tokens = 6 * model.context;
  job.trainer.micro_tokens = 2 * model.context;
  EXPECT_EQ(to_json(job).at("micro_tokens"), 2 * model.context);
  EXPECT_EQ(job_from_json(to_json(job), "job.json").trainer.micro_tokens, 2 * model.context);
  for (const std::int64_t wrong : {model.context / 2, 4 * model.context, 12 * model.context}) {
    job.trainer.micro_tokens = wrong;
    EXPECT_THAT(job_error(job), testing::HasSubstr(fmt::format("micro_tokens {} must be a multiple", wrong)));
  }
}

TEST(Job, RefusesRunIdsThatAreNotThoseOfItsRuns) {
  const Json good = to_json(two_runs());
  const auto error = [](const Json& value) {
    return error_of(ExitCode::usage, [&] { (void)job_from_json(value, "job.json"); });
  };
  Json value = good;
  std::swap(value["run_ids"][0], value["run_ids"][1]);
  EXPECT_THAT(error(value), testing::HasSubstr("run_ids[0] is " + value["run_ids"][0].get<std::string>()));
  value["run_ids"].erase(0);
  EXPECT_THAT(error(value), testing::HasSubstr("1 run_ids for 2 runs"));
}

TEST(Job, RefusesAnIdThatIsNotItsRuns) {
  Json value = to_json(two_runs());
  value["id"] = "0123456789abcdef";
  EXPECT_THROW(static_cast<void>(job_from_json(value, "job.json")), Error);
}

TEST(Job, RefusesRunsThatCannotBeStacked) {
  EXPECT_NO_THROW(check_job(two_runs()));
  EXPECT_THAT(job_error(Job{}), testing::HasSubstr("no runs"));
  Job job = two_runs();
  job.runs[1] = job.runs[0];
  EXPECT_THAT(job_error(job), testing::HasSubstr("twice"));
  job = two_runs();
  job.runs[1].model.n_layer = 3;
  EXPECT_THAT(job_error(job), testing::HasSubstr("in model;"));
  job = two_runs();
  job.runs[1].data.eval_tokens += 1;
  EXPECT_THAT(job_error(job), testing::HasSubstr("data.eval_tokens"));
  job = two_runs();
  job.runs[0].data.batch_tokens = job.runs[1].data.batch_tokens = 100;
  EXPECT_THAT(job_error(job), testing::HasSubstr("multiple of the context"));
  job = two_runs();
  job.runs[1].backend.kind = RunMaker::simulate;
  EXPECT_THAT(job_error(job), testing::HasSubstr("simulated"));
  job = two_runs();
  job.runs[0].model.d_head = job.runs[1].model.d_head = 16;
  EXPECT_THAT(job_error(job), testing::HasSubstr("n_head * d_head"));
}

}  // namespace
}  // namespace scalelaw
