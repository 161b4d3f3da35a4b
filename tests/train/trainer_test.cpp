#include "train/trainer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "core/csv.hpp"
#include "error_of.hpp"
#include "os/process.hpp"
#include "records/shape.hpp"
#include "run_whole.hpp"
#include "synthetic.hpp"
#include "wait_until.hpp"

namespace scalelaw {
namespace {

using synthetic::numbers;
using synthetic::record_of;
using synthetic::small_job;
using synthetic::train_job;
using synthetic::Trained;

int count(const Trained& result, const std::string& event) {
  int n = 0;
  for (const Json& e : result.events) n += e.at("event") == event ? 1 : 0;
  return n;
}

std::string refusal(const Job& job, ExitCode expected) {
  return error_of(expected, [&] { train_job(job, fresh_folder("errors_out")); });
}

TEST(RunJob, WritesCompleteRecordsAndCleansUp) {
  const auto folder = fresh_folder("records");
  const Job job = small_job(folder);
  const Trained result = train_job(job, folder / "out");
  EXPECT_EQ(result.code, ExitCode::ok);
  EXPECT_EQ(result.events.front().at("event"), "start");
  EXPECT_EQ(result.events.front().at("members"), 3);
  // members 3 up to 32 + 8, 3 up to 64 + 16, then 1 up to 128 + 32
  EXPECT_EQ(result.events.front().at("tokens_total"), 64 * (3 * 40 + 3 * (32 + 16) + (64 + 32)));
  EXPECT_EQ(result.events.back().at("event"), "done");
  EXPECT_EQ(count(result, "record"), 7);
  for (const RunSpec& spec : job.runs) {
    const std::string name = run_id(spec) + ".json";
    const RunRecord record = record_from_json(read_json_file(folder / "out" / "runs" / name), name);
    EXPECT_EQ(record.id, run_id(spec));
    EXPECT_EQ(run_id(record.spec), record.id);
    EXPECT_EQ(record.outcome.status, RunStatus::completed);
    EXPECT_EQ(record.tokens, spec.data.tokens);
    EXPECT_EQ(record.trunk, trunk_id(spec));
    EXPECT_EQ(record.params.total, count_params(spec.model).total);
    EXPECT_GT(*record.loss.nats, 1);
    EXPECT_LT(*record.loss.nats, 4);
    EXPECT_GT(*record.loss.stderr_nats, 0);
    EXPECT_EQ(record.loss.eval_tokens, 1024);
    EXPECT_THAT(record.context.precision, testing::HasSubstr("fp32"));
    EXPECT_FALSE(record.context.torch.empty());
    EXPECT_GT(record.throughput.tokens_per_s, 0);
    const CsvTable curve = read_csv(folder / "out" / "curves" / (record.id + ".csv"));
    EXPECT_EQ(curve.header, (std::vector<std::string>{"step", "tokens", "train_loss_nats", "lr", "grad_norm"}));
    EXPECT_EQ(curve.rows.back()[1], std::to_string(spec.data.tokens));
    EXPECT_LE(curve.rows.size(), 202U);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "out" / "jobs" / job.id / "checkpoint.safetensors"));
}

TEST(RunJob, TrainsNoFinishedRunAgain) {
  const auto folder = fresh_folder("again");
  const Job job = small_job(folder);
  train_job(job, folder / "out");
  const auto before = std::filesystem::last_write_time(folder / "out" / "runs" / (run_id(job.runs[0]) + ".json"));
  std::filesystem::remove_all(job.corpus);  // it would be needed to train
  const Trained second = train_job(job, folder / "out");
  EXPECT_EQ(second.code, ExitCode::ok);
  EXPECT_EQ(count(second, "record"), 0);
  EXPECT_EQ(std::filesystem::last_write_time(folder / "out" / "runs" / (run_id(job.runs[0]) + ".json")), before);
}

class WithEngine : public testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Engines, WithEngine, testing::Values("native", "torch"),
                         [](const auto& of) { return of.param; });

