// scalelaw compare --multiplier.
#include "program.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string recipes() {
  const std::string cases = std::string(SCALELAW_SOURCE_DIR) + "/tests/data/cases/";
  return fmt::format("compare {0}recipe_a.csv {0}recipe_b.csv ", cases);
}

TEST(CompareMultiplier, IsTheAnswerInTextAndJson) {
  const TempFolder folder;
  const ProgramResult own = run_scalelaw(folder, recipes() + "--multiplier --json own.json");
  ASSERT_EQ(own.code, 0) << own.err;
  EXPECT_THAT(own.out, HasSubstr("recipe_a.csv needs 1.250 times the compute of recipe_b.csv for a loss of"));
  EXPECT_THAT(own.out, HasSubstr("were reached by both within their runs"));
  EXPECT_THAT(own.out, Not(HasSubstr("verdict"))) << "no exponents";
  const Json json = read_json_file(folder / "own.json");
  EXPECT_EQ(json.at("multiplier").at("at").size(), 5U);
  EXPECT_EQ(json.at("exponents").size(), run_scalelaw(folder, recipes() + "--json -").json().at("exponents").size());
  EXPECT_FALSE(run_scalelaw(folder, recipes() + "--json -").json().contains("multiplier"));

  const Json shared =
      run_scalelaw(folder, recipes() + "--multiplier --shared-exponents --losses 3,2.5 --json -").json();
  ASSERT_EQ(shared.at("multiplier").at("at").size(), 2U);
  const auto width = [](const Json& at) { return at.at("ci95")[1].get<double>() - at.at("ci95")[0].get<double>(); };
  EXPECT_LT(width(shared.at("multiplier").at("at")[1]), width(json.at("multiplier").at("at")[2]));
}

TEST(CompareMultiplier, WhatItCannotAnswerIsRefused) {
  const TempFolder folder;
  run_scalelaw(folder, recipes() + "--shared-exponents").expect_error(2, "--shared-exponents: belongs to --multiplier");
  run_scalelaw(folder, recipes() + "--losses 3").expect_error(2, "--losses: belongs to --multiplier");
  run_scalelaw(folder, recipes() + "--multiplier --plot x.svg").expect_error(2, "leave out --multiplier");
  const std::string cases = std::string(SCALELAW_SOURCE_DIR) + "/tests/data/cases/";
  run_scalelaw(folder, "compare " + cases + "recipe_a.csv besiroglu2024 --multiplier")
      .expect_error(2, "compares two sets of runs");
  const ProgramResult none = run_scalelaw(folder, recipes() + "--law power-n --multiplier");
  EXPECT_EQ(none.code, 3);
  EXPECT_THAT(none.err, HasSubstr("no compute multiplier"));
}

}  // namespace
}  // namespace scalelaw
