// kill -9 of a training study, or of one of its workers, at random moments; then the same command again.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <map>
#include <thread>

#include "core/json.hpp"
#include "core/rng.hpp"
#include "program.hpp"
#include "wait_until.hpp"

namespace scalelaw {
namespace {

namespace fs = std::filesystem;

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
    const ProgramResult made = run_in(folder, scalelaw + " corpus synth --out corpus --tokens 3000000 --seed 1");
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
  Process start(const std::string& out, const std::string& config = "small.toml") const {
    return start_in(folder, run(out, config), folder / ".study");
  }
  /// How often an event is in the log of a study.
  std::size_t count(const std::string& out, const std::string& event) const {
    const fs::path file = folder / out / "events.jsonl";
    const std::string log = fs::exists(file) ? read_text_file(file) : "";
    std::size_t found = 0;
    for (std::size_t at = 0; (at = log.find("\"" + event + "\"", at)) != std::string::npos; ++at) ++found;
    return found;
  }
  /// The time of the newest checkpoint of a study.
  fs::file_time_type last_checkpoint(const std::string& out) const {
    fs::file_time_type last = fs::file_time_type::min();
    std::error_code gone;  // jobs come and go meanwhile
    for (fs::directory_iterator job(folder / out / "jobs", gone), end; !gone && job != end; job.increment(gone)) {
      std::error_code none;
      const auto time = fs::last_write_time(job->path() / "checkpoint.safetensors", none);
      if (!none) last = std::max(last, time);
    }
    return last;
  }
  /// Waits until `done` holds or the study has ended. @return whether it lives
  template <class Done>
  bool wait_for(Process& study, const std::string& out, const Done& done) const {
    EXPECT_TRUE(
        wait_until({.folder = folder / out, .processes = {study.pid()}}, [&] { return study.try_wait() || done(); }));
    return !study.try_wait();
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
  ASSERT_EQ(run_in(folder, run("whole")).code, 0);
  const auto expected = losses("whole");
  ASSERT_EQ(expected.size(), 18U);
  Rng rng = make_rng(7, "kill");
  int kills = 0;
  for (int attempt = 0; attempt < 4; ++attempt) {
    const auto before = times("killed");
    const auto mark = last_checkpoint("killed");
    Process study = start("killed");
    // a checkpoint newer than the last kill, then a random moment more; a study that has ended first is not killed
    wait_for(study, "killed", [&] { return last_checkpoint("killed") > mark; });
    std::this_thread::sleep_for(std::chrono::duration<double>(0.2 * uniform01(rng)));
    kills += study.try_wait() ? 0 : 1;
    if (attempt % 2 == 1) {  // one worker first, whose job the study takes up again by itself
      const std::size_t started = count("killed", "job_started");
      (void)run_program({"pkill", "-9", "-n", "-P", std::to_string(study.pid())});
      wait_for(study, "killed", [&] { return count("killed", "job_started") > started; });
    }
    study.signal(SIGKILL);
    study.wait();
    const auto after = times("killed");
    for (const auto& [name, time] : before) EXPECT_EQ(after.at(name), time) << name << " was written again";
  }
  EXPECT_GE(kills, 1) << "the study ended before it could be killed";
  const auto before = times("killed");
  const ProgramResult last = run_in(folder, run("killed"));
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
  ASSERT_EQ(run_in(folder, run("whole", "rounds.toml")).code, 0);
  ASSERT_GE(count("whole", "runs_added"), 2U);
  const auto expected = numbers("whole");
  const std::size_t planned = 2 * 2 * 2;
  ASSERT_GE(expected.size() / 2, planned + 4);

  // Killed at a checkpoint of a job of the second round (or a later one, where the machine is slow to see it); another
  // attempt where the study was over first.
  const auto killed_after = [&](std::size_t rounds) {
    Process study = start("killed", "rounds.toml");
    wait_for(study, "killed", [&] { return count("killed", "runs_added") >= rounds; });
    const auto mark = last_checkpoint("killed");
    wait_for(study, "killed", [&] { return last_checkpoint("killed") > mark; });
    study.signal(SIGKILL);
    return WIFSIGNALED(study.wait().status);
  };
  for (int attempt = 0;; ++attempt) {
    ASSERT_LT(attempt, 10) << "the study ended before it could be killed";
    if (killed_after(1) && times("killed").size() < expected.size() / 2) break;
    fs::remove_all(folder / "killed");
  }
  const auto early = times("killed");
  EXPECT_GE(early.size(), planned) << "the first round was over";
  (void)killed_after(0);  // and once more while it makes up for that

  const ProgramResult last = run_in(folder, run("killed", "rounds.toml"));
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_EQ(numbers("killed"), expected);
  const auto late = times("killed");
  for (const auto& [name, time] : early) EXPECT_EQ(late.at(name), time) << name << " was written again";
}

}  // namespace
}  // namespace scalelaw
