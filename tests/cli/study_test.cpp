// plan, study, run, simulate, status and doctor as programs: output, exit codes, what they leave behind.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "core/csv.hpp"
#include "core/json.hpp"
#include "os/files.hpp"
#include "program.hpp"
#include "wait_until.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;

class StudyCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* name = ::testing::UnitTest::GetInstance()->current_test_info()->name();
    folder_ = fs::temp_directory_path() / fmt::format("scalelaw_cli_study_{}_{}", name, ::getpid());
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    write_file_atomic(
        folder_ / "small.toml",
        "[corpus]\npath = \"corpus\"\n[design]\nbudgets = [1e9, 2e9]\nmin_steps = 10\n"
        "shapes = [{ d_model = 16, n_layer = 1 }, { d_model = 24, n_layer = 2 }]\nlearning_rates = [0.01, 0.02]\n");
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Runs `scalelaw ARGUMENTS` in the test's folder.
  ProgramResult scalelaw(const std::string& arguments, const std::string& before = "") const {
    return run_scalelaw(folder_, arguments, before);
  }
  void make_corpus() const {
    const ProgramResult made = scalelaw("corpus synth --out corpus --tokens 3000000 --seed 1");
    ASSERT_EQ(made.code, 0) << made.err;
  }
  std::string fake_backend(const std::string& extra = "") const {
    return fmt::format(
        "--backend command --set 'backend.command=[\"{}/test_study\", \"fake-trainer\", \"--job\", \"{{job}}\", "
        "\"--out\", \"{{out}}\"{}]'",
        SCALELAW_BINARY_DIR, extra);
  }

  fs::path folder_;
};

TEST_F(StudyCommand, PlanPrintsRunsTotalsAndAnEstimateWithoutACorpus) {
  const ProgramResult result = scalelaw("plan small.toml --backend train", "CUDA_VISIBLE_DEVICES=");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("d16 L1"));
  EXPECT_THAT(result.out, HasSubstr("8 runs in 2 jobs"));
  EXPECT_THAT(result.out, HasSubstr("an estimate: 4×10¹⁰ FLOP/s each, training.flops_per_s; plan --measure"));
  EXPECT_THAT(result.out, HasSubstr("memory: at most "));
  EXPECT_THAT(result.out, HasSubstr("scripts/get_corpus.sh"));
  EXPECT_FALSE(fs::exists(folder_ / "studies"));
}

TEST_F(StudyCommand, PlanMeasuresThisMachineWhereAskedAndRemembersIt) {
  const std::string cache = fmt::format("CUDA_VISIBLE_DEVICES= XDG_CACHE_HOME='{}'", (folder_ / "cache").string());
  EXPECT_EQ(scalelaw("plan small.toml --measure", cache).code, 2) << "no corpus";
  make_corpus();
  EXPECT_EQ(scalelaw("plan small.toml --measure --backend simulate", cache).code, 2);
  const ProgramResult result = scalelaw("plan small.toml --measure --json -", cache);
  if (!fs::exists(fs::path(SCALELAW_BINARY_DIR) / "scalelaw-trainer")) {
    EXPECT_EQ(result.code, 4);
    EXPECT_THAT(result.err, HasSubstr("scalelaw-trainer is not beside this program"));
    return;
  }
  ASSERT_EQ(result.code, 0) << result.err;
  const Json estimate = Json::parse(result.out).at("estimate");
  EXPECT_EQ(estimate["jobs_measured"], 2);
  const Json later = Json::parse(scalelaw("plan small.toml --json -", cache).out).at("estimate");
  EXPECT_EQ(later, estimate) << "remembered";
  EXPECT_THAT(scalelaw("plan small.toml", cache).out, HasSubstr("(measured on this machine, native "));
  write_file_atomic(folder_ / "cache" / "scalelaw" / "speeds.json", "{ damaged");
  EXPECT_EQ(Json::parse(scalelaw("plan small.toml --json -", cache).out).at("estimate")["jobs_measured"], 0);
}

