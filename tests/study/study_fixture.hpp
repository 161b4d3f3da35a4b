#pragma once
// A small study of 3 shapes x 3 budgets x 2 rates x 2 seeds on the fake trainer, in a folder of its own.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "exec/run.hpp"
#include "os/files.hpp"
#include "wait_until.hpp"

namespace scalelaw::testing {

inline StudyConfig small_config() {
  StudyConfig config;
  config.name = "small";
  config.design.budgets = {1e9, 2e9, 4e9};
  config.design.shapes = {{16, 1}, {24, 2}, {32, 2}};
  config.design.learning_rates = {0.004, 0.008};
  config.design.seeds = {0, 1};
  config.design.min_steps = 10;
  config.backend.kind = BackendKind::command;
  config.backend.command = {"given by the options"};
  config.simulation.law = "chinchilla";  // published amplitudes mean nothing at this size
  config.simulation.params = {{"E", 1}, {"A", 12}, {"B", 15}, {"alpha", 0.28}, {"beta", 0.24}};
  return config;
}

class StudyTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              fmt::format("scalelaw_{}_{}_{}", info->test_suite_name(), info->name(), ::getpid());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::vector<std::string> trainer(const std::vector<std::string>& extra = {}) const {
    std::vector<std::string> command{"/proc/self/exe", "fake-trainer", "--job", "{job}", "--out", "{out}"};
    command[0] = (program_folder() / "test_study").string();
    command.insert(command.end(), extra.begin(), extra.end());
    return command;
  }
  [[nodiscard]] StudyOptions options(const std::filesystem::path& folder, const std::vector<std::string>& extra = {},
                                     std::int64_t workers = 2) const {
    StudyOptions o;
    o.folder = folder;
    o.backend.command = trainer(extra);
    o.backend.workers = workers;
    o.corpus = CorpusFacts{std::string(64, 'a'), 100000000};
    o.progress.write = [this](std::string_view text) { said_ += text; };
    return o;
  }
  /// id -> exact loss text of every record.
  static std::map<std::string, std::string> losses(const std::filesystem::path& folder) {
    std::map<std::string, std::string> out;
    for (const auto& [id, record] : read_records(folder).records) {
      out[id] = record.loss.nats ? fmt::format("{:a}", *record.loss.nats) : std::string(name_of(record.outcome.status));
    }
    return out;
  }
  static std::vector<std::string> trace(const std::filesystem::path& folder, const std::string& prefix) {
    std::vector<std::string> lines;
    std::ifstream in(folder / "trace.txt");
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with(prefix)) lines.push_back(line);
    }
    return lines;
  }
  /// The study in a process of its own; returns its id.
  [[nodiscard]] pid_t start(const std::filesystem::path& folder, const std::vector<std::string>& extra = {},
                            const StudyConfig& config = small_config()) const {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    int code = 99;
    try {
      code = static_cast<int>(run_study(config, options(folder, extra)).exit_code());
    } catch (const Error& e) {
      code = static_cast<int>(e.code());
    }
    ::_exit(code);
  }
  static int wait_for(pid_t pid) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  /// Waits until the trace holds so many lines of this kind.
  static bool wait_for_trace(const std::filesystem::path& folder, const std::string& prefix, std::size_t count) {
    return wait_until({.folder = folder}, [&] { return trace(folder, prefix).size() >= count; });
  }
  static bool wait_for_records(const std::filesystem::path& folder, std::size_t count) {
    return wait_for_trace(folder, "trained ", count);
  }
  /// The same while the study lives. @return false if it has ended: a worker killed between a record and its line in
  /// the trace leaves the line out, so a study can end with fewer lines than runs.
  static bool wait_for_records_or_end(const std::filesystem::path& folder, std::size_t count, pid_t study) {
    EXPECT_TRUE(wait_until({.folder = folder, .processes = {study}}, [&] {
      return wait_for_end(study, std::chrono::seconds(0)) || trace(folder, "trained ").size() >= count;
    }));
    return trace(folder, "trained ").size() >= count;
  }
  static void expect_no_run_twice(const std::filesystem::path& folder) {
    std::set<std::string> seen;
    for (const auto& line : trace(folder, "trained ")) EXPECT_TRUE(seen.insert(line).second) << line;
  }
  static std::vector<pid_t> worker_pids(const std::filesystem::path& folder) {
    std::vector<pid_t> pids;
    for (const auto& line : trace(folder, "job ")) pids.push_back(std::stoi(line.substr(line.rfind(' '))));
    return pids;
  }

  std::filesystem::path folder_;
  mutable std::string said_;
};

}  // namespace scalelaw::testing
