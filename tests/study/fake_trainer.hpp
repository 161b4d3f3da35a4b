#pragma once
// A trainer that speaks the job protocol and trains nothing: its losses are a function of the spec, its "checkpoint" a
// counter. The test binary starts itself as this program.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "os/files.hpp"
#include "records/job.hpp"
#include "records/shape.hpp"
#include "study/store.hpp"
#include "wait_until.hpp"

namespace scalelaw::testing {

/// Loss that depends on the spec and on the whole stack, as a batched product's last bits may: a study that resumed
/// with another grouping would give other numbers.
inline double fake_loss(const RunSpec& run, const std::string& job) {
  const std::string hash = sha256_hex(run_id(run) + job);
  return 1.5 + static_cast<double>(std::stoull(hash.substr(0, 8), nullptr, 16)) / 4294967296.0;
}

/// A loss around the best rate, best * (N / 10,000)^-.4, with a last digit that depends on the stack.
inline double valley_loss(const RunSpec& run, const std::string& job, double best) {
  const double params = static_cast<double>(count_params(run.model).total);
  const double off = std::log(run.optimizer.lr / (best * std::pow(params / 1e4, -0.4)));
  return 2 + 1e4 / static_cast<double>(run.data.tokens) + 0.05 * off * off + 1e-9 * fake_loss(run, job);
}

struct FakeTrainerArguments {
  std::string job, out;
  int step_ms = 2;              ///< time a run takes: 4 steps of this
  std::string fail_shape;       ///< jobs of this shape ("all": every job) end with exit code 3 and a message
  std::string die_once;         ///< jobs of this shape kill themselves (SIGKILL) on their first attempt
  std::string diverge_shape;    ///< runs of this shape diverge
  bool forget_records = false;  ///< exit 0 without writing anything
  std::string write;            ///< records as other programs may write them: "minimal" (no params, flops, tokens),
                                ///< "nan" (the loss of the first is NaN), "counts" (params 5, flops 7)
  bool ignore_term = false;
  double valley = 0;    ///< if not 0: losses lie on a valley around this rate at 10,000 params, falling with size
  int hold_after = -1;  ///< once so many runs of the study are trained, wait for a file "go" before the next
};

inline std::atomic<bool>& stop_requested() {
  static std::atomic<bool> stop{false};
  return stop;
}

inline void trace(const FakeTrainerArguments& a, const std::string& text) {
  append_line(std::filesystem::path(a.out) / "trace.txt", text);
}

/// Waits while the study is to be held. @return false if it was told to stop
inline bool pass_gate(const FakeTrainerArguments& a) {
  const auto trained = [&] {
    std::ifstream in(std::filesystem::path(a.out) / "trace.txt");
    int count = 0;
    for (std::string line; std::getline(in, line);) count += line.starts_with("trained ") ? 1 : 0;
    return count;
  };
  const auto may_pass = [&] {
    return a.hold_after < 0 || trained() < a.hold_after || std::filesystem::exists(std::filesystem::path(a.out) / "go");
  };
  for (bool told = false;;) {
    wait_until({.folder = a.out}, [&] { return may_pass() || (stop_requested() && !told); });
    if (may_pass()) return true;
    if (stop_requested() && !a.ignore_term) return false;
    if (stop_requested() && !std::exchange(told, true)) trace(a, "told and goes on");
  }
}

inline void write_as(const FakeTrainerArguments& a, const RunRecord& record, bool first) {
  Json value = to_json(record);
  if (a.write == "minimal") {
    for (const char* key : {"params", "flops", "tokens", "throughput", "context", "trunk"}) value.erase(key);
  } else if (a.write == "counts") {
    value["params"] = {{"total", 5}};
    value["flops"] = {{"6nd_total", 7}};
  }
  std::string text = value.dump();
  if (a.write == "nan" && first) {
    const std::string nats = "\"nats\":" + value["loss"]["nats"].dump();
    text.replace(text.find(nats), nats.size(), "\"nats\":NaN");
  }
  write_file_atomic(record_path(a.out, record.id), text);
}

inline int fake_trainer(const FakeTrainerArguments& a) {
  std::signal(SIGTERM, [](int) { stop_requested() = true; });
  const Job job = job_from_json(read_json_file(a.job), a.job);
  const std::string shape = shape_name(job.runs.front().model);
  const auto folder = std::filesystem::path(a.job).parent_path();
  trace(a, "job " + job.id + " pid " + std::to_string(::getpid()));
  std::cout << R"({"event":"start","job":")" << job.id << "\"}\n"
            << "not a JSON line\n"
            << std::flush;
  if (shape == a.fail_shape || a.fail_shape == "all") {
    std::cerr << "some talk\nerror: the corpus is on fire\n";
    return 3;
  }
  if (shape == a.die_once && !std::filesystem::exists(folder / "died")) {
    write_file_atomic(folder / "died", "yes");
    ::kill(::getpid(), SIGKILL);
  }
  if (a.forget_records) return 0;
  std::size_t done = 0;
  for (const RunSpec& run : job.runs) {
    ++done;
    const std::string& id = job.run_ids.at(done - 1);
    if (std::filesystem::exists(record_path(a.out, id))) continue;  // as scalelaw-trainer: a file there is a run done
    if (!pass_gate(a)) {
      trace(a, "stopped " + job.id);
      return 130;
    }
    for (int step = 0; step < 4; ++step) {
      std::this_thread::sleep_for(std::chrono::milliseconds(a.step_ms));  // the work
      std::cout << fmt::format(R"({{"event":"progress","tokens":{},"tokens_total":{},"loss":2.5,"tokens_per_s":1000}})",
                               4 * done - 4 + static_cast<std::size_t>(step), 4 * job.runs.size())
                << "\n"
                << std::flush;
      if (stop_requested() && !a.ignore_term) {
        trace(a, "stopped " + job.id);
        return 130;
      }
    }
    RunRecord record;
    record.id = id;
    record.spec = run;
    record.params = count_params(run.model);
    record.tokens = run_steps(run) * run.data.batch_tokens;
    record.flops = count_flops(run.model, record.tokens);
    record.trunk = trunk_id(run);
    if (shape == a.diverge_shape) {
      record.outcome.status = RunStatus::diverged;
    } else {
      record.loss.nats = a.valley > 0 ? valley_loss(run, job.id, a.valley) : fake_loss(run, job.id);
    }
    write_as(a, record, done == 1);
    trace(a, "trained " + id);
    std::cout << R"({"event":"record","run":")" << id << R"(","loss":)" << record.loss.nats.value_or(0) << "}\n"
              << std::flush;
  }
  std::cout << R"({"event":"done"})"
            << "\n"
            << std::flush;
  return 0;
}

/// argv after "fake-trainer".
inline int fake_trainer_main(const std::vector<std::string>& arguments) {
  FakeTrainerArguments a;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& key = arguments[i];
    const auto value = [&]() -> const std::string& { return arguments.at(++i); };
    if (key == "--job") a.job = value();
    if (key == "--out") a.out = value();
    if (key == "--step-ms") a.step_ms = std::stoi(value());
    if (key == "--fail-shape") a.fail_shape = value();
    if (key == "--die-once") a.die_once = value();
    if (key == "--diverge-shape") a.diverge_shape = value();
    if (key == "--forget-records") a.forget_records = true;
    if (key == "--ignore-term") a.ignore_term = true;
    if (key == "--write") a.write = value();
    if (key == "--valley") a.valley = std::stod(value());
    if (key == "--hold-after") a.hold_after = std::stoi(value());
  }
  return fake_trainer(a);
}

}  // namespace scalelaw::testing
