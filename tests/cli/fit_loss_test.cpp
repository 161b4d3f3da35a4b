// scalelaw fit --loss: which loss is fitted, in which unit, and where that is said.
#include "fit/fixtures.hpp"
#include "program.hpp"

namespace scalelaw {
namespace {

using testing::HasSubstr;
using testing::Not;

class FitLoss : public testing::Test {
 protected:
  void SetUp() override {
    const auto points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 5, 8, 0.005, 1);
    std::string text = "params,tokens,loss,loss_stderr,val_bpb,eval/wiki\n";
    for (const Observation& o : points) {
      text += fmt::format("{:.17g},{:.17g},{:.17g},0.01,{:.17g},{:.17g}\n", o.params, o.tokens, o.loss_nats,
                          0.5 * o.loss_nats, 1.1 * o.loss_nats);
    }
    write_file_atomic(folder_ / "runs.csv", text);
  }
  [[nodiscard]] ProgramResult run(const std::string& arguments) const { return run_scalelaw(folder_, arguments); }
  [[nodiscard]] Json fit(const std::string& arguments) const {
    return run("fit runs.csv --bootstrap 60 " + arguments + " --json -").json();
  }
  [[nodiscard]] static double param(const Json& r, const char* name) { return r.at("params").at(name); }

  TempFolder folder_;
};

TEST_F(FitLoss, BitsPerByteStayWhatTheyAreAndAreLabelled) {
  const Json nats = fit(""), bits = fit("--loss bits_per_byte");
  EXPECT_FALSE(nats.contains("loss_unit"));
  EXPECT_EQ(bits.at("loss_unit"), "bits_per_byte");
  EXPECT_NEAR(param(bits, "E") / param(nats, "E"), 0.5, 1e-6);
  EXPECT_NEAR(param(bits, "alpha"), param(nats, "alpha"), 1e-6);
  EXPECT_EQ(bits, fit("--loss bits-per-byte"));
  EXPECT_EQ(param(bits, "E"), param(fit("--loss val_bpb"), "E"));
  EXPECT_NEAR(param(fit("--columns loss=val_bpb"), "E") / param(bits, "E"), std::log(2), 1e-9) << "nats a byte as ever";

  const std::string text = run("fit runs.csv --loss bits_per_byte --bootstrap 60 --residuals --json bits.json").out;
  EXPECT_THAT(text, HasSubstr(", losses in bits per byte\n"));
  EXPECT_THAT(text, HasSubstr("\nE (bits per byte)  "));
  EXPECT_THAT(text, HasSubstr("observed, bits per byte"));
  EXPECT_THAT(run("fit runs.csv").out, Not(HasSubstr("per byte")));
  EXPECT_THAT(run("fit runs.csv --method isoflop --loss bits_per_byte").out, HasSubstr("loss, bits per byte"));

  const std::string there = " --params 1e6 --tokens 1e8";
  EXPECT_THAT(run("predict bits.json" + there).out, HasSubstr(" bits per byte ["));
  EXPECT_EQ(run("predict bits.json" + there + " --json -").json().at("loss_unit"), "bits_per_byte");
  EXPECT_THAT(run("allocate bits.json --flops 1e14").out, HasSubstr("loss (bits per byte)"));
  EXPECT_EQ(run("allocate bits.json --flops 1e14 --json -").json().at("loss_unit"), "bits_per_byte");
  run("compare runs.csv bits.json").expect_error(2, "losses in bits per byte");
}

TEST_F(FitLoss, SeveralLossesGiveARowEach) {
  const ProgramResult all =
      run("fit runs.csv --bootstrap 60 --loss nats,bits_per_byte --loss eval/wiki --json all.json");
  ASSERT_EQ(all.code, 0) << all.err;
  EXPECT_THAT(all.out, testing::ContainsRegex("loss +unit +E +A +B +alpha +beta +a +b +n +status\n"));
  EXPECT_THAT(all.out, HasSubstr("\nnats "));
  EXPECT_THAT(all.out, HasSubstr("\nbits_per_byte "));
  EXPECT_THAT(all.out, HasSubstr("\neval/wiki "));
  const Json fits = Json::parse(read_text_file(folder_ / "all.json")).at("fits");
  ASSERT_EQ(fits.size(), 3U);
  EXPECT_EQ(fits[1].at("counted"), "loss bits_per_byte");
  EXPECT_EQ(fits[1].at("loss_unit"), "bits_per_byte");
  EXPECT_FALSE(fits[2].contains("loss_unit"));
  EXPECT_NEAR(param(fits[2], "E") / param(fits[0], "E"), 1.1, 1e-6);
}

TEST_F(FitLoss, TheErrorOfOneLossIsNotThatOfAnother) {
  EXPECT_EQ(run("fit runs.csv --weights stderr --loss nats").code, 0);
  const ProgramResult other = run("fit runs.csv --weights stderr --loss bits_per_byte");
  EXPECT_EQ(other.code, 3);
  EXPECT_THAT(other.err, HasSubstr("loss_stderr is missing"));
  EXPECT_EQ(run("fit runs.csv --weights stderr --loss val_bpb --columns loss_stderr=loss_stderr").code, 0);
}

TEST_F(FitLoss, WhatIsNotThereIsRefused) {
  write_file_atomic(folder_ / "plain.csv", "params,tokens,loss\n1e6,1e9,4\n2e6,1e9,3.8\n4e6,1e9,3.5\n1e6,4e9,3.7\n");
  run("fit plain.csv --law power-n --loss bits_per_byte").expect_error(3, "no column holds losses in bits per byte");
  EXPECT_EQ(run("fit plain.csv --law power-n --bootstrap 0 --loss bits_per_byte --loss-unit bits_per_byte").code, 0);
  run("fit plain.csv --loss nothing").expect_error(3, "there is no column 'nothing' to take for loss");
  run("fit plain.csv --loss loss,loss").expect_error(2, "is given twice");
  run("fit plain.csv --loss loss --columns loss=loss").expect_error(2, "give one");
  run("fit plain.csv --law kaplan-steps --loss bits_per_byte").expect_error(2, "the loss in nats");
}

TEST_F(FitLoss, RecordsHoldBoth) {
  const std::filesystem::path records =
      std::filesystem::path(SCALELAW_SOURCE_DIR) / "tests/data/cases/minimal_record/runs";
  std::filesystem::create_directory(folder_ / "both");
  std::filesystem::create_directory(folder_ / "nats");
  for (const auto& entry : std::filesystem::directory_iterator(records)) {
    Json record = read_json_file(entry.path());
    write_file_atomic(folder_ / "nats" / entry.path().filename(), record.dump());
    record["loss"]["bits_per_byte"] = record["loss"]["nats"].get<double>() / std::log(2) / 4;  // 4 bytes a token
    write_file_atomic(folder_ / "both" / entry.path().filename(), record.dump());
  }
  const ProgramResult both = run("fit both --law power-n --bootstrap 60 --loss nats,bits_per_byte --json both.json");
  ASSERT_EQ(both.code, 0) << both.err;
  const Json fits = Json::parse(read_text_file(folder_ / "both.json")).at("fits");
  ASSERT_EQ(fits.size(), 2U);
  EXPECT_EQ(fits[1].at("loss_unit"), "bits_per_byte");
  EXPECT_NEAR(param(fits[1], "alpha"), param(fits[0], "alpha"), 1e-6);
  const auto least = [&](std::size_t i) { return fits[i].at("best_measured")[0].at("loss").get<double>(); };
  EXPECT_NEAR(least(1) / least(0), 1 / std::log(2) / 4, 1e-9);
  run("fit nats --loss bits_per_byte").expect_error(3, "holds no loss in bits per byte");
  run("fit both --loss eval/wiki").expect_error(2, "run records hold losses in nats and bits_per_byte");
}

}  // namespace
}  // namespace scalelaw