/// Trains in sessions that are each stopped, as `train_job` says, until the job is done.
void train_in_sessions(const Job& job, const std::filesystem::path& out, int stop_after) {
  int sessions = 0;
  while (train_job(job, out, stop_after).code == ExitCode::interrupted) ASSERT_LT(++sessions, 500);
  EXPECT_GT(sessions, 0);
}

TEST_P(WithEngine, InterruptedAnywhereItEndsWithTheSameBits) {
  const auto folder = fresh_folder("resume_" + GetParam());
  Job job = small_job(folder);
  job.trainer.checkpoint_every_s = 1e-6;
  job.trainer.engine = find_named<AskedEngine>(GetParam()).value();
  train_job(job, folder / "whole");
  const auto expected = numbers(job, folder / "whole");
  EXPECT_THAT(record_of(job.runs[0], folder / "whole").context.engine, testing::StartsWith(GetParam() + " "));
  for (const int stop_after : {0, 1, 3}) {
    const auto out = folder / fmt::format("stop_{}", stop_after);
    train_in_sessions(job, out, stop_after);
    EXPECT_EQ(numbers(job, out), expected) << "stopped after " << stop_after;
  }
}

TEST_P(WithEngine, InMicroBatchesItEndsWithTheSameBitsToo) {
  const auto folder = fresh_folder("micro_" + GetParam());
  Job job = small_job(folder);
  job.trainer.checkpoint_every_s = 1e-6;
  job.trainer.engine = find_named<AskedEngine>(GetParam()).value();
  train_job(job, folder / "one");
  EXPECT_THAT(record_of(job.runs[0], folder / "one").context.engine, testing::Not(testing::HasSubstr("micro")));
  job.trainer.micro_tokens = 64;  // which is the batch
  train_job(job, folder / "asked");
  EXPECT_EQ(numbers(job, folder / "asked"), numbers(job, folder / "one"));
  EXPECT_EQ(record_of(job.runs[0], folder / "asked").context.engine,
            record_of(job.runs[0], folder / "one").context.engine);
  job.trainer.micro_tokens = 16;
  train_job(job, folder / "whole");
  EXPECT_THAT(record_of(job.runs[0], folder / "whole").context.engine,
              testing::EndsWith(", micro-batches of 16 of 64 tokens"));
  train_in_sessions(job, folder / "stopped", 5);
  EXPECT_EQ(numbers(job, folder / "stopped"), numbers(job, folder / "whole"));
  EXPECT_NE(numbers(job, folder / "whole"), numbers(job, folder / "one")) << "sums in another order";
  for (const RunSpec& run : job.runs) {
    EXPECT_NEAR(*record_of(run, folder / "whole").loss.nats, *record_of(run, folder / "one").loss.nats, 1e-4);
  }
}

TEST(RunJob, ACheckpointOfOtherMicroBatchesIsReportedAndTheJobStartsAgain) {
  const auto folder = fresh_folder("other_micro");
  Job job = small_job(folder);
  EXPECT_EQ(train_job(job, folder / "out", 1).code, ExitCode::interrupted);
  job.trainer.micro_tokens = 32;
  const Trained again = train_job(job, folder / "out");
  EXPECT_EQ(count(again, "note"), 1);
  train_job(job, folder / "whole");
  EXPECT_EQ(numbers(job, folder / "out"), numbers(job, folder / "whole"));
}

TEST(RunJob, ABranchIsTheSameRunTrainedFromScratch) {
  const auto folder = fresh_folder("scratch");
  const Job job = small_job(folder);
  train_job(job, folder / "whole");
  for (const RunSpec& run : job.runs) {  // alone: no other branch, no other member
    Job alone = job;
    alone.runs = {run};
    alone.id = job_id(alone.runs);
    const auto out = folder / run_id(run);
    train_job(alone, out);
    const std::string id = run_id(run);
    const Json expected = read_json_file(folder / "whole" / "runs" / (id + ".json"));
    EXPECT_EQ(read_json_file(out / "runs" / (id + ".json")).at("loss"), expected.at("loss"));
  }
}

