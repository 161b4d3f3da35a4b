// scalelaw fit on a study folder: records of several seeds, their training curves, every convention.
#include <set>

#include "fit/fixtures.hpp"
#include "program.hpp"
#include "records/shape.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

/// Six shapes at six token counts with three seeds each, 0.5 % noise, their curves under a schedule of this kind.
class FitStudy : public testing::Test {
 protected:
  void make(ScheduleKind kind) const {
    Rng rng = make_rng(1, "study");
    for (const std::int64_t width : {16, 24, 32, 48, 64, 96}) {
      for (int k = 0; k < 6; ++k) {
        for (std::int64_t seed = 0; seed < 3; ++seed) {
          RunRecord r;
          r.spec.model.d_model = width;
          r.spec.model.n_head = width / r.spec.model.d_head;
          r.spec.model.d_ff = 4 * width;
          r.spec.data.tokens = 256 * 400 * (std::int64_t{1} << k);
          r.spec.schedule.kind = kind;
          r.spec.seed = seed;
          r.id = run_id(r.spec);
          r.params = count_params(r.spec.model);
          r.tokens = r.spec.data.tokens;
          r.flops = count_flops(r.spec.model, r.tokens);
          const Scale at{static_cast<double>(r.params.total), static_cast<double>(r.tokens)};
          r.loss.nats = predict_loss(test::tiny_law(), at) * std::exp(0.005 * standard_normal(rng));
          write_json_file(folder_ / "runs" / (r.id + ".json"), to_json(r));
          write_curve(r, kind);
        }
      }
    }
  }
  void write_curve(const RunRecord& r, ScheduleKind kind) const {
    std::string text = "step,tokens,train_loss_nats,lr,grad_norm\n";
    for (int i = 1; i <= 100; ++i) {
      const double t = i / 100.0, tokens = static_cast<double>(r.tokens) * t;
      const double loss = predict_loss(test::tiny_law(), Scale{static_cast<double>(r.params.total), tokens});
      const double rate = kind == ScheduleKind::cosine ? 0.5 * (1 + std::cos(3.141592653589793 * t)) : 1.0;
      text += fmt::format("{},{},{},{},1\n", i * 4, tokens, loss + 0.1, rate);  // training loss lies elsewhere
    }
    write_file_atomic(folder_ / "curves" / (r.id + ".csv"), text);
  }
  [[nodiscard]] ProgramResult run(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  TempFolder folder_;
};

TEST_F(FitStudy, SeedsGiveTheNoiseOfIntervalsAndOfHeldOutErrors) {
  make(ScheduleKind::cosine);
  const Json r = run("fit . --bootstrap 60 --resample parametric --holdout-above 2e12 --json -").json();
  EXPECT_EQ(r.at("noise").at("freedom"), 72);
  EXPECT_NEAR(r.at("noise").at("sd").get<double>(), 0.005, 0.001);
  EXPECT_NEAR(r.at("holdout").at("noise").get<double>(), 0.005 / std::sqrt(3), 0.0006) << "of means of three";
  EXPECT_EQ(r.at("bootstrap").at("failed"), 0);
}

TEST_F(FitStudy, AllCoversEveryConvention) {
  make(ScheduleKind::cosine);
  const Json fits = run("fit . --all --bootstrap 40 --curves --json -").json().at("fits");
  ASSERT_EQ(fits.size(), 6U * 5U);
  std::set<std::string> conventions;
  for (const Json& r : fits) {
    conventions.insert(r.at("convention").at("params").get<std::string>() + " " +
                       r.at("convention").at("flops").get<std::string>());
  }
  EXPECT_EQ(conventions.size(), 6U);
  const Json &finals = fits[0], &curves = fits[1];
  EXPECT_EQ(finals.at("n"), 36) << "seeds are averaged";
  EXPECT_EQ(curves.at("curves"), true);
  EXPECT_GT(curves.at("n"), 108) << "more than the runs";
  EXPECT_NEAR(curves.at("derived").at("a").get<double>(), finals.at("derived").at("a").get<double>(), 0.15);
}

TEST_F(FitStudy, CurvesOfAConstantRateAreNoFinishedRuns) {
  make(ScheduleKind::constant);
  const ProgramResult o = run("fit . --method envelope --curves");
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.out, HasSubstr("never falls to a tenth"));
  EXPECT_THAT(o.err, HasSubstr("too_few_points"));
  const ProgramResult finals = run("fit . --method envelope");
  EXPECT_THAT(finals.err, HasSubstr("the fit is biased")) << "their final losses are comparable among themselves";
}

TEST_F(FitStudy, ARunWithoutACurveIsNamed) {
  make(ScheduleKind::cosine);
  std::filesystem::remove_all(folder_ / "curves");
  const ProgramResult o = run("fit . --method envelope --curves");
  EXPECT_EQ(o.code, 3);
  EXPECT_THAT(o.out, HasSubstr("there is no training curve"));
}

TEST_F(FitStudy, StepsOfRecordsFeedKaplansLaw) {
  make(ScheduleKind::cosine);
  const Json r = run("fit . --law kaplan-steps --critical-batch 1e5 --json -").json();
  EXPECT_EQ(r.at("law"), "kaplan-steps");
  EXPECT_TRUE(r.at("params").contains("Sc"));
}

}  // namespace
}  // namespace scalelaw