TEST_F(StudyCommand, PlanSplitsJobsThatWouldNotFitAndSaysWhenOneRunDoesNot) {
  const std::string train = "plan small.toml --backend train --device cpu --set backend.workers=1 ";
  const Json whole = Json::parse(scalelaw(train + "--json -").out).at("estimate");
  const auto mib = static_cast<std::int64_t>(whole["peak_bytes"].get<double>() / 1048576);  // a little less than it
  const Json split =
      Json::parse(scalelaw(fmt::format("{} --set backend.memory_mib={} --json -", train, mib)).out).at("estimate");
  EXPECT_GT(split["jobs"], whole["jobs"]);
  EXPECT_LE(split["peak_bytes"], split["limit_bytes"]);
  EXPECT_EQ(split["limit_bytes"], 1048576 * mib);
  const ProgramResult refused = scalelaw(train + "--set backend.memory_mib=100");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("a worker may take 100 MiB; raise backend.memory_mib"));
}

TEST_F(StudyCommand, PlanNamesWhatIsLeftOut) {
  const ProgramResult result = scalelaw("plan small.toml --set design.min_steps=50");
  EXPECT_THAT(result.out, HasSubstr("left out: d24 L2 at 10⁹ FLOPs"));
  EXPECT_THAT(result.out, HasSubstr("25 steps, fewer than min_steps = 50"));
}

TEST_F(StudyCommand, PlanSaysWhatResultsMayAddAndTheStudyWhatTheyDid) {
  const std::string policy =
      "small.toml --set design.lr_extend=4 --set design.branch_checks=1 --set simulation.noise=0 "
      "--set simulation.lr_best_coefficient=0.002 --set simulation.lr_best_exponent=0";
  const ProgramResult plan = scalelaw("plan " + policy);
  EXPECT_EQ(plan.code, 0) << plan.err;
  EXPECT_THAT(plan.out, HasSubstr("up to 4 more rates on a side"));
  EXPECT_THAT(plan.out, HasSubstr("1 run from scratch for each swept shape"));
  const ProgramResult study = scalelaw("simulate " + policy + " --out s");
  EXPECT_EQ(study.code, 0) << study.err;
  EXPECT_THAT(study.out, HasSubstr("d16 L1 at 14.8k tokens: lr 0.005 (the best rate, 0.01, was the lowest)"));
  EXPECT_THAT(study.out, HasSubstr("from scratch, to check branching"));
  const Json again = Json::parse(scalelaw("simulate " + policy + " --out s --json -").out);
  EXPECT_EQ(again["made"], 0);
  EXPECT_EQ(again["added"][0]["kind"], "edge");
  EXPECT_EQ(again["added"][0]["lr"], 0.005);
  EXPECT_THAT(scalelaw("status s").out, HasSubstr(fmt::format("planned {}", again["planned"].get<int>())));
}

TEST_F(StudyCommand, PlanAsCsvAndJsonHoldEveryRun) {
  write_file_atomic(folder_ / "plan.csv", scalelaw("plan small.toml --format csv").out);
  const CsvTable table = read_csv(folder_ / "plan.csv");
  EXPECT_EQ(table.rows.size(), 8U);
  const Json json = Json::parse(scalelaw("plan small.toml --format json").out);
  ASSERT_EQ(json["runs"].size(), 8U);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(json["runs"][i]["id"], table.rows[i][table.column("id")]);
  EXPECT_EQ(Json::parse(scalelaw("plan small.toml --json -").out), json);
}

TEST_F(StudyCommand, AutoWithoutCudaSimulatesAndSaysHowToTrainOnTheCpu) {
  const ProgramResult result = scalelaw("run small.toml --backend auto --out s", "CUDA_VISIBLE_DEVICES=");
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_TRUE(result.out.starts_with("no CUDA device here: SIMULATED, your text is not read.")) << result.out;
  EXPECT_THAT(result.out, HasSubstr("To train on this CPU, about "));
  EXPECT_THAT(result.out, HasSubstr("scalelaw study small.toml --backend train --device cpu --out s-trained\n"));
  EXPECT_THAT(result.out, HasSubstr("8 of 8 runs finished"));
  const ProgramResult again = scalelaw("run small.toml --backend auto --out s", "CUDA_VISIBLE_DEVICES=");
  EXPECT_THAT(again.out, HasSubstr("(8 before, 0 now"));
}

