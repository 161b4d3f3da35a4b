#include "records/observation.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

class ObservationCsv : public testing::Test {
 protected:
  [[nodiscard]] std::vector<Observation> read(const std::string& text,
                                              const std::map<std::string, std::string>& columns = {}) const {
    write_file_atomic(folder_ / "points.csv", text);
    return read_observations(folder_ / "points.csv", columns);
  }
  [[nodiscard]] std::string error(const std::string& text, const std::map<std::string, std::string>& columns = {},
                                  ExitCode code = ExitCode::data) const {
    return error_of(code, [&] { (void)read(text, columns); });
  }
  TempFolder folder_;
};

TEST_F(ObservationCsv, ThirdScaleFollowsFromSixNd) {
  const auto a = read("params,tokens,loss\n1e6,2e7,3.5\n");
  EXPECT_DOUBLE_EQ(a.at(0).flops, 1.2e14);
  const auto b = read("loss,flops,params\n3.5,1.2e14,1e6\n");
  EXPECT_DOUBLE_EQ(b.at(0).tokens, 2e7);
  const auto c = read("tokens,flops,loss\n2e7,1.2e14,3.5\n");
  EXPECT_DOUBLE_EQ(c.at(0).params, 1e6);
  const auto d = read("params,tokens,flops,loss\n1e6,2e7,9e14,3.5\n");
  EXPECT_DOUBLE_EQ(d.at(0).flops, 9e14) << "given FLOPs are kept";
}

TEST_F(ObservationCsv, OptionalColumnsAndForeignOnesAreTakenAsTheyAre) {
  const auto p = read("note,params,tokens,loss,lr,group,weight,seed\nx,1,2,3,,g1,,4\ny,+1, 2 ,3,0.5,,0,\n");
  ASSERT_EQ(p.size(), 2U);
  EXPECT_FALSE(p[0].lr.has_value());
  EXPECT_EQ(p[0].group, "g1");
  EXPECT_EQ(p[0].weight, 1.0);
  EXPECT_EQ(p[0].seed, 4.0);
  EXPECT_EQ(p[1].lr, 0.5);
  EXPECT_EQ(p[1].weight, 0.0);
  EXPECT_FALSE(p[1].loss_stderr.has_value());
}

TEST_F(ObservationCsv, WritesWhatItReadsBack) {
  Observation a{.params = 1e6 / 3,
                .tokens = 2e7 / 7,
                .flops = 1.23e14,
                .loss_nats = 2.1 / 3,
                .loss_stderr = 0.01,
                .weight = 0.5,
                .group = "t,\"1\"",
                .unique_tokens = 5e6,
                .lr = 0.016,
                .seed = 2,
                .seeds = 1,
                .run = "abc",
                .shape = "d32 L2",
                .budget = 1e11,
                .steps = 750,
                .batch_tokens = 512,
                .counted = "theirs"};
  Observation b;
  b.params = 1, b.tokens = 2, b.flops = 12, b.loss_nats = 3;
  const auto again = read(observations_csv({a, b}));
  ASSERT_EQ(again.size(), 2U);
  EXPECT_EQ(again[0].params, a.params);
  EXPECT_EQ(again[0].tokens, a.tokens);
  EXPECT_EQ(again[0].flops, a.flops);
  EXPECT_EQ(again[0].loss_nats, a.loss_nats);
  EXPECT_EQ(again[0].loss_stderr, a.loss_stderr);
  EXPECT_EQ(again[0].weight, a.weight);
  EXPECT_EQ(again[0].group, a.group);
  EXPECT_EQ(again[0].unique_tokens, a.unique_tokens);
  EXPECT_EQ(again[0].lr, a.lr);
  EXPECT_EQ(again[0].seed, a.seed);
  EXPECT_EQ(again[0].run, a.run);
  EXPECT_EQ(again[0].shape, a.shape);
  EXPECT_EQ(again[0].budget, a.budget);
  EXPECT_EQ(again[0].steps, a.steps);
  EXPECT_EQ(again[0].batch_tokens, a.batch_tokens);
  EXPECT_EQ(again[0].counted, a.counted);
  EXPECT_FALSE(again[1].lr.has_value());
  EXPECT_EQ(again[1].budget, 0);
  EXPECT_FALSE(again[1].steps.has_value());
}

TEST_F(ObservationCsv, LossesMayBeMissingWhereNoneAreLookedAt) {
  write_file_atomic(folder_ / "points.csv", "convention,flops,params\nKaplan,1e18,1e8\n");
  EXPECT_THROW((void)read_observations(folder_ / "points.csv"), Error);
  const auto p = read_observations(folder_ / "points.csv", {}, false);
  EXPECT_EQ(p.at(0).counted, "Kaplan");
  EXPECT_EQ(p.at(0).loss_nats, 1);
}