TEST(RunJob, CompletesABranchFromItsFileWithoutTraining) {
  const auto folder = fresh_folder("branch");
  const Job job = small_job(folder);
  train_job(job, folder / "whole");
  const auto expected = numbers(job, folder / "whole");
  Json result = {{"schema", "scalelaw.branch/1"}, {"records", Json::array()}, {"curves", Json::object()}};
  for (const RunSpec& spec : job.runs) {
    const std::string id = run_id(spec);
    result["records"].push_back(read_json_file(folder / "whole" / "runs" / (id + ".json")));
    result["curves"][id] = read_text_file(folder / "whole" / "curves" / (id + ".csv"));
  }
  const auto out = folder / "out";
  for (const auto& tokens : {std::pair{32, 40}, std::pair{64, 80}, std::pair{128, 160}}) {
    write_json_file(out / "jobs" / job.id / fmt::format("branch_{}_{}.json", 64 * tokens.first, 64 * tokens.second),
                    result);
  }
  std::filesystem::remove_all(job.corpus);
  EXPECT_EQ(train_job(job, out).code, ExitCode::ok);
  EXPECT_EQ(numbers(job, out), expected);
}

TEST(RunJob, ABrokenCheckpointIsReportedAndTheJobStartsAgain) {
  const auto folder = fresh_folder("broken");
  const Job job = small_job(folder);
  train_job(job, folder / "whole");
  ASSERT_EQ(train_job(job, folder / "out", 3).code, ExitCode::interrupted);
  const auto checkpoint = folder / "out" / "jobs" / job.id / "checkpoint.safetensors";
  const std::string bytes = read_text_file(checkpoint);
  write_file_atomic(checkpoint, bytes.substr(0, bytes.size() / 2));
  const Trained result = train_job(job, folder / "out");
  EXPECT_EQ(result.code, ExitCode::ok);
  EXPECT_EQ(count(result, "note"), 1);
  EXPECT_EQ(numbers(job, folder / "out"), numbers(job, folder / "whole"));
}

TEST(RunJob, SchedulesWithoutTrunkTrainEachBudgetFromScratch) {
  const auto folder = fresh_folder("cosine");
  Job job = small_job(folder);
  for (RunSpec& run : job.runs) run.schedule.kind = ScheduleKind::cosine;
  job.id = job_id(job.runs);
  EXPECT_EQ(train_job(job, folder / "out").code, ExitCode::ok);
  for (const RunSpec& run : job.runs) {
    const Json record = read_json_file(folder / "out" / "runs" / (run_id(run) + ".json"));
    EXPECT_TRUE(record.at("trunk").is_null());
    EXPECT_LT(record.at("loss").at("nats").get<double>(), 3.5);
  }
}

TEST(RunJob, SaysWhatIsWrong) {
  const auto folder = fresh_folder("errors");
  const Job job = small_job(folder);
  Job bad = job;
  bad.corpus = (folder / "nowhere").string();
  EXPECT_THAT(refusal(bad, ExitCode::data), testing::HasSubstr("nowhere"));
  bad = job;
  bad.device = DeviceKind::cuda;
  EXPECT_THAT(refusal(bad, ExitCode::device), testing::HasSubstr("--device cpu"));
  bad = job;
  bad.trainer.engine = AskedEngine::native_baseline;  // every processor has it, and none has bf16 in it
  for (RunSpec& run : bad.runs) run.precision = Precision::bf16;
  EXPECT_THAT(refusal(bad, ExitCode::usage), testing::HasSubstr("bf16"));
  bad = job;
  for (RunSpec& run : bad.runs) run.data.corpus_sha256 = "0";
  EXPECT_THAT(refusal(bad, ExitCode::data), testing::HasSubstr("sha256"));
  bad = job;
  for (RunSpec& run : bad.runs) run.model.vocab = 16;
  EXPECT_THAT(refusal(bad, ExitCode::usage), testing::HasSubstr("vocab"));
}

/// The program itself, in a process of its own.
struct TrainerProgram {
  std::filesystem::path job_file, out, log;

