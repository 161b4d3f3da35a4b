// The files of tests/data/cases through the program: the fits they give, the lines that say what was read.
#include "program.hpp"

#include <cmath>

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;

const std::string kCases = std::string(SCALELAW_SOURCE_DIR) + "/tests/data/cases/";

class Reading : public testing::Test {
 protected:
  [[nodiscard]] ProgramResult run(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  [[nodiscard]] Json fit(const std::string& arguments) const {
    const ProgramResult o = run("fit " + arguments + " --json -");
    EXPECT_EQ(o.code, 0) << arguments << "\n" << o.err;
    return o.code == 0 ? Json::parse(o.out) : Json{{"params", Json::object()}, {"derived", Json::object()}};
  }
  [[nodiscard]] static std::string file(const std::string& name) { return "'" + kCases + name + "'"; }
  [[nodiscard]] static double param(const Json& r, const char* name) { return r.at("params").value(name, NAN); }
  TempFolder folder_;
};

TEST_F(Reading, EveryFormGivesTheSameFit) {
  const Json base = fit(file("formats/00-base.csv"));
  EXPECT_FALSE(base.contains("read"));
  for (const char* form : {"01-tab.tsv", "03-semicolon-decimal-comma.csv", "05-units.csv", "10-comments.csv",
                           "14-underscore.csv", "15-utf16.csv", "nan.csv", "none.csv", "status.csv"}) {
    EXPECT_EQ(fit(file(std::string("formats/") + form)).at("params"), base.at("params")) << form;
  }
  for (const char* form : {"17-array.json", "29-steps.csv"}) {  // more digits; tokens in whole steps
    EXPECT_NEAR(param(fit(file(std::string("formats/") + form)), "alpha") / param(base, "alpha"), 1, 1e-3) << form;
  }
  EXPECT_EQ(fit(file("formats/21-dup-header.csv") + " --columns 'loss=#4'").at("params"), base.at("params"));
  EXPECT_EQ(fit(file("formats/30-mixed-units.csv") + " --tokens-unit B").at("params"), base.at("params"));
  run("fit " + file("formats/21-dup-header.csv")).expect_error(3, "2 columns may be loss");
  EXPECT_THAT(run("fit " + file("formats/status.csv")).out,
              testing::StartsWith("left out: 2 of 32 rows: row 32: column 'loss' is nan, status is crashed; row 33: "));
  EXPECT_THAT(run("fit " + file("formats/03-semicolon-decimal-comma.csv")).out,
              testing::StartsWith("read as: semicolon separated, decimal comma\n"));
}

TEST_F(Reading, StandardInput) {
  const Json base = fit(file("formats/00-base.csv"));
  EXPECT_EQ(fit("- <" + file("formats/01-tab.tsv")).at("params"), base.at("params"));
  run("fit - <" + file("formats/21-dup-header.csv")).expect_error(3, "standard input: 2 columns may be loss");
}

TEST_F(Reading, JsonLinesAndDashboards) {
  EXPECT_EQ(fit(file("runs.jsonl")).at("n"), 57);
  run("fit " + file("wandb.csv")).expect_error(3, "--columns 'loss=eval/c4/loss|eval/wiki/loss|eval/loss'");
  const Json fits = fit(file("wandb.csv") + " --columns 'loss=eval/c4/loss|eval/loss'").at("fits");
  ASSERT_EQ(fits.size(), 2U);
  EXPECT_EQ(fits[0].at("counted"), "loss eval/c4/loss");
  EXPECT_EQ(fits[1].at("n"), 57);
  EXPECT_EQ(fits[1].at("params"), fit(file("wandb.csv") + " --columns loss=eval/loss").at("params"));
  EXPECT_NE(fits[0].at("params"), fits[1].at("params"));
}

TEST_F(Reading, RatesAndShortRunsCountAsInRecords) {
  const Json rates = fit(file("lr_sweep_known.csv"));
  EXPECT_NEAR(param(rates, "E"), 1.805, 5e-4);
  EXPECT_NEAR(rates.at("derived").at("a").get<double>(), 0.5146, 5e-5);
  EXPECT_EQ(rates.at("n"), 25);
  EXPECT_THAT(run("fit " + file("lr_sweep_known.csv")).out, HasSubstr("25 (shape, tokens) pairs tuned"));
  const std::string text = read_text_file(kCases + "lr_sweep_known.csv");
  write_file_atomic(folder_ / "gap.csv", text + "n2e+07,20000000,1000000000,,0,4.2\n");
  EXPECT_THAT(run("fit '" + (folder_ / "gap.csv").string() + "'").out,
              AllOf(HasSubstr("25 (shape, tokens) pairs tuned"),
                    HasSubstr("1 row beside the sweeps of the learning rate names no lr: taken as tuned")));
  const ProgramResult shorter = run("fit " + file("min_steps_ignored.csv") + " --min-steps 500");
  EXPECT_THAT(shorter.out + shorter.err,
              AllOf(HasSubstr("left out: 6 rows of a table: fewer than 500 optimizer steps"), HasSubstr("N 10M D 5M")));
}

TEST_F(Reading, LeavingShortRunsOutGivesTheRightExponent) {
  const Json r = fit(file("min_steps_ignored.csv") + " --min-steps 50");
  EXPECT_EQ(r.at("n"), 9);
  EXPECT_NEAR(param(r, "beta"), 0.3658, 5e-5) << "SciPy, least squares of ln loss over the nine rows";
  const Json fixed = fit(file("min_steps_ignored.csv") + " --min-steps 500 --fix E=1.8");
  EXPECT_EQ(fixed.at("n"), 6) << "too few for five parameters";
  EXPECT_NEAR(param(fixed, "beta"), 0.3658, 5e-5);
  const Json all = fit(file("min_steps_ignored.csv") + " --min-steps 0 --objective log-mse");
  EXPECT_EQ(all.at("n"), 12);
  EXPECT_NEAR(param(all, "beta"), 0.48295, 5e-4) << "SciPy";
}

TEST_F(Reading, RowsOfOneRunAreOneUnit) {
  const Json r = fit(file("checkpoints_of_runs.csv") + " --bootstrap 400 --resample groups");
  EXPECT_GT(r.at("bootstrap").at("derived").at("a").at("se").get<double>(), 0.02) << "as rows: 0.0024";
  run("fit " + file("formats/00-base.csv") + " --bootstrap 20 --resample groups").expect_error(2, "add a column group");
}

TEST_F(Reading, CosinesThatEndAtATenthAreTaken) {
  // The envelope is biased at this design (exit code 3); what is looked at here is that every run was taken.
  const ProgramResult o = run("fit " + file("cosine_to_a_tenth.csv") + " --method envelope --curves --json -");
  EXPECT_EQ(o.code, 3);
  const Json r = Json::parse(o.out);
  EXPECT_FALSE(r.contains("excluded")) << r.at("excluded").dump();
}

TEST_F(Reading, WhatMakesAnAnswerWrongIsSaidBesideIt) {
  EXPECT_THAT(run("fit " + file("cosine_to_a_tenth.csv") + " --bootstrap 0").out,
              HasSubstr("rows lie where the learning rate of their run had not decayed yet"));
  const auto fitted = [&](const std::string& name, const std::string& text) {
    write_file_atomic(folder_ / name, text);
    return run("fit " + name + " --bootstrap 0");
  };
  std::string doubled = "params,tokens,flops,corpus,loss\n", constant = "params,tokens,loss\n";
  for (int n = 1; n <= 4; ++n) {
    for (int d = 1; d <= 4; ++d) {
      const double params = 1e6 * std::pow(3, n), tokens = 1e8 * std::pow(3, d);
      const double loss = 1.8 + 480 / std::pow(params, 0.35) + 2000 / std::pow(tokens, 0.37);
      doubled += fmt::format("{},{},{},{},{}\n", params, tokens, 2 * params * tokens, n < 3 ? "pile" : "", loss);
      constant += fmt::format("{},{},3\n", params, tokens);
    }
  }
  EXPECT_THAT(fitted("doubled.csv", doubled).out,
              AllOf(HasSubstr("the column of FLOPs is 0.33 times 6 N D at the median"),
                    HasSubstr("corpus is given in 8 of 16 rows (pile), and the others are taken to have the same")));
  const ProgramResult same = fitted("constant.csv", constant);
  EXPECT_EQ(same.code, 3);
  EXPECT_THAT(same.out, HasSubstr("every loss is 3, so that nothing shows what it depends on"));
  EXPECT_THAT(run("compare doubled.csv doubled.csv").out, HasSubstr("hold the same runs"));
  run("compare doubled.csv constant.csv --bootstrap 30").expect_error(2, "the 2.5 % quantile needs at least 40");
  EXPECT_THAT(run("compare " + file("outlier.csv") + " hoffmann2022 --studies 40").out,
              HasSubstr("residuals that hold 1 outlier of outlier.csv, which widens every interval"));
  const ProgramResult held = run("fit doubled.csv --fix alpha=0.35");
  EXPECT_THAT(held.out, HasSubstr("held"));
}

TEST_F(Reading, ARunGivenTwiceIsNamed) {
  const std::string base = file("formats/00-base.csv");
  run("fit " + base + " " + base).expect_error(2, "is given twice");
  run("fit " + base + " " + file("formats/01-tab.tsv")).expect_error(3, "01-tab.tsv: row 2 is the same run as");
  run("fit " + file("formats/nope.csv")).expect_error(3, "there is no such file");
}

TEST_F(Reading, PointsThatAreNotOptimaAreRefused) {
  run("fit " + file("lr_sweep_known.csv") + " --law optimal").expect_error(3, "these points are not all optima");
}

TEST_F(Reading, LawsOfOneQuantityAndNegativeLosses) {
  std::string text = "N,loss\n", negative = "params,tokens,loss\n";
  for (int k = 0; k < 8; ++k) {
    const double n = 1e6 * std::pow(2, k), loss = std::pow(1e8 / n, 0.3);
    text += fmt::format("{},{}\n", n, loss);
    for (const double d : {1e9, 4e9, 1.6e10}) {
      negative += fmt::format("{},{},{}\n", n, d, -5 + 400 / std::pow(n, 0.3) + 400 / std::pow(d, 0.3));
    }
  }
  write_file_atomic(folder_ / "n.csv", text);
  EXPECT_NEAR(param(fit("n.csv --law power-n"), "alpha"), 0.3, 1e-6);
  run("fit n.csv --law power-d").expect_error(3, "a column 'tokens'");
  run("fit n.csv").expect_error(3, "two of 'params', 'tokens', 'flops'");
  write_file_atomic(folder_ / "negative.csv", negative);
  run("fit negative.csv").expect_error(3, "it must be positive");
  const Json signed_losses = fit("negative.csv --objective mse --bootstrap 20");
  EXPECT_NEAR(param(signed_losses, "E"), -5, 1e-6);
  EXPECT_NEAR(param(signed_losses, "alpha"), 0.3, 1e-6);
  EXPECT_NEAR(signed_losses.at("bootstrap").at("draws")[0][0].get<double>(), -5, 1e-4);
  EXPECT_EQ(signed_losses.at("read")[0].at("understood")[0], "losses of 0 or less, so no logarithm of losses is taken");
}

TEST_F(Reading, CountsAreTakenAsTheyArePrinted) {
  const auto loss = [&](const char* counts) {
    return run(fmt::format("predict --law hoffmann2022 {} --json -", counts)).json().at("loss");
  };
  EXPECT_EQ(loss("--params 70B --tokens 1.4T"), loss("--params 70e9 --tokens 1400000000000"));
  EXPECT_EQ(run("allocate --law besiroglu2024 --params 70B --json -").json(),
            run("allocate --law besiroglu2024 --params 7e10 --json -").json());
  run("predict --law hoffmann2022 --params many --tokens 1e9").expect_error(2, "--params");
}

TEST_F(Reading, OptionsSayHowToRead) {
  write_file_atomic(folder_ / "c.csv", "model params;D;\"eval, loss\"\n1,234;5000000;8\n");
  run("fit c.csv --columns 'params=model params,loss=\"eval, loss\"'").expect_error(3, "say --decimal comma or");
  const ProgramResult o = run(
      "fit c.csv --columns 'params=model params,loss=\"eval, loss\"' --decimal comma --params-unit M --loss-unit bits");
  EXPECT_THAT(o.out, HasSubstr("read as: semicolon separated, decimal comma, counts as '1,234', params = 'model "
                               "params' (millions), tokens = 'D', "
                               "loss = 'eval, loss' (bits: x ln 2, nats)\n"));
  run("fit c.csv --params-unit Q").expect_error(2, "give k, M, B or T");
  run("fit c.csv --delimiter semi").expect_error(2, "--delimiter");
}

}  // namespace
}  // namespace scalelaw
