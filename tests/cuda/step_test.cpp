// Training on CUDA against the same on the CPU: the engine with our kernels, SDPA and bf16, counters and tables,
// graphs, the training loop and the trainer. Built twice: with a backend that stands in for CUDA, so that all but CUDA
// itself runs anywhere; and with the real one, for a machine that has a device.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cuda/job_fixture.hpp"
#include "cuda/step_fixture.hpp"
#include "train/measure.hpp"
#include "train/result.hpp"

namespace scalelaw::cuda {
namespace {

using testing::HasSubstr;

struct OnCuda : testing::Test {
  void SetUp() override { SCALELAW_NEED_CUDA(); }
};

struct Case {
  const char* name;
  bool tied;
  Precision precision;
  AttentionBy attention;
};
struct EngineOnCuda : testing::TestWithParam<Case> {
  void SetUp() override { SCALELAW_NEED_CUDA(); }
};

TEST_P(EngineOnCuda, GivesTheLossesAndGradientsOfTheCpu) {
  const Case& c = GetParam();
  const Limits limits = limits_of(c.precision);
  Stacked device(DeviceKind::cuda, small_shape(c.tied), 3, 2, {.precision = c.precision, .attention = c.attention});
  Stacked cpu(DeviceKind::cpu, small_shape(c.tied), 3, 2, {.precision = c.precision});
  for (Stacked* one : {&device, &cpu}) {
    one->step();
    one->step();  // the second must not depend on what the first left behind
    one->engine.window_losses(one->batch(), one->window_losses.data());
  }
  EXPECT_LT(distance(device.losses.download(), cpu.losses.download()), limits.loss);
  EXPECT_LT(distance(device.window_losses.download(), cpu.window_losses.download()), limits.loss);
  for (const Slice& slice : cpu.layout.slices) {
    for (std::int64_t k = 0; k < 3; ++k) {
      const std::int64_t at = k * cpu.layout.params + slice.offset;
      EXPECT_LT(distance(device.gradients.download(at, slice.size()), cpu.gradients.download(at, slice.size())),
                limits.gradient)
          << slice.name << " of member " << k;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Ways, EngineOnCuda,
                         testing::Values(Case{"fp32_sdpa", false, Precision::fp32, AttentionBy::automatic},
                                         Case{"fp32_products", false, Precision::fp32, AttentionBy::products},
                                         Case{"fp32_tied", true, Precision::fp32, AttentionBy::automatic},
                                         Case{"bf16_sdpa", false, Precision::bf16, AttentionBy::automatic},
                                         Case{"bf16_products", true, Precision::bf16, AttentionBy::products}),
                         [](const auto& one) { return std::string(one.param.name); });

TEST_F(OnCuda, AMemberThatIsNotFiniteChangesNoOtherBit) {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    Stacked clean(DeviceKind::cuda, small_shape(), 3, 2, {.precision = precision}),
        poisoned(DeviceKind::cuda, small_shape(), 3, 2, {.precision = precision});
    const std::int64_t p = clean.layout.params;
    poisoned.parameters.upload(std::vector<float>(100, std::nanf("")), p);
    clean.step();
    poisoned.step();
    EXPECT_FALSE(std::isfinite(poisoned.losses.download()[1]));
    for (const std::int64_t k : {0, 2}) {
      EXPECT_EQ(clean.losses.download(k, 1), poisoned.losses.download(k, 1));
      EXPECT_EQ(clean.gradients.download(k * p, p), poisoned.gradients.download(k * p, p));
    }
  }
}

/// Training of the small synthetic runs on a device.
struct Training {
  std::filesystem::path folder = fresh_folder("emulated");
  Manifest manifest = synthetic::write_corpus(folder);
  Corpus corpus = load_corpus(folder);
  StackSetup setup;

  explicit Training(DeviceKind device, AskedGraph graph = AskedGraph::automatic)
      : setup(make_setup(run(0.01, 1).model, open_device(device), Precision::fp32,
                         EngineChoice{.kind = EngineKind::torch, .reason = ""}, corpus, 1)) {
    setup.graph = graph;
  }
  RunSpec run(double lr, std::int64_t seed) const { return synthetic::small_run(manifest.sha256, lr, 160, seed); }
  Stack trained(const std::vector<RunSpec>& specs, std::int64_t steps) const {
    Stack stack = make_stack(setup, specs);
    EXPECT_TRUE(train_stack(setup, stack, steps, [] { return true; }));
    return stack;
  }
};

TEST_F(OnCuda, TrainsAsTheCpuDoes) {
  const Training device(DeviceKind::cuda), cpu(DeviceKind::cpu);
  const std::vector<RunSpec> specs = {device.run(0.01, 1), device.run(0.002, 2)};
  const Stack a = device.trained(specs, 40), b = cpu.trained(specs, 40);
  ASSERT_EQ(a.curve.loss.size(), b.curve.loss.size());
  for (std::size_t i = 0; i < a.curve.loss.size(); ++i) {
    EXPECT_NEAR(a.curve.loss[i], b.curve.loss[i], 2e-5 * b.curve.loss[i]) << i;
    EXPECT_NEAR(a.curve.norm[i], b.curve.norm[i], 1e-3 * b.curve.norm[i]) << i;
  }
  const auto x = evaluate(device.setup, a), y = evaluate(cpu.setup, b);
  for (std::size_t k = 0; k < 2; ++k) {
    EXPECT_NEAR(*summarize_loss(x[k], 16, 1).nats, *summarize_loss(y[k], 16, 1).nats, 1e-4);
  }
  EXPECT_THAT(a.repetition.what, HasSubstr("not worth its while"));
  EXPECT_EQ(b.repetition.what, "");
}

TEST_F(OnCuda, MembersTrainAsTheyWouldAlone) {
  const Training device(DeviceKind::cuda);
  const std::vector<RunSpec> specs = {device.run(0.002, 1), device.run(0.01, 2)};
  const Stack together = device.trained(specs, 30);
  for (std::size_t k = 0; k < 2; ++k) {
    const Stack alone = device.trained({specs[k]}, 30);
    EXPECT_NEAR(together.curve.loss[29 * 2 + k], alone.curve.loss[29], 1e-5 * alone.curve.loss[29]);
  }
}

TEST_F(OnCuda, GraphsGiveWhatSingleStepsGive) {
  const Training graphs(DeviceKind::cuda), steps(DeviceKind::cuda, AskedGraph::off);
  const std::vector<RunSpec> specs = {graphs.run(0.01, 1)};
  const Stack a = graphs.trained(specs, StepRepeater::kWorthwhileSteps + 7);
  const Stack b = steps.trained(specs, StepRepeater::kWorthwhileSteps + 7);
  EXPECT_EQ(a.parameters.download(), b.parameters.download());
  EXPECT_EQ(a.moment2.download(), b.moment2.download());
  EXPECT_EQ(a.curve.loss, b.curve.loss);
  EXPECT_EQ(a.curve.norm, b.curve.norm);
  EXPECT_THAT(a.repetition.what, HasSubstr("16 steps per CUDA graph, equal to single steps"));
  EXPECT_FALSE(a.repetition.fell_back);
  EXPECT_EQ(b.repetition.what, "single steps: asked for");
}

TEST_F(OnCuda, MicroBatchesGiveTheGradientsOfTheWholeBatchAndTheSameBitsInGraphs) {
  Training whole(DeviceKind::cuda), graphs(DeviceKind::cuda), steps(DeviceKind::cuda, AskedGraph::off);
  graphs.setup.micro_tokens = steps.setup.micro_tokens = 32;  // of 64
  const std::vector<RunSpec> specs = {whole.run(0.01, 1), whole.run(0.004, 2)};
  const Stack one = whole.trained(specs, 1), parts = graphs.trained(specs, 1);
  EXPECT_LT(distance(parts.gradients.download(), one.gradients.download()), 1e-6);
  EXPECT_LT(distance(parts.parameters.download(), one.parameters.download()), 1e-4);
  EXPECT_NEAR(parts.curve.loss[1], one.curve.loss[1], 1e-6);
  const Stack a = graphs.trained(specs, StepRepeater::kWorthwhileSteps + 7);
  const Stack b = steps.trained(specs, StepRepeater::kWorthwhileSteps + 7);
  EXPECT_THAT(a.repetition.what, HasSubstr("16 steps per CUDA graph, equal to single steps"));
  EXPECT_EQ(a.parameters.download(), b.parameters.download());
  EXPECT_EQ(a.curve.loss, b.curve.loss);
  EXPECT_EQ(a.curve.norm, b.curve.norm);
  const Stack c = whole.trained(specs, 40);
  for (std::size_t i = 0; i < c.curve.loss.size(); ++i) EXPECT_NEAR(a.curve.loss[i], c.curve.loss[i], 1e-4) << i;
}

TEST_F(OnCuda, IsMeasuredAsItTrains) {
  Job job;
  job.corpus = fresh_folder("measured").string();
  job.device = DeviceKind::cuda;
  const Manifest manifest = synthetic::write_corpus(job.corpus);
  job.runs.push_back(synthetic::small_run(manifest.sha256, 0.01, 20));
  job.runs.front().data.eval_tokens = 64;
  for (const AskedGraph graph : {AskedGraph::automatic, AskedGraph::off}) {
    job.trainer.graph = graph;
    const Json times = measure_job(job);
    const double step_s = times.at("member_step_s").get<double>();
    EXPECT_GT(step_s, 0);
    EXPECT_GT(times.at("eval_token_s").get<double>(), 0);
    EXPECT_GT(times.at("busy_s").get<double>(), 0.5) << "by the clock: at least what is measured";
    EXPECT_THAT(times.at("engine").get<std::string>(),
                HasSubstr(job.trainer.graph == AskedGraph::automatic ? ", 16 steps per CUDA graph"
                                                                     : ", single steps: asked for"));
  }
}

TEST_F(OnCuda, AResumedJobGivesTheSameLosses) {
  const JobRun whole = run_on_cuda("cuda_whole"), resumed = run_on_cuda("cuda_resumed", 6);
  for (const auto& [id, record] : whole.records) EXPECT_EQ(record.at("loss"), resumed.records.at(id).at("loss"));
}

TEST_F(OnCuda, AResumedJobInMicroBatchesGivesTheSameLosses) {
  const JobRun whole = run_on_cuda("cuda_micro", -1, 32), resumed = run_on_cuda("cuda_micro_resumed", 6, 32);
  for (const auto& [id, record] : whole.records) {
    EXPECT_EQ(record.at("loss"), resumed.records.at(id).at("loss"));
    EXPECT_THAT(record.at("context").at("engine").get<std::string>(),
                testing::EndsWith(", micro-batches of 32 of 64 tokens"));
  }
}

}  // namespace
}  // namespace scalelaw::cuda
