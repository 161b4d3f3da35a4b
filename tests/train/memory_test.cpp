// The memory that `plan` predicts against that of real training processes, and what splitting a job does to losses.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "error_of.hpp"
#include "exec/speeds.hpp"
#include "models/native/native.hpp"
#include "models/native/step.hpp"
#include "study/cost.hpp"
#include "study/memory.hpp"
#include "study/store.hpp"
#include "train/memory_job.hpp"
#include "train/trainer.hpp"

namespace scalelaw {
namespace {

/// Largest resident set of the trainer at work on the job, bytes; 0 where it failed.
double peak_of_training(const Job& job, const std::filesystem::path& study) {
  const std::string file = (study / "job.json").string();
  write_json_file(file, to_json(job));
  std::vector<std::string> words{SCALELAW_BINARY_DIR "/scalelaw-trainer", "--job", file, "--out", study.string()};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  const std::string log = (study / "log.txt").string();
  ::posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int problem = ::posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (problem != 0) return 0;
  int status = 0;
  rusage used{};
  ::wait4(pid, &status, 0, &used);
  return status == 0 ? 1024.0 * static_cast<double>(used.ru_maxrss) : 0;
}

class PeakMemory : public ::testing::TestWithParam<Shape> {};

TEST_P(PeakMemory, PredictedIsAtLeastWhatTrainingTakesAndAtMostHalfAsMuchAgain) {
  const Shape& shape = GetParam();
  const TempFolder folder;
  const Job job = job_of(shape, folder.path());
  const double predicted = job_bytes(job.runs, {.engine = shape.engine, .micro_tokens = shape.micro_tokens}),
               actual = peak_of_training(job, folder.path());
  RecordProperty("predicted_mib", fmt::format("{:.0f}", predicted / 1048576));
  RecordProperty("actual_mib", fmt::format("{:.0f}", actual / 1048576));
  fmt::print("{}: predicted {:.0f} MiB, took {:.0f} MiB\n", shape.name, predicted / 1048576, actual / 1048576);
  ASSERT_GT(actual, 0);
  EXPECT_GE(predicted, actual);
  EXPECT_LE(predicted, 1.5 * actual);
}

constexpr Shape kSmall{"small", 16, 1, 8, 32, 256, 256, 2, AskedEngine::native};
INSTANTIATE_TEST_SUITE_P(
    Shapes, PeakMemory,
    ::testing::Values(
        Shape{"ManyParameters", 256, 4, 64, 64, 256, 64, 3, AskedEngine::native},
        Shape{"LongContext", 128, 8, 16, 512, 256, 512, 2, AskedEngine::native},
        Shape{"LargeVocabulary", 32, 1, 16, 32, 32768, 64, 2, AskedEngine::native},
        Shape{"TorchManyParameters", 256, 4, 64, 64, 256, 64, 3, AskedEngine::torch},
        Shape{"TorchLargeBatch", 64, 2, 16, 64, 256, 4096, 4, AskedEngine::torch},
        Shape{"TorchMicroBatches", 64, 2, 16, 64, 256, 8192, 4, AskedEngine::torch, Precision::fp32, 2048},
        Shape{"TorchMicroBatchesManyParameters", 256, 4, 64, 64, 256, 256, 3, AskedEngine::torch, Precision::fp32, 64},
        Shape{"NativeMicroBatches", 256, 4, 64, 64, 256, 256, 3, AskedEngine::native, Precision::fp32, 64},
        Shape{"TorchLargeVocabulary", 16, 1, 16, 32, 8192, 2048, 2, AskedEngine::torch},
        Shape{"TorchBf16", 64, 1, 16, 32, 4096, 2048, 2, AskedEngine::torch, Precision::bf16}),
    [](const auto& shape) { return std::string(shape.param.name); });

/// The program itself, with LibTorch, whose size depends on how that was built: an upper estimate only.
TEST(Memory, OfASmallJobIsThatOfTheProgram) {
  const TempFolder folder;
  const Job job = job_of(kSmall, folder.path());
  const double predicted = job_bytes(job.runs, {.engine = AskedEngine::native}),
               actual = peak_of_training(job, folder.path());
  fmt::print("small: predicted {:.0f} MiB, took {:.0f} MiB\n", predicted / 1048576, actual / 1048576);
  ASSERT_GT(actual, 0);
  EXPECT_GE(predicted, actual);
}

TEST(Memory, KnowsWhatTheNativeEngineTakes) {
  const auto takes_native = [](const ModelSpec& model) {
    RunSpec spec;
    spec.model = model;
    spec.data.batch_tokens = 16 * model.context;
    return host_bytes(spec, 1, AskedEngine::automatic) == host_bytes(spec, 1, AskedEngine::native);
  };
  ModelSpec at_limits;
  at_limits.d_head = kNativeMaxHead;
  at_limits.d_model = 2 * kNativeMaxHead;
  at_limits.n_head = 2;
  at_limits.d_ff = 64;
  at_limits.context = kNativeMaxContext;
  at_limits.vocab = kNativeMaxVocab;
  for (const auto member : {&ModelSpec::d_head, &ModelSpec::context, &ModelSpec::vocab}) {
    ModelSpec model = at_limits;
    EXPECT_EQ(native_refusal(model), "");
    EXPECT_TRUE(takes_native(model));
    model.*member += 2;
    EXPECT_NE(native_refusal(model), "");
    EXPECT_FALSE(takes_native(model));
  }
}

TEST(Memory, OfTheNativeEngineIsAtLeastWhatItsBuffersTakeOnEveryInstructionSet) {
  constexpr double kProgram = 300e6;  // of host_bytes
  for (const auto& [d_head, n_head, d_ff, context, vocab, tied] : {std::tuple{8, 1, 32, 8, 2, false},
                                                                   {8, 7, 224, 60, 300, true},
                                                                   {8, 23, 736, 316, 256, false},
                                                                   {16, 16, 1024, 512, 256, true},
                                                                   {64, 2, 50, 17, 4097, false}}) {
    RunSpec spec;
    spec.model = {.d_model = d_head * n_head,
                  .n_layer = 3,
                  .d_head = d_head,
                  .n_head = n_head,
                  .d_ff = d_ff,
                  .context = context,
                  .vocab = vocab,
                  .tie_embeddings = tied};
    spec.data.batch_tokens = 4 * context;
    const double one = host_bytes(spec, 1, AskedEngine::native), two = host_bytes(spec, 2, AskedEngine::native);
    const double engines = 2 * one - two - kProgram;  // of a trunk and a branch; the rest is the member's
    for (const native::Kernels* kernels : native::available_kernels()) {
      const native::Step step(make_layout(spec.model), *kernels);
      EXPECT_GE(engines, 2 * static_cast<double>(step.bytes())) << shape_name(spec.model) << " " << kernels->name;
    }
  }
}

TEST(SplitJob, ItsLossesAreThoseOfTheWholeToTheLastBit) {
  const TempFolder folder;
  Job whole = synthetic::small_job(folder.path());
  whole.trainer.engine = AskedEngine::native;
  ASSERT_EQ(run_job(whole, folder / "whole", {.report = [](const Json&) {}, .stop = [] { return false; }}),
            ExitCode::ok);
  const JobPlace place{.engine = AskedEngine::native};
  const double one = job_bytes({whole.runs.front()}, place), all = job_bytes(whole.runs, place);
  for (const double bytes : {one, (one + all) / 2}) {
    const auto study = folder / fmt::format("split_{:.0f}", bytes);
    const auto parts = split_to_fit(whole.runs, {.bytes = bytes, .place = place});
    EXPECT_EQ(parts.size(), bytes == one ? 3U : 2U);
    for (const auto& runs : parts) {
      Job part = whole;
      part.runs = runs;
      part.id = job_id(runs);
      ASSERT_EQ(run_job(part, study, {.report = [](const Json&) {}, .stop = [] { return false; }}), ExitCode::ok);
    }
    const RecordSet of_whole = read_records(folder / "whole"), of_parts = read_records(study);
    for (const RunSpec& run : whole.runs) {
      const std::optional<double> a = of_whole.records.at(run_id(run)).loss.nats,
                                  b = of_parts.records.at(run_id(run)).loss.nats;
      ASSERT_TRUE(a && b);
      EXPECT_EQ(*a, *b) << run_id(run);
      EXPECT_EQ(read_text_file(folder / "whole" / "curves" / (run_id(run) + ".csv")),
                read_text_file(study / "curves" / (run_id(run) + ".csv")));
    }
  }
}

TEST(MeasureSpeed, GivesTimesOfEveryPartAndWritesNothing) {
  const TempFolder folder;
  const Job job = synthetic::small_job(folder.path());
  const Speed speed = measure_speed(SCALELAW_BINARY_DIR "/scalelaw-trainer", job, {.workers = 2});
  EXPECT_GT(speed.start_s, 0);
  EXPECT_GT(speed.member_step_s, 0);
  EXPECT_GT(speed.eval_token_s, 0);
  EXPECT_TRUE(speed.engine.starts_with("native ")) << speed.engine;
  EXPECT_FALSE(std::filesystem::exists(folder / "runs"));
  EXPECT_FALSE(std::filesystem::exists(folder / "jobs"));
}

TEST(MeasureSpeed, SaysWhyATrainerFailed) {
  const TempFolder folder;
  Job job = synthetic::small_job(folder.path());
  job.corpus = (folder / "nowhere").string();
  const std::string trainer = SCALELAW_BINARY_DIR "/scalelaw-trainer";
  EXPECT_NE(error_of(ExitCode::device, [&] { (void)measure_speed(trainer, job, {}); }).find("nowhere"),
            std::string::npos);
  EXPECT_NE(error_of(ExitCode::device, [&] { (void)measure_speed("/no/such/trainer", job, {}); }).find("cannot start"),
            std::string::npos);
  EXPECT_NE(error_of(ExitCode::device, [&] { (void)measure_speed("/bin/true", job, {}); })
                .find("exit code 0: it printed nothing"),
            std::string::npos);
}

}  // namespace
}  // namespace scalelaw
