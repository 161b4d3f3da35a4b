// Measuring by trainers that are shell scripts: what they are given, what their times become, how they fail.
#include "exec/speeds.hpp"

#include <gmock/gmock.h>

#include "error_of.hpp"
#include "os/files.hpp"
#include "temp_folder.hpp"

namespace scalelaw {
namespace {

using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr const char* kTimes = R"({"busy_s": 0, "member_step_s": 0.5, "eval_token_s": 0.25, "engine": "e"})";

Job some_job() {
  Job job;
  job.device = DeviceKind::cuda;
  job.trainer.graph = AskedGraph::off;
  RunSpec run;
  run.data.tokens = 100 * run.data.batch_tokens;
  job.runs = {run};
  job.id = job_id(job.runs);
  return job;
}

fs::path script(const std::string& name, const std::string& text) {
  const fs::path file = fresh_folder(name) / "trainer";
  write_file_atomic(file, "#!/bin/sh\n" + text + "\n");
  fs::permissions(file, fs::perms::owner_all);
  return file;
}

std::string failure(const std::string& name, const std::string& text) {
  const fs::path trainer = script(name, text);
  const std::string error = error_of(ExitCode::device, [&] { (void)measure_speed(trainer, some_job(), {}); });
  EXPECT_THAT(error, HasSubstr(trainer.string()));
  return error;
}

TEST(MeasureSpeed, TakesTheLastMeasurementThatIsPrinted) {
  const fs::path trainer =
      script("talk", fmt::format("echo '{{\"other\": 1}}'; echo '{}'; echo 'a warning at the end' >&2", kTimes));
  const Speed speed = measure_speed(trainer, some_job(), {.workers = 2});
  EXPECT_DOUBLE_EQ(speed.member_step_s, 0.5);
  EXPECT_DOUBLE_EQ(speed.eval_token_s, 0.25);
  EXPECT_EQ(speed.engine, "e");
}

TEST(MeasureSpeed, CountsTheStartOfACudaTrainerByTheClock) {
  const fs::path trainer = script("slow", fmt::format("sleep 0.2; echo '{}'", kTimes));  // the time to be measured
  EXPECT_GE(measure_speed(trainer, some_job(), {.device = DeviceKind::cuda}).start_s, 0.2);
  EXPECT_LT(measure_speed(trainer, some_job(), {.device = DeviceKind::cpu}).start_s, 0.2) << "it slept";
}

TEST(MeasureSpeed, SpreadsCudaWorkersOverTheDevices) {
  const fs::path folder = fresh_folder("devices");
  const fs::path trainer = script(
      "spread", fmt::format("echo \"on $CUDA_VISIBLE_DEVICES\" >> '{}/seen'; echo '{}'", folder.string(), kTimes));
  const auto seen = [&](const WorkerSetup& setup) {
    fs::remove(folder / "seen");
    (void)measure_speed(trainer, some_job(), setup);
    const std::string text = read_text_file(folder / "seen");
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
      lines.push_back(text.substr(at, text.find('\n', at) - at));
    }
    std::ranges::sort(lines);
    return lines;
  };
  using Lines = std::vector<std::string>;
  ::setenv("CUDA_VISIBLE_DEVICES", "5,7", 1);
  EXPECT_EQ(seen({.workers = 3, .device = DeviceKind::cuda, .devices = 2}), (Lines{"on 5", "on 5", "on 7"}));
  EXPECT_EQ(seen({.workers = 2, .device = DeviceKind::cuda, .devices = 1}), (Lines{"on 5,7", "on 5,7"})) << "as it is";
  EXPECT_EQ(seen({.workers = 2}), (Lines{"on 5,7", "on 5,7"})) << "a CPU";
  ::unsetenv("CUDA_VISIBLE_DEVICES");
  EXPECT_EQ(seen({.workers = 2, .device = DeviceKind::cuda, .devices = 2}), (Lines{"on 0", "on 1"}));
}

TEST(MeasureSpeed, SaysHowATrainerEndedAndWhatItSaid) {
  EXPECT_THAT(failure("library", "echo 'trainer: error while loading shared libraries: libx.so' >&2; exit 127"),
              HasSubstr("--measure failed, exit code 127: trainer: error while loading shared libraries: libx.so"));
  EXPECT_THAT(failure("killed", "kill -9 $$"),
              HasSubstr("--measure failed, killed by signal 9 (Killed): it printed nothing"));
  EXPECT_THAT(failure("silent", "exit 3"), HasSubstr("exit code 3: it printed nothing; start it by hand to see why"));
  EXPECT_THAT(failure("late", fmt::format("echo '{}'; echo 'error: late' >&2; exit 4", kTimes)),
              HasSubstr("exit code 4: error: late"));
  EXPECT_THAT(failure("no times", "echo '{\"busy_s\": 1}'"), HasSubstr("gave no times: {\"busy_s\": 1}"));
  EXPECT_THAT(error_of(ExitCode::device, [] { (void)measure_speed("/no/such/trainer", some_job(), {}); }),
              HasSubstr("cannot start"));
}

}  // namespace
}  // namespace scalelaw
