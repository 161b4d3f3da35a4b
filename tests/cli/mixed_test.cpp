// Inputs that do not belong together, as a user gives them to fit and compare.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>

#include "program.hpp"

namespace scalelaw {
namespace {

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

TEST(Mixed, TwoTablesOfTwoCorporaAreRefusedLikeOne) {
  const TempFolder folder;
  write_file_atomic(folder / "a.csv", table("corpus", [](int) { return "books"; }));
  write_file_atomic(folder / "b.csv", table(
                                          "dataset", [](int) { return "code"; }, 1.1));
  write_file_atomic(folder / "c.csv", table(
                                          "note", [](int) { return "x"; }, 1.2));
  const auto refused = run_scalelaw(folder, "fit a.csv b.csv");
  refused.expect_error(3, "they differ in corpus: books (16 rows of a.csv), code (16 rows of b.csv)");
  for (const char* part : {"--where", "--pool", "a.csv and b.csv"}) EXPECT_THAT(refused.err, HasSubstr(part));
  run_scalelaw(folder, "fit a.csv c.csv")
      .expect_error(3, "corpus: books (16 rows of a.csv), not given (16 rows of c.csv)");
  EXPECT_EQ(run_scalelaw(folder, "fit a.csv b.csv --where corpus=code --json -").json().at("n"), 16);
  EXPECT_THAT(run_scalelaw(folder, "fit a.csv b.csv --where corpus=code").out,
              HasSubstr("16 of 32 rows, those with corpus=code"));
  EXPECT_EQ(run_scalelaw(folder, "fit a.csv c.csv --where corpus=none --json -").json().at("n"), 16);
  EXPECT_EQ(run_scalelaw(folder, "fit a.csv b.csv --pool --json -").json().at("n"), 32);
  run_scalelaw(folder, "fit a.csv b.csv --where corpus=poems").expect_error(2, "there are books, code");
  write_file_atomic(folder / "d.csv", table(
                                          "corpus", [](int) { return "Books"; }, 1.3));
  EXPECT_EQ(run_scalelaw(folder, "fit a.csv d.csv --json -").json().at("n"), 32);
}

TEST(Mixed, OneNameInTwoTablesIsNoOneRunWhereParamsDiffer) {
  const TempFolder folder;
  const std::string head = "run,params,tokens,loss\n";
  std::string small = head, large = head;
  for (const double d : {1e9, 2e9, 4e9, 8e9, 1.6e10}) {
    for (const double n : {1e7, 4e7, 1.6e8}) {
      const auto loss = [&](double params) { return 1.8 + 480 / std::pow(params, 0.35) + 2000 / std::pow(d, 0.37); };
      small += fmt::format("r{},{},{},{}\n", n, n, d, loss(n));
      large += fmt::format("r{},{},{},{}\n", n, 2 * n, d, loss(2 * n));
    }
  }
  write_file_atomic(folder / "small.csv", small);
  write_file_atomic(folder / "large.csv", large);
  const auto both = run_scalelaw(folder, "fit small.csv large.csv");
  EXPECT_THAT(both.out, HasSubstr("runs of one name ('r10000000' and 2 other names) have several params"));
}

TEST(Mixed, OneBadCellCostsItsRow) {
  const TempFolder folder;
  std::string text = table("note", [](int) { return "x"; });
  write_file_atomic(folder / "bad.csv", text + "0,1e9,3,x\n");
  const auto fit = run_scalelaw(folder, "fit bad.csv");
  EXPECT_THAT(fit.out,
              HasSubstr("left out: 1 of 17 rows: row 18: column 'params' is 0; it must be positive and finite"));
  EXPECT_EQ(run_scalelaw(folder, "fit bad.csv --json -").json().at("n"), 16);
  write_file_atomic(folder / "all.csv", "params,tokens,loss\n0,1e9,3\n0,2e9,3\n0,3e9,3\n");
  run_scalelaw(folder, "fit all.csv").expect_error(3, "3 of 3 rows");
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
