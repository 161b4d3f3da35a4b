// scalelaw-trainer --job job.json --out STUDY: the job protocol (docs/RECORDS.md, "Jobs").
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>

#include "core/build_info.hpp"
#include "models/device.hpp"
#include "models/engine.hpp"
#include "train/measure.hpp"
#include "train/trainer.hpp"

namespace {

volatile std::sig_atomic_t stop_requested = 0;
void request_stop(int /*signal*/) { stop_requested = 1; }

scalelaw::ExitCode run(int argc, char** argv) {
  CLI::App app("scalelaw-trainer: trains the runs of one job and writes their records. Started by scalelaw.");
  std::string job_path, out, device;
  const auto kinds = scalelaw::names_of(scalelaw::DeviceKind{});
  bool measure = false, check_device = false;
  app.add_option("--job", job_path, "job file (scalelaw.job/1)");
  auto* out_option = app.add_option("--out", out, "study folder that receives runs/, curves/ and jobs/");
  auto* measure_option =
      app.add_flag("--measure", measure, "train for half a second, print how long a step takes, and write nothing");
  out_option->excludes(measure_option);
  app.add_option("--device", device, "cpu or cuda, instead of what the job says")
      ->check(CLI::IsMember(std::vector<std::string>(kinds.begin(), kinds.end())));
  app.add_flag("--check-device", check_device,
               "only print the name of the first CUDA device, or why it cannot be used (exit code 4)");
  app.set_version_flag("--version", [] {
    return fmt::format("scalelaw-trainer {} (LibTorch {})", scalelaw::build_info().version, scalelaw::torch_version());
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e), scalelaw::ExitCode::ok;
    scalelaw::fail_config("{}; 'scalelaw-trainer --help' lists the options", e.what());
  }
  if (check_device) {
    fmt::print("{}\n", scalelaw::open_device(scalelaw::DeviceKind::cuda).name);
    return scalelaw::ExitCode::ok;
  }
  if (job_path.empty()) scalelaw::fail_config("--job is missing; 'scalelaw-trainer --help' lists the options");
  if (out.empty() && !measure) scalelaw::fail_config("--out is missing; 'scalelaw-trainer --help' lists the options");
  std::signal(SIGINT, request_stop);
  std::signal(SIGTERM, request_stop);
  scalelaw::Job job = scalelaw::job_from_json(scalelaw::read_json_file(job_path), job_path);
  if (!device.empty()) job.device = scalelaw::find_named<scalelaw::DeviceKind>(device).value();
  scalelaw::configure_torch(job.threads);
  if (measure) {
    fmt::print("{}\n", scalelaw::measure_job(job).dump());
    return scalelaw::ExitCode::ok;
  }
  const scalelaw::TrainerHooks hooks{.report =
                                         [](const scalelaw::Json& event) {
                                           fmt::print("{}\n", event.dump());
                                           std::fflush(stdout);
                                         },
                                     .stop = [] { return stop_requested != 0; }};
  return scalelaw::run_job(job, out, hooks);
}

/// The first line of a message: LibTorch adds a stack trace to its own.
std::string first_line(const char* what) {
  const std::string text = what;
  return text.substr(0, text.find('\n'));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return static_cast<int>(run(argc, argv));
  } catch (const scalelaw::Error& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return static_cast<int>(e.code());
  } catch (const std::bad_alloc&) {
    fmt::print(stderr,
               "error: out of memory; set backend.memory_mib to what is free, so that jobs are split, or lower "
               "batch_tokens\n");
  } catch (const std::exception& e) {
    const std::string what = first_line(e.what());  // LibTorch has its own exception for a device out of memory
    const bool memory = what.find("out of memory") != std::string::npos;
    fmt::print(stderr, "error: training failed: {}; {}\n", what,
               memory ? "set backend.device_memory_mib to what is free, so that jobs are split, or lower batch_tokens"
                      : "see the log of the job");
  }
  return static_cast<int>(scalelaw::ExitCode::device);
}
