// scalelaw allocate as a program.
#include "inference/surface.hpp"
#include "law/optimum.hpp"
#include "program.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;

class AllocateCommand : public testing::Test {
 protected:
  /// fit.json: a fit to 42 points of the tiny law.
  void make_fit() const {
    write_file_atomic(folder_ / "points.csv",
                      observations_csv(simulate_points(tiny_points(), tiny_law(), {.sd = 0.002}, 1, 0)));
    const auto made = run_scalelaw(folder_, "fit points.csv --law chinchilla --bootstrap 60 --json fit.json");
    ASSERT_EQ(made.code, 0) << made.err;
  }
  TempFolder folder_;
};

TEST_F(AllocateCommand, Gpt3sBudgetUnderAPublishedLaw) {
  const Json a = run_scalelaw(folder_, "allocate --law besiroglu2024 --flops 3.15e23 --json -").json();
  EXPECT_EQ(a["schema"], "scalelaw.allocation/1");
  EXPECT_NEAR(a["params"].get<double>() / 53.0e9, 1, 0.02);
  EXPECT_NEAR(a["tokens"].get<double>() / 0.99e12, 1, 0.02);
  EXPECT_NEAR(a["loss"].get<double>(), 1.9923, 5e-5);
  EXPECT_NEAR(6 * a["params"].get<double>() * a["tokens"].get<double>() / 3.15e23, 1, 1e-9);
}

TEST_F(AllocateCommand, AFitFileGivesIntervalsAndWarnsBeyondItsData) {
  make_fit();
  const Json a = run_scalelaw(folder_, "allocate fit.json --flops 6e16 --json -").json();
  const double params = a["params"].get<double>(), truth = compute_optimal(tiny_law(), 6e16).scale.params;
  EXPECT_NEAR(params / truth, 1, 0.2);
  EXPECT_LT(a["ci95"]["params"][0], params);
  EXPECT_GT(a["ci95"]["params"][1], params);
  EXPECT_NEAR(a["extrapolation_factor"].get<double>(), 100, 0.1);
  const auto text = run_scalelaw(folder_, "allocate fit.json --flops 6e16");
  EXPECT_EQ(text.code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("100"));
}

TEST_F(AllocateCommand, SeveralBudgetsAreOneTableAndTheOtherQuestionsAgree) {
  const Json both = run_scalelaw(folder_, "allocate --law besiroglu2024 --flops 1e21 1e22 --json -").json();
  ASSERT_EQ(both["allocations"].size(), 2U);
  const Json& first = both["allocations"][0];
  const auto number = [](const Json& value) { return fmt::format("{:.17g}", value.get<double>()); };
  const std::string law = "allocate --law besiroglu2024 --json - ";
  for (const auto& question : {"--params " + number(first["params"]), "--tokens " + number(first["tokens"]),
                               "--loss " + number(first["loss"])}) {
    const Json a = run_scalelaw(folder_, law + question).json();
    EXPECT_NEAR(a["flops"].get<double>() / 1e21, 1, 1e-6) << question;
    EXPECT_NEAR(a["params"].get<double>() / first["params"].get<double>(), 1, 1e-6) << question;
  }
}

TEST_F(AllocateCommand, InferenceMakesTheModelSmaller) {
  const std::string law = "allocate --law besiroglu2024 --flops 1e22 --json -";
  const Json plain = run_scalelaw(folder_, law).json();
  const Json served = run_scalelaw(folder_, law + " --inference-tokens 1e12").json();
  EXPECT_LT(served["params"], plain["params"]);
}

TEST_F(AllocateCommand, AStudyFolderIsNamedWithItsFits) {
  std::filesystem::create_directory(folder_ / "study");
  run_scalelaw(folder_, "allocate study --flops 1e20").expect_error(3, "study/fits/*.json");
}

TEST_F(AllocateCommand, WrongArgumentsAreOneLineErrors) {
  run_scalelaw(folder_, "allocate --flops 1e20").expect_error(2, "no law is given");
  run_scalelaw(folder_, "allocate --law besiroglu2024").expect_error(2, "flops");
  run_scalelaw(folder_, "allocate --law besiroglu2024 --flops 1e20 --params 1e9").expect_error(2, "params");
  run_scalelaw(folder_, "allocate --law besiroglu2024 --flops -1").expect_error(2, "flops");
  run_scalelaw(folder_, "allocate --law besiroglu2024 --loss 1.5").expect_error(2, "1.5");
  run_scalelaw(folder_, "allocate --law hofmann2022 --flops 1e20").expect_error(2, "hoffmann2022");
  run_scalelaw(folder_, "allocate besiroglu2024 --flops 1e20").expect_error(2, "write --law besiroglu2024");
  run_scalelaw(folder_, "allocate none.json --flops 1e20").expect_error(3, "none.json");
  write_file_atomic(folder_ / "other.json", "{\"schema\": \"scalelaw.run/1\"}");
  run_scalelaw(folder_, "allocate other.json --flops 1e20").expect_error(3, "is not a fit");
  write_file_atomic(folder_ / "torn.json", "{\"schema\": ");
  run_scalelaw(folder_, "allocate torn.json --flops 1e20").expect_error(3, "torn.json");
}

}  // namespace
}  // namespace scalelaw
