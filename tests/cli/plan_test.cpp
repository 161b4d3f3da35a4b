// The time that `scalelaw plan` gives, on a CPU and on CUDA: with no device, with a device and a trainer that are shell
// scripts, and by a table.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <string>

#include "core/json.hpp"
#include "program.hpp"
#include "records/shape.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

constexpr const char* kNoDevice = "export CUDA_VISIBLE_DEVICES=";
constexpr const char* kDevice = "unset CUDA_VISIBLE_DEVICES; PATH=\"$PWD/tools:$PATH\"";

/// A folder with a config, the program scalelaw without any trainer beside it, and an nvidia-smi that lists one device.
class PlanCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    write_file_atomic(
        folder_ / "small.toml",
        "[corpus]\npath = \"corpus\"\n[design]\nbudgets = [1e9]\nmin_steps = 10\n"
        "shapes = [{ d_model = 16, n_layer = 1 }, { d_model = 24, n_layer = 2 }]\nlearning_rates = [0.01, 0.02]\n");
    fs::create_directories(folder_ / "bin");
    fs::copy_file(fs::path(SCALELAW_BINARY_DIR) / "scalelaw", folder_ / "bin/scalelaw");
    write_script("tools/nvidia-smi",
                 "case \"$*\" in -L) echo 'GPU 0: Device A';; *memory.total*) echo 81920;; *name*) echo 'Device A';; "
                 "esac");
  }

  void write_script(const std::string& name, const std::string& text) const {
    write_file_atomic(folder_ / name, "#!/bin/sh\n" + text + "\n");
    fs::permissions(folder_ / name, fs::perms::owner_all);
  }
  void write_cuda_trainer(const std::string& text) const { write_script("bin/scalelaw-trainer-cuda", text); }
  ProgramResult plan(const std::string& arguments, const std::string& before) const {
    return run_in(
        folder_.path(),
        fmt::format("{}; export XDG_CACHE_HOME=\"$PWD/cache\"; bin/scalelaw plan small.toml {}", before, arguments));
  }
  Json estimate(const std::string& arguments, const std::string& before) const {
    const ProgramResult result = plan(arguments + " --json -", before);
    EXPECT_EQ(result.code, 0) << result.err;
    return Json::parse(result.out).at("estimate");
  }
  void make_corpus() const {
    const ProgramResult made = run_in(folder_, "bin/scalelaw corpus synth --out corpus --tokens 3000000 --seed 1");
    ASSERT_EQ(made.code, 0) << made.err;
  }

  TempFolder folder_;
};

TEST_F(PlanCommand, OnACpuPrintsWhatItAlwaysDid) {
  const std::string expected =
      "plan of small: 4 runs, trained on cpu, 2 workers\n"
      "\n"
      "shape       N      D  6ND  budget  lrs x seeds  steps  epochs\n"
      "-------------------------------------------------------------\n"
      "d16 L1  11.3k  14.8k  10⁹     10⁹        2 x 1     58       -\n"
      "d24 L2  26.1k   6.4k  10⁹     10⁹        2 x 1     25       -\n"
      "\n"
      "learning rates 0.01, 0.02; seeds 0\n"
      "4 runs in 2 jobs, 4.01×10⁹ FLOPs with shared trunks; about 50 ms on 2 CPU workers (an estimate: 4×10¹⁰ FLOP/s "
      "each, training.flops_per_s; plan --measure measures this machine)\n"
      "memory: at most 295 MiB in one CPU process (d24 L2, 2 runs); a worker may take 2.0 GiB\n"
      "note: budget 10⁹ FLOPs: no size below the expected optimum of 4.71k params, so its minimum may lie at the "
      "edge\n"
      "note: no corpus in corpus, so epochs are unknown and run ids are not final; scripts/get_corpus.sh gets one\n";
  const std::string options = "--backend train --set backend.workers=2 --set backend.memory_mib=4000";
  EXPECT_EQ(plan(options + " --device cpu", kDevice).out, expected);
  EXPECT_EQ(plan(options, kNoDevice).out, expected);
  const Json e = estimate(options, kNoDevice);
  EXPECT_EQ(e["device"], "cpu");
  EXPECT_EQ(e["basis"], "assumed");
  EXPECT_EQ(e["workers"], 2);
  EXPECT_GT(e["seconds"], 0);
}

TEST_F(PlanCommand, ForCudaSaysNothingOfCpuWorkersAndHowToKnowTheTime) {
  for (const std::string kind : {"train", "auto"}) {
    const ProgramResult result = plan("--device cuda --backend " + kind, kNoDevice);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_THAT(result.out,
                HasSubstr("4 runs in 2 jobs, 4.01×10⁹ FLOPs with shared trunks; time not measured on a CUDA "
                          "device; on the machine with the device run 'scalelaw plan CONFIG --measure'"));
    EXPECT_THAT(result.out, Not(HasSubstr("CPU")));
  }
  const Json e = estimate("--device cuda", kNoDevice);
  EXPECT_TRUE(e["seconds"].is_null());
  EXPECT_EQ(e["device"], "cuda");
  EXPECT_EQ(e["basis"], "unknown");
  EXPECT_EQ(e["workers"], 1);
  EXPECT_EQ(e["jobs_measured"], 0);
  EXPECT_GT(e["flops"], 0);
  EXPECT_THAT(plan("--device cuda --backend simulate", kNoDevice).out, HasSubstr("simulated, nothing is trained"));
}

