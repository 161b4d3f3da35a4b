// What scalelaw fit says of its own answer.
#include <cmath>

#include "core/rng.hpp"
#include "fit/fixtures.hpp"
#include "program.hpp"
#include "records/shape.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string case_file(const std::string& name) {
  return std::string(SCALELAW_SOURCE_DIR) + "/tests/data/cases/" + name;
}

class FitVerdicts : public testing::Test {
 protected:
  [[nodiscard]] ProgramResult run(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  TempFolder folder_;
};

TEST_F(FitVerdicts, AnIntervalIsPrintedUnasked) {
  const ProgramResult o = run(fmt::format("fit '{}'", case_file("quick_points.csv")));
  EXPECT_EQ(o.code, 0) << o.err;
  EXPECT_THAT(o.out, AllOf(HasSubstr("95 % interval"), HasSubstr("bootstrap: 500 replicates by components"),
                           HasSubstr("seed 2"), HasSubstr("the form chinchilla is rejected"),
                           HasSubstr("goodness: rms residual of ln loss"), Not(HasSubstr("95 % profile"))));
  const ProgramResult none = run(fmt::format("fit '{}' --bootstrap 0", case_file("quick_points.csv")));
  EXPECT_THAT(none.out, AllOf(HasSubstr("95 % profile"), Not(HasSubstr("95 % interval"))));
}

TEST_F(FitVerdicts, EveryResidualIsPrintedWhenAskedFor) {
  const ProgramResult o = run(fmt::format("fit '{}' --residuals --json fit.json", case_file("outlier.csv")));
  EXPECT_THAT(o.out, AllOf(HasSubstr("an outlier: exp17-d128"), HasSubstr("ln observed - ln law")));
  const Json r = read_json_file(folder_ / "fit.json");
  EXPECT_EQ(r.at("residuals").size(), 57U);
  EXPECT_EQ(r.at("residuals")[0].at("run"), "exp17-d128");
  EXPECT_EQ(r.at("goodness").at("outliers"), 1);
  run("fit x.csv --method isoflop --residuals").expect_error(2, "--residuals: belongs to --method parametric");
}

TEST_F(FitVerdicts, ApproachesOneAndTwoAreJudged) {
  EXPECT_THAT(run(fmt::format("fit '{}' --method isoflop", case_file("plateau.csv"))).out,
              AllOf(HasSubstr("not_a_parabola"), HasSubstr("(loss 3.07)")));
  EXPECT_THAT(run(fmt::format("fit '{}' --method isoflop", case_file("wide_grid.csv"))).out,
              HasSubstr("narrow them to about x4"));
  const ProgramResult ray = run(fmt::format("fit '{}' --method envelope", case_file("ratio20.csv")));
  EXPECT_EQ(ray.code, 3);
  EXPECT_THAT(ray.err, HasSubstr("all runs have D = 20 N"));
  EXPECT_THAT(run(fmt::format("fit '{}' --all", case_file("quick_points.csv"))).out,
              AllOf(HasSubstr("NOT CONVERGED: biased"), HasSubstr("caution: 3 parametric: the form")));
}

/// An isoFLOP study of tiny shapes whose D is rounded to whole batches: 3 budgets x 5 widths.
class FitBudgets : public FitVerdicts {
 protected:
  void SetUp() override {
    Rng rng = make_rng(1, "study");
    for (const double flops : {2e10, 8e10, 3.2e11}) {
      for (const std::int64_t width : {16, 24, 32, 48, 64, 96}) {
        RunRecord r;
        r.spec.model.d_model = width;
        r.spec.model.n_head = width / r.spec.model.d_head;
        r.spec.model.d_ff = 4 * width;
        r.params = count_params(r.spec.model);
        const double batches = flops / (6 * static_cast<double>(r.params.total)) / 256;
        r.spec.data.tokens = 256 * static_cast<std::int64_t>(std::ceil(batches));
        r.id = run_id(r.spec);
        r.tokens = r.spec.data.tokens;
        r.flops = count_flops(r.spec.model, r.tokens);
        const double x = std::log(static_cast<double>(r.params.total) / (0.2 * std::sqrt(flops)));
        r.loss.nats = (2.5 + 0.06 * x * x) * std::pow(flops / 1e10, -0.05) * std::exp(0.002 * standard_normal(rng));
        write_json_file(folder_ / "runs" / (r.id + ".json"), to_json(r));
      }
    }
  }
};

TEST_F(FitBudgets, TheReportAndFitAndFitAllGiveOneAnswer) {
  ASSERT_EQ(run("report .").code, 0);
  const Json report = read_json_file(folder_ / "fits" / "isoflop.json");
  const Json alone = run("fit . --method isoflop --json -").json();
  EXPECT_EQ(alone.at("params"), report.at("params"));
  EXPECT_EQ(alone.at("budgets"), report.at("budgets"));
  EXPECT_EQ(alone.at("bootstrap"), report.at("bootstrap")) << "one default bootstrap everywhere";
  EXPECT_EQ(alone.at("convergence").at("status"), "converged");
  const Json parametric = read_json_file(folder_ / "fits" / "parametric.json");
  EXPECT_EQ(run("fit . --json -").json().at("bootstrap"), parametric.at("bootstrap"));
  const Json fits = run("fit . --all --json -").json().at("fits");
  int isoflop = 0;
  for (const Json& r : fits) {
    if (r.at("method") != "isoflop" || r.at("curve") != "parabola") continue;
    ++isoflop;
    EXPECT_EQ(r.at("convergence").at("status"), "converged") << r.at("convention");
    if (r.at("convention") == report.at("convention")) {
      EXPECT_EQ(r.at("bootstrap"), report.at("bootstrap"));
    }
  }
  EXPECT_EQ(isoflop, 6) << "budgets are those of the study's own convention under every other";
}

}  // namespace
}  // namespace scalelaw