TEST_F(ObservationCsv, RenamesForeignHeaders) {
  const auto p = read("N,D,val\n10,20,3\n", {{"params", "N"}, {"tokens", "D"}, {"loss", "val"}});
  EXPECT_EQ(p.at(0).params, 10);
  EXPECT_EQ(p.at(0).loss_nats, 3);
}

TEST_F(ObservationCsv, MissingColumnsNameWhatIsThereAndTheOption) {
  EXPECT_THAT(error("width,tokens,loss\n1,2,3\n"),
              testing::AllOf(HasSubstr("points.csv"), HasSubstr("width, tokens, loss"), HasSubstr("--columns")));
  EXPECT_THAT(error("params,tokens\n1,2\n"), HasSubstr("'loss'"));
  EXPECT_THAT(error("N,D,loss\n1,2,3\n", {{"params", "M"}}), testing::AllOf(HasSubstr("'M'"), HasSubstr("N, D, loss")));
  EXPECT_THAT(error("N,D,loss\n1,2,3\n", {{"parms", "N"}}, ExitCode::usage), HasSubstr("'parms'"));
}

TEST_F(ObservationCsv, BadCellsNameFileRowAndColumn) {
  EXPECT_THAT(error("params,tokens,loss\n1,2,3\n1,x,3\n"),
              testing::AllOf(HasSubstr("points.csv: row 3"), HasSubstr("'tokens' is \"x\"")));
  EXPECT_THAT(error("params,tokens,loss\n1,2,3 nats\n"), HasSubstr("not a number"));
  EXPECT_THAT(error("params,tokens,loss\n1,,3\n"), HasSubstr("row 2"));
  EXPECT_THAT(error("N,tokens,loss\n0,2,3\n", {{"params", "N"}}),
              testing::AllOf(HasSubstr("'N' is 0"), HasSubstr("positive")));
  for (const char* bad : {"-1", "nan", "inf", "0"}) {
    EXPECT_THAT(error(std::string("params,tokens,loss\n1,2,") + bad + "\n"), HasSubstr("'loss'")) << bad;
  }
  EXPECT_THAT(error("params,tokens,loss,weight\n1,2,3,-1\n"), HasSubstr("'weight'"));
  EXPECT_THAT(error("params,tokens,loss,lr\n1,2,3,abc\n"), HasSubstr("'lr'"));
  EXPECT_THAT(error("params,tokens,loss,steps\n1,2,3,0\n"), HasSubstr("'steps' is 0"));
  EXPECT_THAT(error("params,tokens,loss,batch_tokens\n1,2,3,-4\n"), HasSubstr("'batch_tokens' is -4"));
}

TEST(Observe, UsesTheConventionAskedFor) {
  RunRecord r;
  r.params.total = 100;
  r.params.non_embedding = 60;
  r.params.effective = 80;
  r.tokens = 1000;
  r.flops.exact = 7e5;
  r.loss.nats = 2.5;
  r.loss.stderr_nats = 0.1;
  r.trunk = "t";
  r.spec.optimizer.lr = 0.01;
  const auto total = observe(r, {});
  ASSERT_TRUE(total.has_value());
  EXPECT_EQ(total->params, 100);
  EXPECT_EQ(total->flops, 6.0 * 100 * 1000);
  EXPECT_EQ(total->group, "t");
  EXPECT_EQ(total->shape, "d32 L2");
  EXPECT_EQ(total->lr, 0.01);
  EXPECT_EQ(total->steps, static_cast<double>(run_steps(r.spec)));
  EXPECT_EQ(total->batch_tokens, 256);
  EXPECT_FALSE(total->unique_tokens.has_value());
  EXPECT_EQ(observe(r, {.params = ParamsCount::non_embedding, .flops = FlopsCount::six_nd})->flops, 6.0 * 60 * 1000);
  EXPECT_EQ(observe(r, {.params = ParamsCount::effective, .flops = FlopsCount::exact})->params, 80);
  EXPECT_EQ(observe(r, {.params = ParamsCount::effective, .flops = FlopsCount::exact})->flops, 7e5);
  r.spec.data.unique_tokens = 500;
  EXPECT_EQ(observe(r, {})->unique_tokens, 500.0);
}

TEST(Observe, RunsWithoutALossAreNoObservation) {
  RunRecord r;
  r.loss.nats = 2;
  r.outcome.status = RunStatus::diverged;
  EXPECT_FALSE(observe(r, {}).has_value());
  r.outcome.status = RunStatus::completed;
  r.loss.nats.reset();
  EXPECT_FALSE(observe(r, {}).has_value());
}

}  // namespace
}  // namespace scalelaw