TEST_F(PlanCommand, MeasuringWithoutADeviceOrItsTrainerIsAOneLineError) {
  const std::string no_device =
      "error: --measure: this study trains on CUDA and no CUDA device is here; run it on the machine with the device, "
      "or measure the CPU with --device cpu";
  plan("--device cuda --measure", kNoDevice).expect_error(4, no_device);
  write_cuda_trainer("exit 0");
  plan("--device cuda --measure", kNoDevice).expect_error(4, no_device);
  fs::remove(folder_ / "bin/scalelaw-trainer-cuda");
  make_corpus();
  plan("--device cuda --measure", kDevice)
      .expect_error(4,
                    "error: --measure: this study trains on CUDA and scalelaw-trainer-cuda is not beside this program; "
                    "scripts/setup.sh --cuda and cmake --preset cuda make it, or measure the CPU with --device cpu");
}

TEST_F(PlanCommand, MeasuresTheDeviceByTheCudaTrainerAndRemembersIt) {
  make_corpus();
  write_cuda_trainer(
      "cat \"$3\" >> jobs\n"
      "echo '{\"busy_s\": 0, \"member_step_s\": 0.125, \"eval_token_s\": 1e-9, \"engine\": \"a trainer\"}'");
  EXPECT_THAT(plan("", kDevice).out, HasSubstr("time not measured on Device A; plan --measure measures it here\n"));
  const ProgramResult result = plan("--measure --set training.graph=off", kDevice);
  EXPECT_EQ(result.code, 0) << result.err;
  // The device's jobs one after another: 2 x 58 steps and 2 x 25.
  EXPECT_THAT(result.out, HasSubstr("; about 21s on 1 CUDA worker (measured on Device A, a trainer)\n"));
  const std::string jobs = read_text_file(folder_ / "jobs");
  EXPECT_THAT(jobs, HasSubstr("\"device\": \"cuda\""));
  EXPECT_THAT(jobs, HasSubstr("\"graph\": \"off\""));
  const Json e = estimate("--set training.graph=off", kDevice);
  EXPECT_EQ(e["basis"], "measured") << "remembered";
  EXPECT_EQ(e["jobs_measured"], 2);
  EXPECT_EQ(estimate("", kDevice)["basis"], "unknown") << "with graphs it may be faster";
  EXPECT_EQ(estimate("--device cuda --set training.graph=off", kNoDevice)["basis"], "unknown") << "another machine";
}

TEST_F(PlanCommand, PassesOnWhatACudaTrainerSaysThatCannotStart) {
  make_corpus();
  write_cuda_trainer("echo 'scalelaw-trainer-cuda: error while loading shared libraries: libx.so' >&2; exit 127");
  const ProgramResult result = plan("--measure", kDevice);
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.err, HasSubstr("bin/scalelaw-trainer-cuda --measure failed, exit code 127: scalelaw-trainer-cuda: "
                                    "error while loading shared libraries: libx.so\n"));
  EXPECT_EQ(std::count(result.err.begin(), result.err.end(), '\n'), 1) << result.err;
}

TEST_F(PlanCommand, TakesTheTimeFromATableOfADevice) {
  Json rows = Json::array();
  for (const std::int64_t layers : {1, 2, 4}) {
    const ModelSpec model{.d_model = 16 * layers,
                          .n_layer = layers,
                          .d_head = 8,
                          .n_head = 2 * layers,
                          .d_ff = 64 * layers,
                          .context = 64,
                          .vocab = 256};
    const double flops = 2 * 256 * flops_per_token(model);
    rows.push_back({{"n_layer", layers},
                    {"d_model", model.d_model},
                    {"d_head", 8},
                    {"context", 64},
                    {"vocab", 256},
                    {"members", 2},
                    {"batch_tokens", 256},
                    {"precision", "fp32"},
                    {"graph", "auto"},
                    {"flops_per_step", flops},
                    {"step_s", 0.1 * (static_cast<double>(layers) + 2)}});
  }
  const Json table = {
      {"schema", "scalelaw.device_speeds/1"}, {"device", "Device B"}, {"torch", "2.11.0"}, {"rows", rows}};
  write_json_file(folder_ / "table.json", table);
  const std::string options = "--device cuda --set training.eval_tokens=64 --speeds table.json";
  EXPECT_THAT(
      plan(options, kNoDevice).out,
      HasSubstr("; about 27s on 1 CUDA worker (by a line through 3 rows of fp32, graph auto, measured on Device B, "
                "torch 2.11.0, and off by 0.0 % rms; without the start of processes)\n"));
  const Json e = estimate(options, kNoDevice);
  EXPECT_NEAR(e["seconds"].get<double>(), 58 * 0.3 + 25 * 0.4, 0.01);
  EXPECT_EQ(e["basis"], "table");
  EXPECT_EQ(e["table"]["device"], "Device B");
  EXPECT_EQ(e["table"]["rows"], 3);
  const std::string h100 = fmt::format(
      "--device cuda --set training.precision=bf16 --speeds '{}/data/speeds/h100_80gb_hbm3.json'", SCALELAW_SOURCE_DIR);
  EXPECT_THAT(plan(h100, kNoDevice).out, HasSubstr("measured on NVIDIA H100 80GB HBM3, torch 2.11.0"));
  plan(options + " --set training.precision=bf16", kNoDevice)
      .expect_error(
          3,
          "error: table.json: 0 rows of bf16 with graph auto, and the study needs 3 at least; it has rows of: fp32 "
          "with graph auto");
  plan("--speeds table.json", kNoDevice)
      .expect_error(
          2, "error: --speeds: the table is of a CUDA device, and this study does not train on one; add --device cuda");
  EXPECT_EQ(plan(options + " --measure", kNoDevice).code, 2) << "one or the other";
}

}  // namespace
}  // namespace scalelaw
