// The memory of a device that `plan` predicts, against what the trainer allocates when the host stands in for CUDA.
// What only a device has (context, padding, pools of graphs) is not seen here.
#include <ATen/ATen.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cuda/backend_emulated.hpp"
#include "study/memory.hpp"
#include "train/memory_job.hpp"
#include "train/trainer.hpp"

namespace scalelaw::cuda {
namespace {

/// Adds what LibTorch allocates and frees in this thread to the backend's count.
struct TorchMemory : c10::MemoryReportingInfoBase {
  void reportMemoryUsage(void* /*memory*/, std::int64_t bytes, std::size_t /*allocated*/, std::size_t /*reserved*/,
                         c10::Device /*device*/) override {
    emulated::memory().add(bytes);
  }
  bool memoryProfilingEnabled() const override { return true; }
};

struct Measured {
  double predicted = 0, allocated = 0;
};

Measured measure(const Shape& shape) {
  const TempFolder folder;
  Job job = job_of(shape, folder.path(), {2, 4});  // few and short: the emulator is slow
  job.device = DeviceKind::cuda;
  emulated::settings() = {};
  emulated::memory() = {};
  {
    const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, std::make_shared<TorchMemory>());
    EXPECT_EQ(run_job(job, folder / "out", {.report = [](const Json&) {}, .stop = [] { return false; }}), ExitCode::ok);
  }
  EXPECT_EQ(emulated::memory().now, 0) << "everything is given back";
  const Manifest manifest = load_manifest(job.corpus);
  const auto corpus = static_cast<double>((manifest.splits.train.tokens + manifest.splits.validation.tokens) *
                                          token_bytes(manifest.dtype));
  return {.predicted = device_bytes(job.runs.front(), shape.members, corpus, shape.micro_tokens),
          .allocated = static_cast<double>(emulated::memory().peak)};
}

/// What is predicted of a run that has next to nothing.
double context_bytes() {
  RunSpec spec;
  spec.model = {.d_model = 8, .n_layer = 1, .d_head = 8, .n_head = 1, .d_ff = 8, .context = 8, .vocab = 2};
  spec.data.batch_tokens = spec.data.eval_tokens = 8;
  return device_bytes(spec, 1, 0);
}

struct DeviceMemory : testing::TestWithParam<Shape> {};

TEST_P(DeviceMemory, PredictedIsWhatTheTrainerAllocatesAndAtMostTwice) {
  const auto [predicted, allocated] = measure(GetParam());
  const double own = predicted - context_bytes();
  fmt::print("{}: predicted {:.1f} MiB, allocated {:.1f} MiB\n", GetParam().name, own / 1048576, allocated / 1048576);
  EXPECT_GE(own, allocated);
  EXPECT_LE(own, 2 * allocated);
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, DeviceMemory,
    testing::Values(Shape{"ManyParameters", 128, 2, 32, 32, 64, 64, 2, AskedEngine::torch},
                    Shape{"LargeBatch", 32, 2, 8, 64, 64, 1024, 2, AskedEngine::torch},
                    Shape{"LargeBatchBf16", 32, 2, 8, 64, 64, 1024, 2, AskedEngine::torch, Precision::bf16},
                    Shape{"ManyParametersBf16", 128, 2, 32, 32, 64, 64, 2, AskedEngine::torch, Precision::bf16},
                    Shape{"MicroBatches", 32, 2, 8, 64, 64, 1024, 2, AskedEngine::torch, Precision::fp32, 256},
                    Shape{"MicroBatchesBf16", 128, 2, 32, 32, 64, 256, 2, AskedEngine::torch, Precision::bf16, 64},
                    Shape{"LargeVocabulary", 16, 1, 16, 32, 1024, 256, 2, AskedEngine::torch},
                    Shape{"LargeVocabularyBf16", 16, 1, 16, 32, 1024, 256, 2, AskedEngine::torch, Precision::bf16}),
    [](const auto& shape) { return std::string(shape.param.name); });

}  // namespace
}  // namespace scalelaw::cuda