// A config that names a corpus and no backend: plan and study say the same first line, and nobody overlooks that the
// numbers are simulated.
TEST_F(StudyCommand, AConfigWithoutBackendIsSimulatedBesideNoGpuAndEveryPartSaysSo) {
  fs::copy_file(fs::path(SCALELAW_SOURCE_DIR) / "tests/data/cases/no_backend.toml", folder_ / "no_backend.toml");
  const std::string overrides = " --set 'design.budgets=[2e10, 4e10, 8e10]' --set analysis.bootstrap=20";
  const ProgramResult plan = scalelaw("plan no_backend.toml" + overrides, "CUDA_VISIBLE_DEVICES=");
  const ProgramResult study = scalelaw("study no_backend.toml" + overrides, "CUDA_VISIBLE_DEVICES=");
  ASSERT_EQ(plan.code, 0) << plan.err;
  ASSERT_EQ(study.code, 0) << study.err;
  const auto first = [](const std::string& text) { return text.substr(0, text.find('\n')); };
  EXPECT_EQ(first(plan.out), first(study.out));
  EXPECT_THAT(first(plan.out), HasSubstr("SIMULATED, your text is not read"));
  EXPECT_THAT(first(plan.out), HasSubstr("--set 'design.budgets=[2e10, 4e10, 8e10]' --set analysis.bootstrap=20"));
  EXPECT_THAT(first(plan.out), HasSubstr("--backend train --device cpu --out studies/pystudy"));
  EXPECT_THAT(plan.out, HasSubstr("SIMULATED with"));
  const fs::path out = folder_ / "studies" / "pystudy-simulated";
  ASSERT_TRUE(fs::exists(out / "report.html")) << study.out;
  EXPECT_FALSE(fs::exists(folder_ / "studies" / "pystudy")) << "that is where the trained study goes";
  EXPECT_THAT(study.out, HasSubstr(" made (SIMULATED, no model was trained)"));
  const std::string html = read_text_file(out / "report.html");
  EXPECT_THAT(html, HasSubstr("<title>pystudy (SIMULATED, no model was trained)</title>"));
  EXPECT_THAT(html, HasSubstr("<h1>pystudy (SIMULATED, no model was trained)</h1>"));
  EXPECT_THAT(read_text_file(out / "study.toml"), HasSubstr("kind = \"simulate\""));
  const Json json = Json::parse(scalelaw("plan no_backend.toml --json -", "CUDA_VISIBLE_DEVICES=").out);
  EXPECT_EQ(json["backend"]["kind"], "simulate");
  EXPECT_EQ(json["backend"]["fallback"], "no CUDA device here");
}

// README's recipe with another text, by mistake into the folder of the first: nothing is averaged.
TEST_F(StudyCommand, ASecondCorpusIsNeverPooledWithTheFirst) {
  make_corpus();
  ASSERT_EQ(scalelaw("corpus synth --out other --tokens 2000000 --seed 2").code, 0);
  ASSERT_EQ(scalelaw("run small.toml --out s " + fake_backend()).code, 0);
  const std::string second = "run small.toml --set corpus.path=other " + fake_backend();
  const ProgramResult refused = scalelaw(second + " --out s");
  EXPECT_EQ(refused.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("--keep-runs"));
  ASSERT_EQ(scalelaw(second + " --out t").code, 0);
  const ProgramResult both = scalelaw("fit s t --min-steps 1");
  EXPECT_EQ(both.code, 3);
  for (const char* part : {"do not belong together", "corpus: ", "--where", "--pool"}) {
    EXPECT_THAT(both.err, HasSubstr(part));
  }
  EXPECT_THAT(scalelaw("fit s t --min-steps 1 --pool").out, HasSubstr("pooled (--pool); they differ in corpus"));
  EXPECT_THAT(scalelaw("fit s t --min-steps 1 --where source=trained").err, HasSubstr("corpus"));
  const ProgramResult kept = scalelaw(second + " --out s --keep-runs");
  EXPECT_EQ(kept.code, 0) << kept.err;
  EXPECT_THAT(kept.out, HasSubstr("in the folder, not of this plan: 8 runs: another corpus"));
  EXPECT_THAT(scalelaw("report s").out, HasSubstr("not analysed, since they are not of the study's plan: 8 runs"));
  // both by their names: the one of study.toml, and the one that only the jobs remember
  for (const char* name : {"other", "corpus"}) {
    const ProgramResult named = scalelaw(fmt::format("report s --where corpus={}", name));
    EXPECT_THAT(named.out, HasSubstr(fmt::format("8 of 16 runs, those with corpus={}", name))) << named.err;
  }
  EXPECT_THAT(scalelaw("report s --where corpus=poems").err, HasSubstr("other ("));
  // asked once, not again for what changes no run
  EXPECT_EQ(scalelaw(second + " --out s --set analysis.bootstrap=7").code, 0);
  EXPECT_THAT(scalelaw("status s").out, HasSubstr("of the plan 8 completed, 0 diverged, 0 failed"));
  EXPECT_THAT(scalelaw("status s").out, HasSubstr("others kept: 8 records"));
}