  TrainerProgram(const Job& job, const std::filesystem::path& folder, const std::string& name)
      : job_file(folder / (name + ".json")), out(folder / name), log(folder / (name + ".log")) {
    write_json_file(job_file, to_json(job));
  }
  [[nodiscard]] Process start(const std::string& device = "cpu") const {
    return Process({.argv = {SCALELAW_BINARY_DIR "/scalelaw-trainer", "--job", job_file.string(), "--out", out.string(),
                             "--device", device},
                    .output = Stream::file,
                    .error = Stream::file,
                    .log = log});
  }
  /// Its exit code, or the number of the signal that ended it with a minus.
  static int wait(Process process) {
    const int status = process.wait().status;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
};

/// Waits until the file at `path` has been replaced `times` times or the child has ended. @return false if it has ended
bool wait_for_replacements(Process& child, const std::filesystem::path& path, int times) {
  const auto inode = [&] {
    struct stat info {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
  };
  auto last = inode();
  EXPECT_TRUE(wait_until({.folder = path.parent_path(), .processes = {child.pid()}}, [&] {
    if (const auto now = inode(); now != 0 && now != last) --times, last = now;
    return times <= 0 || child.try_wait();
  }));
  return times <= 0;
}

TEST_P(WithEngine, KilledAtRandomMomentsTheProgramEndsWithTheSameBits) {
  const auto folder = fresh_folder("kill_" + GetParam());
  Job job = small_job(folder);
  job.trainer.engine = find_named<AskedEngine>(GetParam()).value();
  for (RunSpec& run : job.runs) run.data.tokens *= 20;
  for (RunSpec& run : job.runs) run.optimizer.warmup_fraction /= 20;
  job.id = job_id(job.runs);
  job.trainer.checkpoint_every_s = 0.01;
  const TrainerProgram whole(job, folder, "whole"), killed(job, folder, "killed");
  ASSERT_EQ(TrainerProgram::wait(whole.start()), 0) << read_text_file(whole.log);
  const auto checkpoint = killed.out / "jobs" / job.id / "checkpoint.safetensors";
  const auto expected = numbers(job, whole.out);
  Rng rng = make_rng(static_cast<std::uint64_t>(::getpid()), "kill");
  int kills = 0;
  for (int attempt = 0; kills < 4; ++attempt) {
    ASSERT_LT(attempt, 100) << "the job ends before it can be killed, " << kills << " kills";
    Process child = killed.start();
    wait_for_replacements(child, checkpoint, 1 + static_cast<int>(uniform_below(rng, 3)));
    // the random moment of the kill
    std::this_thread::sleep_for(std::chrono::microseconds(uniform_below(rng, 5000)));
    child.signal(attempt % 3 == 2 ? SIGTERM : SIGKILL);
    const int code = TrainerProgram::wait(std::move(child));
    if (code == 0) {  // it was faster: once more from the start
      ASSERT_EQ(numbers(job, killed.out), expected) << kills << " kills";
      std::filesystem::remove_all(killed.out);
      continue;
    }
    ASSERT_TRUE(code == -SIGKILL || code == -SIGTERM || code == 130) << code << "\n" << read_text_file(killed.log);
    ++kills;
  }
  ASSERT_EQ(TrainerProgram::wait(killed.start()), 0) << read_text_file(killed.log);
  EXPECT_EQ(numbers(job, killed.out), expected) << kills << " kills";
}

TEST(TrainerProgram, EndsWithTheExitCodeOfTheContractAndOneLine) {
  const auto folder = fresh_folder("program_errors");
  Job job = small_job(folder);
  const TrainerProgram cuda(job, folder, "cuda");
  EXPECT_EQ(TrainerProgram::wait(cuda.start("cuda")), 4);
  EXPECT_THAT(read_text_file(cuda.log), testing::HasSubstr("error: "));
  job.corpus = (folder / "nowhere").string();
  const TrainerProgram data(job, folder, "data");
  EXPECT_EQ(TrainerProgram::wait(data.start()), 3);
  EXPECT_FALSE(std::filesystem::exists(data.out / "runs"));
  write_file_atomic(data.job_file, R"({"schema":"scalelaw.job/1","runs":[],"colour":1})");
  EXPECT_EQ(TrainerProgram::wait(data.start()), 2);
  EXPECT_THAT(read_text_file(data.log), testing::HasSubstr("colour"));
}

}  // namespace
}  // namespace scalelaw
