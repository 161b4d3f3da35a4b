// Inputs that do not belong together, as a user gives them to fit and compare.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "run_scalelaw.hpp"

namespace scalelaw {
namespace {

using test::run_scalelaw;
using ::testing::HasSubstr;
using ::testing::Not;

/// Rows N, D, loss of a known law with a ripple, and a last column.
std::string table(const std::string& column, const std::function<std::string(int)>& value, double scale = 1) {
  std::string text = "params,tokens,loss," + column + "\n";
  int row = 0;
  for (const double n : {1e7, 4e7, 1.6e8, 6.4e8}) {
    for (const double d : {1e9, 4e9, 1.6e10, 6.4e10}) {
      const double loss =
          scale * (1.8 + 480 / std::pow(n, 0.35) + 2000 / std::pow(d, 0.37)) * (1 + 0.002 * std::sin(12.9 * row));
      text += fmt::format("{},{},{},{}\n", n, d, loss, value(row++));
    }
  }
  return text;
}

TEST(Mixed, ATableOfTwoCorporaIsRefusedByFitAndCompareAndChosenFromByWhere) {
  const TempFolder folder;
  write_file_atomic(folder / "two.csv", table("corpus", [](int i) { return (i / 4 + i) % 2 == 0 ? "books" : "code"; }));
  write_file_atomic(folder / "one.csv", table("note", [](int) { return "x"; }));
  run_scalelaw(folder, "fit two.csv").expect_error(3, "corpus: books (8 rows), code (8 rows)");
  run_scalelaw(folder, "compare two.csv besiroglu2024").expect_error(3, "do not belong together");
  EXPECT_EQ(run_scalelaw(folder, "fit two.csv --where corpus=books --json -").json().at("n"), 8);
  EXPECT_THAT(run_scalelaw(folder, "fit two.csv --pool").out, HasSubstr("pooled (--pool)"));
  run_scalelaw(folder, "fit one.csv --where corpus=books").expect_error(2, "no column 'corpus'");
}

TEST(Mixed, OneGroupIsNoReasonForAnIntervalOfNoWidth) {
  const TempFolder folder;
  write_file_atomic(folder / "g.csv", table("group", [](int) { return "all"; }));
  const Json result = run_scalelaw(folder, "fit g.csv --json -").json();
  const Json& ci = result.at("bootstrap").at("derived").at("a").at("ci95");
  EXPECT_GT(ci.at(1).get<double>() - ci.at(0).get<double>(), 1e-3);
  EXPECT_THAT(run_scalelaw(folder, "fit g.csv").out, HasSubstr("too few to resample"));
  write_file_atomic(folder / "e.csv", table("experiment", [](int) { return "sweep"; }));
  EXPECT_THAT(run_scalelaw(folder, "fit e.csv").out, Not(HasSubstr("are one group")));
}

TEST(Mixed, ALawIsSimulatedWithTheNoiseOfTheLossesWhateverTheMethod) {
  const TempFolder folder;
  std::string text = "params,flops,loss\n";
  int row = 0;
  for (const double c : {1e18, 4e18, 1.6e19, 6.4e19}) {
    for (const double x : {-1.0, -0.5, 0.0, 0.5, 1.0}) {
      const double n = 0.09 * std::sqrt(c) * std::exp(1.2 * x), d = c / (6 * n);
      const double loss =
          (1.8 + 480 / std::pow(n, 0.35) + 2000 / std::pow(d, 0.37)) * (1 + 0.002 * std::sin(12.9 * row++));
      text += fmt::format("{},{},{}\n", n, c, loss);
    }
  }
  write_file_atomic(folder / "iso.csv", text);
  const auto result =
      run_scalelaw(folder, "compare iso.csv besiroglu2024 --method isoflop --studies 60 --json -").json();
  EXPECT_LT(result.at("noise").get<double>(), 0.01);
  EXPECT_GT(result.at("noise").get<double>(), 1e-4);
}

}  // namespace
}  // namespace scalelaw
