// scalelaw fit --allow-few, and what predict and allocate make of such a fit.
#include "fit/gadre_points.hpp"
#include "program.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

class FewPointsProgram : public testing::Test {
 protected:
  void SetUp() override { write_file_atomic(folder_ / "gadre.csv", observations_csv(test::gadre_points())); }
  [[nodiscard]] ProgramResult run(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }

  TempFolder folder_;
};

TEST_F(FewPointsProgram, FitsThemWhereAskedAndEndsWithSuccess) {
  const ProgramResult refused = run("fit gadre.csv --law overtraining");
  EXPECT_EQ(refused.code, 3);
  EXPECT_THAT(refused.err, HasSubstr("--allow-few"));
  const ProgramResult few = run("fit gadre.csv --law overtraining --objective log-mse --allow-few --json fit.json");
  EXPECT_EQ(few.code, 0) << few.err;
  EXPECT_THAT(few.out, HasSubstr("caution: 5 points for 4 parameters"));
  run("fit gadre.csv --method isoflop --allow-few").expect_error(2, "--allow-few");

  const ProgramResult text = run("predict fit.json --params 6889410560 --tokens 137788211200");
  EXPECT_THAT(text.out, HasSubstr("loss 2.4518 nats"));
  EXPECT_THAT(text.out, HasSubstr("caution: the fit is of few points"));
  const Json loss = run("predict fit.json --params 6889410560 --tokens 137788211200 --json -").json();
  EXPECT_THAT(loss.at("caution").get<std::string>(), HasSubstr("no interval can be given"));
  EXPECT_EQ(loss.at("ci95"), Json::object());

  EXPECT_THAT(run("allocate fit.json --flops 1e20").out, HasSubstr("caution: the fit is of few points"));
  EXPECT_TRUE(run("allocate fit.json --flops 1e20 --json -").json().contains("caution"));
  run("compare gadre.csv fit.json").expect_error(3, "the fit is of few points");
}

TEST_F(FewPointsProgram, OtherFitsCarryNoSuchCaution) {
  write_file_atomic(folder_ / "many.csv", "params,tokens,loss\n1e6,1e9,4\n2e6,1e9,3.8\n4e6,1e9,3.5\n1e6,4e9,3.7\n");
  const ProgramResult fit = run("fit many.csv --law power-n --bootstrap 0 --json fit.json");
  ASSERT_EQ(fit.code, 0) << fit.err;
  EXPECT_FALSE(run("predict fit.json --params 1e7 --json -").json().contains("caution"));
}

}  // namespace
}  // namespace scalelaw