TEST_F(StudyCommand, SimulateWritesRecordsUnderStudiesNameAndStatusCountsThem) {
  EXPECT_EQ(scalelaw("simulate small.toml").code, 0);
  EXPECT_TRUE(fs::exists(folder_ / "studies" / "small" / "study.toml"));
  const ProgramResult status = scalelaw("status studies/small");
  EXPECT_EQ(status.code, 0) << status.err;
  EXPECT_THAT(status.out, HasSubstr("8 completed, 0 diverged, 0 failed"));
  EXPECT_EQ(Json::parse(scalelaw("status studies/small --json -").out)["completed"], 8);
}

TEST_F(StudyCommand, AMissingCorpusIsADataErrorThatNamesTheScript) {
  scalelaw("run small.toml " + fake_backend()).expect_error(3, "scripts/get_corpus.sh");
  EXPECT_FALSE(fs::exists(folder_ / "studies")) << "nothing is left behind";
}

TEST_F(StudyCommand, WrongConfigsAndFoldersAreOneLineErrors) {
  scalelaw("run small.toml --set design.budget=[1e9]").expect_error(2, "did you mean 'budgets'?");
  scalelaw("run none.toml").expect_error(2, "no such config file");
  scalelaw("run small.toml --backend gpu").expect_error(2, "--backend");
  scalelaw("status .").expect_error(3, "is no study folder");
  scalelaw("run small.toml --backend train --device cuda", "CUDA_VISIBLE_DEVICES=").expect_error(4, "no CUDA device");
}

TEST_F(StudyCommand, RunsAnExternalProgramThroughTheJobProtocol) {
  make_corpus();
  const ProgramResult result = scalelaw("run small.toml --out s " + fake_backend());
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("8 of 8 runs finished"));
}

TEST_F(StudyCommand, AFailedJobGivesExitCodeOneAndItsReason) {
  make_corpus();
  const ProgramResult result = scalelaw("run small.toml --out s " + fake_backend(", \"--fail-shape\", \"d24 L2\""));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out, HasSubstr("failed: job"));
  EXPECT_THAT(result.out, HasSubstr("the corpus is on fire"));
  EXPECT_THAT(result.out, HasSubstr("4 of 8 runs finished"));
  const ProgramResult quiet =
      scalelaw("--quiet run small.toml --out s " + fake_backend(", \"--fail-shape\", \"d24 L2\""));
  EXPECT_THAT(quiet.err, testing::AllOf(HasSubstr("warning: job "), HasSubstr("the corpus is on fire")));
}

TEST_F(StudyCommand, WhereEveryJobFailedItSaysWhyAndAnalysesNothing) {
  make_corpus();
  const ProgramResult result =
      scalelaw("--quiet study small.toml --out s " + fake_backend(", \"--fail-shape\", \"all\""));
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, testing::AllOf(HasSubstr("error: s: no run finished, so there is nothing to analyse"),
                                         HasSubstr("the corpus is on fire")));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "s/report.html"));
}

