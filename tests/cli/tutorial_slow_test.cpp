// A page of the tutorial on runs that are trained: a chain whose entropy is known, in seconds.
#include "program.hpp"

namespace scalelaw {
namespace {

TEST(TrainedTutorial, BalancedIsNotBeatenAndNoModelBeatsTheEntropy) {
  if (!std::filesystem::exists(std::filesystem::path(SCALELAW_BINARY_DIR) / "scalelaw-trainer"))
    GTEST_SKIP() << "built without the trainer";
  const TempFolder folder;
  const auto made =
      run_scalelaw(folder, "corpus synth --out corpus --tokens 300000 --validation-tokens 20000 --symbols 16 --seed 1");
  ASSERT_EQ(made.code, 0) << made.err;
  const double entropy_nats =
      read_json_file(folder / "corpus/manifest.json").at("entropy_rate_nats").get<double>();  // of the chain
  std::filesystem::create_directories(folder / "configs/tutorial");
  write_file_atomic(folder / "configs/tutorial/strategies.toml",
                    "name = \"strategies\"\n[corpus]\npath = \"corpus\"\n[design]\nbudgets = [1.2e10]\nmin_steps = 10\n"
                    "shapes = [{ d_model = 8, n_layer = 1 }, { d_model = 16, n_layer = 2 }, "
                    "{ d_model = 48, n_layer = 3 }]\nlearning_rates = [0.01, 0.02]\nseeds = [0, 1, 2]\n"
                    "batch_tokens = 256\n[training]\neval_tokens = 8192\n");
  const std::string command = "tutorial strategies --backend train --json -";
  const Json first = run_scalelaw(folder, command).json();
  const Json& numbers = first.at("pages").at(0).at("numbers");
  EXPECT_EQ(numbers.at("source"), "trained");
  EXPECT_EQ(numbers.at("seeds"), 3);
  EXPECT_FALSE(numbers.at("balanced_beaten").get<bool>()) << numbers.dump(1);
  ASSERT_EQ(numbers.at("strategies").size(), 3U);
  for (const Json& strategy : numbers.at("strategies")) {
    EXPECT_GT(strategy.at("loss_nats").get<double>(), entropy_nats - 0.02) << strategy;  // 8,192 held-out tokens
    EXPECT_LT(strategy.at("loss_nats").get<double>(), entropy_nats + 0.3) << strategy;
    EXPECT_NEAR(strategy.at("flops").get<double>(), 1.2e10, 1.5e8);
  }
  EXPECT_EQ(run_scalelaw(folder, command).json(), first) << "the second time nothing is trained";
}

}  // namespace
}  // namespace scalelaw
