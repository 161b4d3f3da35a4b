// kill -9 of a training study, or of one of its workers, at random moments; then the same command again.
#include <gtest/gtest.h>

#include <map>

#include "core/json.hpp"
#include "core/rng.hpp"
#include "program.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;

/// Shell: whether $study is neither gone nor a zombie.
const std::string alive = "grep -q '^State:.[^Z]' /proc/$study/status";

struct KilledStudy : testing::Test {
  TempFolder folder;
  std::string scalelaw = fmt::format("'{}/scalelaw'", SCALELAW_BINARY_DIR);

  void SetUp() override {
    if (!fs::exists(fs::path(SCALELAW_BINARY_DIR) / "scalelaw-trainer")) GTEST_SKIP() << "built without the trainer";
    write_file_atomic(
        folder / "small.toml",
        "[corpus]\npath = \"corpus\"\n[design]\nbudgets = [2e9, 4e9, 8e9]\nmin_steps = 10\n"
        "shapes = [{ d_model = 16, n_layer = 2 }, { d_model = 24, n_layer = 2 }]\n"
        "learning_rates = [0.005, 0.01, 0.02]\n[training]\ncheckpoint_every_s = 0.2\neval_tokens = 8192\n");
    const ProgramResult made = run_in(folder.path(), scalelaw + " corpus synth --out corpus --tokens 3000000 --seed 1");
    ASSERT_EQ(made.code, 0) << made.err;
  }
  std::string run(const std::string& out, const std::string& config = "small.toml") const {
    return fmt::format("{} run {} --backend train --device cpu --out {}", scalelaw, config, out);
  }
  std::map<std::string, std::string> losses(const std::string& out) const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::directory_iterator(folder / out / "runs")) {
      const Json record = read_json_file(entry.path());
      found[record.at("id").get<std::string>()] = canonical_json(record.at("loss"));
    }
    return found;
  }
  /// Records without what depends on the clock, and curves; names are "runs/<id>.json" and "curves/<id>.csv".
  std::map<std::string, std::string> numbers(const std::string& out) const {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::directory_iterator(folder / out / "runs")) {
      Json record = read_json_file(entry.path());
      record.erase("throughput");
      record.erase("context");
      found["runs/" + entry.path().filename().string()] = canonical_json(record);
    }
    for (const auto& entry : fs::directory_iterator(folder / out / "curves")) {
      found["curves/" + entry.path().filename().string()] = read_text_file(entry.path());
    }
    return found;
  }
  std::map<std::string, fs::file_time_type> times(const std::string& out) const {
    std::map<std::string, fs::file_time_type> found;
    if (!fs::exists(folder / out / "runs")) return found;
    for (const auto& entry : fs::directory_iterator(folder / out / "runs")) {
      if (entry.path().extension() == ".json") found[entry.path().filename()] = fs::last_write_time(entry.path());
    }
    return found;
  }
};

TEST_F(KilledStudy, EndsWithTheSameBitsAndTrainsNoFinishedRunAgain) {
  ASSERT_EQ(run_in(folder.path(), run("whole")).code, 0);
  const auto expected = losses("whole");
  ASSERT_EQ(expected.size(), 18U);
  Rng rng = make_rng(7, "kill");
  int kills = 0;
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto before = times("killed");
    // Wait for a checkpoint newer than the last kill, then a moment more. Where no further one comes, the study has
    // ended (it is gone, or a zombie until it is waited for) and is not killed.
    const std::string moment = fmt::format(
        "until [ -n \"$(find killed/jobs -name checkpoint.safetensors -newer mark 2>.find)\" ] || ! {}; "
        "do sleep 0.01; done; sleep {:.3f}; {} && echo alive",
        alive, 0.2 * uniform01(rng), alive);
    // Odd attempts kill one worker only, whose job the study must take up again by itself.
    const std::string victim = attempt % 2 == 0 ? "kill -9 $study" : "pkill -9 -n -P $study; sleep 0.5; kill -9 $study";
    const ProgramResult result = run_in(
        folder.path(),
        fmt::format("touch mark; {} >.study 2>&1 & study=$!; {}; {}; wait $study", run("killed"), moment, victim));
    kills += result.out.find("alive") != std::string::npos ? 1 : 0;
    const auto after = times("killed");
    for (const auto& [name, time] : before) EXPECT_EQ(after.at(name), time) << name << " was written again";
  }
  EXPECT_GE(kills, 1) << "the study ended before it could be killed";
  const auto before = times("killed");
  const ProgramResult last = run_in(folder.path(), run("killed"));
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(losses("killed"), expected);
  const auto after = times("killed");
  for (const auto& [name, time] : before) EXPECT_EQ(after.at(name), time) << name << " was written again";
}

TEST_F(KilledStudy, InTheRoundThatItsResultsCalledForItEndsWithTheSameBits) {
  // Rates far too low: every round adds higher ones.
  write_file_atomic(folder / "rounds.toml",
                    "[corpus]\npath = \"corpus\"\n[design]\nbudgets = [1e9, 2e9]\nmin_steps = 10\n"
                    "shapes = [{ d_model = 16, n_layer = 2 }, { d_model = 24, n_layer = 2 }]\n"
                    "learning_rates = [0.0005, 0.001]\nlr_extend = 2\nbranch_checks = 1\n"
                    "[training]\ncheckpoint_every_s = 0.02\neval_tokens = 8192\n");
  const auto added = [&](const std::string& out) {
    const std::string log = read_text_file(folder / out / "events.jsonl");
    std::size_t count = 0;
    for (std::size_t at = 0; (at = log.find("\"runs_added\"", at)) != std::string::npos; ++at) ++count;
    return count;
  };
  ASSERT_EQ(run_in(folder.path(), run("whole", "rounds.toml")).code, 0);
  ASSERT_GE(added("whole"), 2U);
  const auto expected = numbers("whole");
  const std::size_t planned = 2 * 2 * 2;
  ASSERT_GE(expected.size() / 2, planned + 4);

  // Killed at a checkpoint of a job of the second round (or a later one, where the machine is slow to see it); another
  // attempt where the study was over first.
  const auto kill_after = [&](const std::string& sign) {
    const std::string until = fmt::format("until {{ {}; }} || ! {}; do sleep 0.005; done", sign, alive);
    const std::string checkpoint = "[ -n \"$(find killed/jobs -name checkpoint.safetensors -newer mark 2>.find)\" ]";
    return run_in(folder.path(),
                  fmt::format("{} >.study 2>&1 & study=$!; {}; touch mark; until {} || ! {}; do sleep 0.005; done; "
                              "kill -9 $study; wait $study",
                              run("killed", "rounds.toml"), until, checkpoint, alive))
        .code;
  };
  constexpr int kKilled = 128 + 9;
  for (int attempt = 0;; ++attempt) {
    ASSERT_LT(attempt, 10) << "the study ended before it could be killed";
    const int code = kill_after("grep -q runs_added killed/events.jsonl 2>.grep");
    if (code == kKilled && times("killed").size() < expected.size() / 2) break;
    fs::remove_all(folder / "killed");
  }
  const auto early = times("killed");
  EXPECT_GE(early.size(), planned) << "the first round was over";
  (void)kill_after("true");  // and once more while it makes up for that

  const ProgramResult last = run_in(folder.path(), run("killed", "rounds.toml"));
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(numbers("killed"), expected);
  const auto late = times("killed");
  for (const auto& [name, time] : early) EXPECT_EQ(late.at(name), time) << name << " was written again";
}

}  // namespace
}  // namespace scalelaw