TEST_F(StudyCommand, InterruptedItEndsWith130AndSaysHowToGoOn) {
  make_corpus();
  // The trainer holds after two runs; the signal comes when they are there.
  Process study = start_in(folder_,
                           fmt::format("'{}/scalelaw' run small.toml --out s {}", SCALELAW_BINARY_DIR,
                                       fake_backend(", \"--hold-after\", \"2\"")),
                           folder_ / "log");
  ASSERT_TRUE(wait_until({.folder = folder_ / "s", .processes = {study.pid()}}, [&] {
    std::ifstream trace(folder_ / "s/trace.txt");
    int trained = 0;
    for (std::string line; std::getline(trace, line);) trained += line.starts_with("trained ") ? 1 : 0;
    return trained >= 2 || study.try_wait();
  }));
  study.signal(SIGINT);
  EXPECT_EQ(study.wait().exit_code(), 130);
  EXPECT_THAT(read_text_file(folder_ / "log"), HasSubstr("interrupted; run the same command again to go on\n"));
  const ProgramResult rest = scalelaw("run small.toml --out s " + fake_backend());
  EXPECT_EQ(rest.code, 0) << rest.err;
  EXPECT_THAT(rest.out, HasSubstr("8 of 8 runs finished"));
  EXPECT_THAT(rest.out, HasSubstr("study.toml was rewritten")) << "the backend's command differs";
}

TEST_F(StudyCommand, QuietPrintsNothingAndJsonStandsAlone) {
  const ProgramResult quiet = scalelaw("simulate small.toml --quiet");
  EXPECT_EQ(quiet.out + quiet.err, "");
  const Json json = Json::parse(scalelaw("simulate small.toml --out other --json -").out);
  EXPECT_EQ(json["made"], 8);
}

TEST_F(StudyCommand, PlanNamesTheMemoryOfACudaDeviceAndSplitsWhatWouldNotFit) {
  write_file_atomic(folder_ / "nvidia-smi",
                    "#!/bin/sh\ncase \"$*\" in -L) echo 'GPU 0: A'; echo 'GPU 1: B';;\n"
                    "*memory.total*) echo 40960; echo 2048;; esac\n");
  std::filesystem::permissions(folder_ / "nvidia-smi", std::filesystem::perms::owner_all);
  const auto plan = [&](const std::string& options) {
    return scalelaw("plan small.toml --backend train --device cuda " + options,
                    "unset CUDA_VISIBLE_DEVICES; PATH=.:$PATH");
  };
  EXPECT_THAT(plan("").out, HasSubstr("of a CUDA device for one process, never measured"));
  const Json whole = Json::parse(plan("--json -").out)["estimate"];
  EXPECT_DOUBLE_EQ(whole["limit_bytes"].get<double>(), 0.9 * 2048 * 1048576) << "of the smaller one";
  const double mib = whole["peak_bytes"].get<double>() / 1048576 - 1;
  const Json split =
      Json::parse(plan(fmt::format("--set backend.device_memory_mib={:.0f} --json -", mib)).out)["estimate"];
  EXPECT_GT(split["jobs"], whole["jobs"]);
  EXPECT_LT(split["peak_bytes"], whole["peak_bytes"]);
  const ProgramResult small = plan("--set backend.device_memory_mib=500");
  EXPECT_EQ(small.code, 2);
  EXPECT_THAT(small.err, HasSubstr("a worker may take"));
}

TEST_F(StudyCommand, DoctorNamesEachCheckAndWhatToDo) {
  const ProgramResult result = scalelaw("doctor");
  const bool light = !fs::exists(fs::path(SCALELAW_BINARY_DIR) / "scalelaw-trainer");
  EXPECT_EQ(result.code, light ? 0 : 4) << "there is no corpus, which a light build does not need";
  for (const char* name : {"CPU trainer", "CUDA trainer", "CUDA device", "corpus", "gnuplot", "disk"})
    EXPECT_THAT(result.out, HasSubstr(name));
  EXPECT_THAT(result.out, HasSubstr("missing corpus"));
  EXPECT_THAT(result.out, HasSubstr("scripts/get_corpus.sh"));
  make_corpus();
  EXPECT_THAT(scalelaw("doctor --corpus corpus").out, HasSubstr("ok      corpus"));
}

}  // namespace
}  // namespace scalelaw
