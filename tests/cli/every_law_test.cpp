// Every law through every subcommand that takes one: an answer of finite numbers, or one line that says why not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "law/laws.hpp"
#include "law/published.hpp"
#include "program.hpp"

namespace scalelaw::test {
namespace {

/// Nothing in it is null or not finite but what is null by contract.
void expect_no_nan(const ProgramResult& outcome, const std::string& what) {
  EXPECT_EQ(outcome.out.find("nan"), std::string::npos) << what << ": " << outcome.out;
  EXPECT_EQ(outcome.out.find("inf "), std::string::npos) << what << ": " << outcome.out;
  if (outcome.code == 0) return;
  EXPECT_TRUE(outcome.code == 2 || outcome.code == 3) << what << ": exit code " << outcome.code << ", " << outcome.err;
  EXPECT_TRUE(outcome.err.starts_with("error: ")) << what << ": " << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << what << ": " << outcome.err;
  EXPECT_EQ(outcome.err.find("internal"), std::string::npos) << what << ": " << outcome.err;
}

/// A table with every column that a law may look at.
std::string table(double shift) {
  std::string rows = "params,tokens,loss,steps,batch_tokens,unique_tokens\n";
  int k = 0;
  for (const double n : {1e6, 2e6, 5e6, 1e7, 3e7}) {
    for (const double d : {1e8, 3e8, 1e9, 4e9}) {
      const double loss = 1.7 + 400 / std::pow(n, 0.34 + shift) + 410 / std::pow(d, 0.28);
      const double wiggle = 1 + 0.002 * std::sin(7.0 * ++k);
      rows += fmt::format("{},{},{},{},65536,{}\n", n, d, loss * wiggle, d / 65536, d / (k % 3 == 0 ? 4 : 1));
    }
  }
  return rows;
}

struct EveryLaw : testing::Test {
  TempFolder folder;
  void SetUp() override {
    write_file_atomic(folder / "a.csv", table(0));
    write_file_atomic(folder / "b.csv", table(0.02));
  }
};

TEST_F(EveryLaw, IsFittedAndCompared) {
  for (const LawKind law : all_of<LawKind>()) {
    expect_no_nan(run_scalelaw(folder, fmt::format("fit a.csv --law {} --bootstrap 40", law)),
                  fmt::format("fit {}", law));
    expect_no_nan(run_scalelaw(folder, fmt::format("compare a.csv b.csv --law {} --studies 40 --bootstrap 40", law)),
                  fmt::format("compare {}", law));
  }
}

// Laws without published constants are asked for what their fits say.
TEST_F(EveryLaw, AnswersFromItsFit) {
  for (const LawKind law : all_of<LawKind>()) {
    run_scalelaw(folder, fmt::format("fit a.csv --law {} --objective log-mse --bootstrap 40 --json fit.json", law));
    for (const char* asked :
         {"allocate fit.json --flops 1e18", "allocate fit.json --params 1e7", "allocate fit.json --tokens 1e9",
          "allocate fit.json --loss 3", "allocate fit.json --flops 1e18 --unique-tokens 1e8",
          "allocate fit.json --flops 1e18 --inference-tokens 1e9", "predict fit.json --params 1e7 --tokens 1e9",
          "predict fit.json --params 1e7 --tokens 1e9 --unique-tokens 1e8"}) {
      expect_no_nan(run_scalelaw(folder, asked), fmt::format("{} of {}", asked, law));
    }
  }
}

// Laws without published constants are simulated with constants of the config's.
TEST_F(EveryLaw, IsSimulatedWithConstantsOfItsOwn) {
  const std::map<std::string, std::string> constants = {
      {"farseer",
       "a1 = -0.06, alpha = 0.12, b1 = -1.1, a2 = -0.3, beta = 0.1, b2 = 4, a3 = 30, gamma = -0.4, b3 = 0.05"},
      {"data-overfitting", "E = 1.1, A = 10, B = 25, alpha = 0.26, beta = 0.25, P = 0.05, delta = 0.8, kappa = 0.4"}};
  for (const auto& [law, params] : constants) {
    write_file_atomic(
        folder / "design.toml",
        fmt::format("[design]\nbudgets = [1e11, 4e11, 1e12, 4e12]\n[backend]\nkind = \"simulate\"\n"
                    "[simulation]\nlaw = \"{}\"\nparams = {{ {} }}\n[analysis]\nlaw = \"{}\"\nbootstrap = 40\n",
                    law, params, law));
    const ProgramResult run = run_scalelaw(folder, fmt::format("study design.toml --out {}", law));
    EXPECT_EQ(run.code, 0) << law << ": " << run.err;
    expect_no_nan(run_scalelaw(folder, fmt::format("fit {}", law)), "fit of the study of " + law);
    expect_no_nan(run_scalelaw(folder, fmt::format("report {}", law)), "report of " + law);
  }
}

TEST_F(EveryLaw, IsAllocatedPredictedAndSimulated) {
  write_file_atomic(folder / "design.toml",
                    "[design]\nbudgets = [1e17, 4e17]\n[backend]\nkind = \"simulate\"\n[analysis]\nbootstrap = 40\n");
  for (const Law& law : published_laws()) {
    for (const char* given : {"--flops 1e20", "--params 1e9", "--tokens 1e10", "--loss 2.5"}) {
      expect_no_nan(run_scalelaw(folder, fmt::format("allocate --law {} {}", law.name, given)),
                    fmt::format("allocate {} {}", law.name, given));
    }
    expect_no_nan(run_scalelaw(folder, fmt::format("predict --law {} --params 1e9 --tokens 2e10", law.name)),
                  "predict " + law.name);
    expect_no_nan(run_scalelaw(folder, fmt::format("compare a.csv {} --studies 40 --bootstrap 40", law.name)),
                  "compare with " + law.name);
    expect_no_nan(
        run_scalelaw(folder, fmt::format("coverage design.toml --law {} --studies 4 --bootstrap 40", law.name)),
        "coverage " + law.name);
  }
}

}  // namespace
}  // namespace scalelaw::test
