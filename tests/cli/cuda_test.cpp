// doctor, study and run on a machine with a CUDA device: made up of a copy of the program with a CUDA trainer of the
// test beside it and an nvidia-smi that lists one GPU, whatever this machine has.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>

#include "os/files.hpp"
#include "program.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

class CudaMachine : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_ / "bin");
    fs::copy_file(fs::path(SCALELAW_BINARY_DIR) / "scalelaw", folder_ / "bin/scalelaw");
    device("9.0");
    write_file_atomic(folder_ / "small.toml",
                      "[corpus]\npath = \"corpus\"\n[design]\nbudgets = [1e9]\nmin_steps = 10\n"
                      "shapes = [{ d_model = 16, n_layer = 1 }]\nlearning_rates = [0.01]\nlr_extend = 0\n"
                      "[backend]\nkind = \"train\"\n");
  }

  void script(const std::string& name, const std::string& text) const {
    write_file_atomic(folder_ / ("bin/" + name), "#!/bin/sh\n" + text);
    fs::permissions(folder_ / ("bin/" + name), fs::perms::owner_all);
  }
  /// One GPU of a compute capability.
  void device(const std::string& capability) const {
    script("nvidia-smi", fmt::format("case \"$*\" in -L) echo 'GPU 0: A (UUID: 1)';; *memory*) echo 81559;; "
                                     "*) echo 'Device A, {}';; esac\n",
                                     capability));
  }
  /// A CUDA trainer: what it does when asked for the device; as a trainer it leaves word and trains like that of
  /// tests/study.
  void trainer(const std::string& check_device) const {
    script("scalelaw-trainer-cuda",
           fmt::format("case $1 in --version) echo 'scalelaw-trainer 0'; exit 0;; --check-device) {};; esac\n"
                       "touch '{}'\nexec '{}/test_study' fake-trainer \"$@\"\n",
                       check_device, (folder_ / "jobs_started").string(), SCALELAW_BINARY_DIR));
  }
  ProgramResult scalelaw(const std::string& arguments) const {
    return run_in(folder_, "unset CUDA_VISIBLE_DEVICES; PATH=\"$PWD/bin:$PATH\" bin/scalelaw " + arguments);
  }
  void make_corpus() const {
    const ProgramResult made = scalelaw("corpus synth --out corpus --tokens 3000000 --seed 1");
    ASSERT_EQ(made.code, 0) << made.err;
  }
  [[nodiscard]] bool jobs_started() const { return fs::exists(folder_ / "jobs_started"); }

  static constexpr const char* kUsable = "echo 'cuda:0 Device A (compute capability 9.0)'; exit 0";
  static constexpr const char* kRefused =
      "echo 'a library talks' >&2; echo 'error: no usable CUDA device: the driver is too old; check nvidia-smi' >&2; "
      "exit 4";
  TempFolder folder_;
};

TEST_F(CudaMachine, DoctorSaysWhatADeviceWouldBeUsedFor) {
  EXPECT_THAT(scalelaw("doctor").out,
              HasSubstr("ok      CUDA device   1 found, the first Device A of compute capability 9.0: torch"))
      << "no CUDA trainer is there to ask";
  trainer(kUsable);
  const std::string out = scalelaw("doctor").out;
  EXPECT_THAT(out, HasSubstr("ok      CUDA trainer  scalelaw-trainer 0\n"));
  EXPECT_THAT(out, HasSubstr("ok      CUDA device   1 found, the first Device A of compute capability 9.0: torch"));
  EXPECT_THAT(out, HasSubstr("checked on an H100 and an H200"));
  device("7.5");
  EXPECT_THAT(scalelaw("doctor").out, HasSubstr("the kernels need compute capability 8.0"));
}

TEST_F(CudaMachine, DoctorGivesTheTrainersReasonWhereTheDeviceCannotBeUsed) {
  trainer(kRefused);
  const ProgramResult result = scalelaw("doctor");
  EXPECT_EQ(result.code, 4) << "a trainer is there, and can train nothing";
  EXPECT_THAT(result.out, HasSubstr("missing CUDA device   1 found, but no usable CUDA device: the driver is too old; "
                                    "check nvidia-smi\n"));
  EXPECT_THAT(result.out, HasSubstr("ok      CUDA trainer"));
}

TEST_F(CudaMachine, DoctorDoesNotAskTheTrainerWhereThereIsNoDevice) {
  trainer(fmt::format("touch '{}'; exit 0", (folder_ / "asked").string()));
  const ProgramResult result = run_in(folder_, "CUDA_VISIBLE_DEVICES=-1 PATH=\"$PWD/bin:$PATH\" bin/scalelaw doctor");
  EXPECT_THAT(result.out, HasSubstr("missing CUDA device   none found"));
  EXPECT_FALSE(fs::exists(folder_ / "asked"));
}

TEST_F(CudaMachine, AStudyTrainsOnTheDevice) {
  make_corpus();
  trainer(kUsable);
  const ProgramResult result = scalelaw("run small.toml");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("trained on cuda, 1 worker"));
  EXPECT_TRUE(jobs_started());
}

TEST_F(CudaMachine, AStudyEndsInOneLineBeforeAnyJobWhereTheDeviceCannotBeUsed) {
  make_corpus();
  trainer(kRefused);
  for (const char* command : {"study small.toml", "run small.toml", "study small.toml --device cuda"}) {
    const ProgramResult result = scalelaw(command);
    EXPECT_EQ(result.code, 4) << command;
    EXPECT_EQ(result.err,
              "error: the CUDA trainer cannot train here: no usable CUDA device: the driver is too old; check "
              "nvidia-smi\n");
    EXPECT_FALSE(jobs_started()) << command;
  }
}

TEST_F(CudaMachine, ATrainerThatDoesNotStartIsNamedWithItsLastWords) {
  make_corpus();
  trainer("echo 'libcudnn.so.9: cannot open shared object file' >&2; exit 127");
  const ProgramResult result = scalelaw("run small.toml");
  EXPECT_EQ(result.code, 4);
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1) << result.err;
  EXPECT_THAT(
      result.err,
      HasSubstr("--check-device failed: libcudnn.so.9: cannot open shared object file; scripts/setup.sh --cuda"));
  trainer("kill -9 $$");
  EXPECT_THAT(scalelaw("run small.toml").err, HasSubstr("scalelaw-trainer-cuda --check-device failed"));
}

TEST_F(CudaMachine, AFinishedStudyAndTheCpuNeedNoDevice) {
  make_corpus();
  trainer(kUsable);
  ASSERT_EQ(scalelaw("run small.toml").code, 0);
  trainer(kRefused);
  const ProgramResult again = scalelaw("run small.toml");
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_THAT(again.out, HasSubstr("0 now"));
  script("scalelaw-trainer", fmt::format("exec '{}/test_study' fake-trainer \"$@\"\n", SCALELAW_BINARY_DIR));
  const ProgramResult cpu = scalelaw("run small.toml --device cpu --out other");
  EXPECT_EQ(cpu.code, 0) << cpu.err;
  EXPECT_THAT(cpu.out, HasSubstr("trained on cpu"));
}

}  // namespace
}  // namespace scalelaw
