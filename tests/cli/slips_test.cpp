// Small slips of a user, and of the program's words: subcommands that are none, words without quotes, doctor's code.
#include <gmock/gmock.h>

#include <algorithm>

#include "program.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
namespace fs = std::filesystem;

class Slips : public testing::Test {
 protected:
  ProgramResult scalelaw(const std::string& arguments) const {
    return run_scalelaw(folder_, arguments, "CUDA_VISIBLE_DEVICES=");
  }
  /// A folder with the program and, where asked for, a trainer of `script` beside it.
  ProgramResult doctor(const std::string& script, const std::string& options) const {
    fs::create_directories(folder_ / "bin");
    fs::copy_file(fs::path(SCALELAW_BINARY_DIR) / "scalelaw", folder_ / "bin/scalelaw",
                  fs::copy_options::overwrite_existing);
    write_file_atomic(folder_ / "bin/scalelaw-trainer", "#!/bin/sh\n" + script + "\n");
    fs::permissions(folder_ / "bin/scalelaw-trainer", fs::perms::owner_all);
    return run_in(folder_, "CUDA_VISIBLE_DEVICES= bin/scalelaw doctor " + options);
  }
  TempFolder folder_;
};

TEST_F(Slips, AWordThatIsNoSubcommandIsNamedWithTheOneMeant) {
  scalelaw("foo").expect_error(2, "there is no subcommand 'foo'; 'scalelaw --help' lists the subcommands");
  scalelaw("stuyd config.toml").expect_error(2, "there is no subcommand 'stuyd', did you mean 'study'?");
  scalelaw("corpus bild --out x").expect_error(2, "there is no subcommand 'bild' of corpus, did you mean 'build'?");
  scalelaw("").expect_error(2, "ubcommand");
  scalelaw("fit --nonsense").expect_error(2, "input is required");
}

TEST_F(Slips, AWordWithoutQuotesInAConfig) {
  write_file_atomic(folder_ / "mine.toml", "[design]\nkind = isoflop\nbudgets = [1e10]\n");
  scalelaw("plan mine.toml").expect_error(2, "mine.toml:2: not valid TOML; a text needs quotes around it: \"isoflop\"");
}

TEST_F(Slips, DoctorEndsWithFourWhereTrainingIsNotPossible) {
  ASSERT_EQ(scalelaw("corpus synth --out corpus --tokens 300000 --seed 1").code, 0);
  const std::string works = "echo scalelaw-trainer 0";
  EXPECT_EQ(doctor(works, "--corpus corpus").code, 0);
  ProgramResult result = doctor(works, "--corpus nowhere");
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.out, HasSubstr("training is not possible here: no corpus (scripts/get_corpus.sh); simulating, "
                                    "fitting and reports are"));
  EXPECT_THAT(result.out, HasSubstr("scalelaw corpus build --input FILES --out data/NAME"));
  result = doctor("exit 1", "--corpus corpus");
  EXPECT_EQ(result.code, 4);
  EXPECT_THAT(result.out, HasSubstr("training is not possible here: no trainer that works"));
  EXPECT_THAT(result.out, AllOf(Not(HasSubstr("BB")), Not(HasSubstr("GB free")), HasSubstr("iB free here")));
}

/// The limit is passed in, so the answer is the same on every processor.
TEST_F(Slips, TheInstructionSetCanBeLimitedFromOutside) {
  const auto limited = [&](const std::string& set, const std::string& arguments) {
    return run_in(folder_, fmt::format("CUDA_VISIBLE_DEVICES= SCALELAW_MAX_ISA={} '{}/scalelaw' {}", set,
                                       SCALELAW_BINARY_DIR, arguments));
  };
  EXPECT_THAT(limited("baseline", "doctor").out,
              HasSubstr("kernels for baseline (SCALELAW_MAX_ISA=baseline): training.precision fp32; bf16 needs AMX"));
  EXPECT_THAT(limited("avx2", "doctor").out, Not(HasSubstr("kernels for avx512")));
  limited("sse9", "doctor").expect_error(2, "SCALELAW_MAX_ISA is 'sse9'; allowed: baseline, avx2, avx512, amx");
  write_file_atomic(folder_ / "bf16.toml",
                    "[design]\nbudgets = [1e11]\nshapes = [{ d_model = 64, n_layer = 2 }]\n[training]\nprecision = "
                    "\"auto\"\n[backend]\nkind = \"train\"\ndevice = \"cpu\"\n");
  EXPECT_THAT(limited("avx512", "plan bf16.toml").out,
              HasSubstr("precision auto: fp32, the rule on a CPU without AMX"));
}

TEST_F(Slips, APlanTooLargeForItsCorpusSaysSo) {
  ASSERT_EQ(scalelaw("corpus synth --out corpus --tokens 300000 --seed 1").code, 0);
  write_file_atomic(folder_ / "large.toml", "[corpus]\npath = \"corpus\"\n[design]\nbudgets = [1e18]\n");
  scalelaw("plan large.toml").expect_error(2, "max_epochs = 4 times; lower design.budgets, use more text");
}

TEST_F(Slips, AContextLongerThanTheHeldOutTextIsFoundByThePlan) {
  ASSERT_EQ(scalelaw("corpus synth --out corpus --tokens 3000000 --validation-tokens 5000 --seed 1").code, 0);
  write_file_atomic(folder_ / "long.toml",
                    "[corpus]\npath = \"corpus\"\n[model]\ncontext = 8192\n[design]\nbudgets = [1e10]\nmin_steps = 1\n"
                    "batch_tokens = 8192\n[backend]\nkind = \"command\"\ncommand = [\"false\"]\n");
  for (const char* command : {"plan long.toml", "study long.toml --out s", "run long.toml --out s"}) {
    scalelaw(command).expect_error(2, "model.context is 8192, but corpus holds 5000 validation tokens");
  }
  EXPECT_FALSE(fs::exists(folder_ / "s/jobs")) << "nothing was begun";
}

TEST_F(Slips, AnotherCorpusIsNotReplacedWithoutAWord) {
  ASSERT_EQ(scalelaw("corpus synth --out corpus --tokens 300000 --seed 1").code, 0);
  EXPECT_EQ(scalelaw("corpus synth --out corpus --tokens 300000 --seed 1").code, 0) << "the same";
  scalelaw("corpus synth --out corpus --tokens 300000 --seed 2").expect_error(2, "corpus: holds another corpus");
  EXPECT_EQ(scalelaw("corpus synth --out corpus --tokens 300000 --seed 2 --replace").code, 0);
}

}  // namespace
}  // namespace scalelaw
