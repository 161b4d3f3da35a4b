// Which micro-batch a job is given, by hand.
#include <gmock/gmock.h>

#include "error_of.hpp"
#include "records/shape.hpp"
#include "study/cost.hpp"
#include "study/small_run.hpp"

namespace scalelaw::testing {
namespace {

using ::testing::HasSubstr;

const JobPlace kOnNative{.engine = AskedEngine::native}, kOnTorch{.engine = AskedEngine::torch};

/// A batch of twelve windows whose activations count.
std::vector<RunSpec> run_of_large_batch(std::int64_t seed = 1) {
  RunSpec spec = run(0.01, seed, 100);
  spec.model.context = 2048;
  spec.data.batch_tokens = 12 * 2048;
  spec.data.eval_tokens = 32;
  return {spec};
}

TEST(MicroBatch, IsTheLargestNumberOfWholeWindowsThatDividesTheBatch) {
  RunSpec spec = run(0.01, 1, 100);
  spec.data.batch_tokens = 12 * 32;
  for (const auto& [asked, windows] :
       {std::pair{1, 1}, {1 * 32, 1}, {2 * 32, 2}, {5 * 32, 4}, {6 * 32 - 1, 4}, {11 * 32, 6}}) {
    EXPECT_EQ(micro_batch(spec, asked), 32 * windows) << asked;
  }
  for (const std::int64_t asked : {0, 12 * 32, 99999}) EXPECT_EQ(micro_batch(spec, asked), 0) << "the whole batch";
  spec.data.batch_tokens = 32;
  EXPECT_EQ(micro_batch(spec, 1), 0) << "one window is the whole batch";
}

TEST(MicroToFit, IsTheWholeBatchOrTheMostThatFits) {
  const std::vector<RunSpec> one = run_of_large_batch();
  const std::int64_t context = one.front().model.context;
  for (const JobPlace& place : {kOnTorch, JobPlace{.device = DeviceKind::cuda}}) {
    const auto bytes = [&](std::int64_t windows) {
      JobPlace in_parts = place;
      in_parts.micro_tokens = windows * context;
      return job_bytes(one, in_parts);
    };
    const double whole = job_bytes(one, place);
    EXPECT_EQ(bytes(12), whole);
    EXPECT_EQ(micro_to_fit(one, {.bytes = 0, .place = place}), 0) << "no limit";
    EXPECT_EQ(micro_to_fit(one, {.bytes = whole, .place = place}), 0);
    double above = whole;
    for (const std::int64_t windows : {6, 4, 3, 2, 1}) {
      EXPECT_LT(bytes(windows), above);
      above = bytes(windows);
      EXPECT_EQ(micro_to_fit(one, {.bytes = above, .place = place}), windows * context);
      EXPECT_TRUE(fits(one, {.bytes = above, .place = place}));
    }
    EXPECT_EQ(micro_to_fit(one, {.bytes = 0.999 * above, .place = place}), std::nullopt);
    JobPlace asked = place;
    asked.micro_tokens = 5 * context;
    EXPECT_EQ(micro_to_fit(one, {.bytes = whole, .place = asked}), 4 * context) << "five do not divide twelve";
    EXPECT_EQ(micro_to_fit(one, {.bytes = bytes(3), .place = asked}), std::nullopt)
        << "what is asked for is not changed";
  }
}

TEST(MicroToFit, MembersArePartedBeforeTheirBatches) {
  std::vector<RunSpec> two = run_of_large_batch(1);
  two.push_back(run_of_large_batch(2).front());
  const std::int64_t context = two.front().model.context;
  const double one = job_bytes({two.front()}, kOnTorch);
  EXPECT_EQ(micro_to_fit(two, {.bytes = one, .place = kOnTorch}), std::nullopt);
  EXPECT_EQ(split_to_fit(two, {.bytes = one, .place = kOnTorch}).size(), 2U);
  EXPECT_EQ(split_to_fit(two, {.bytes = 0.9 * one, .place = kOnTorch}).size(), 2U) << "in micro-batches";
  JobPlace asked = kOnTorch;
  asked.micro_tokens = context;
  const double parts = job_bytes(two, asked);
  EXPECT_EQ(split_to_fit(two, {.bytes = parts, .place = asked}).size(), 1U) << "asked for: both together";
  const auto refusal = [&](const JobPlace& place) {
    return error_of(ExitCode::usage, [&] { (void)split_to_fit(two, {.bytes = 1e8, .place = place}); });
  };
  EXPECT_THAT(refusal(kOnTorch),
              HasSubstr("of memory on a CPU even in micro-batches of 2048 tokens, but a worker may"));
  EXPECT_THAT(refusal(asked), HasSubstr("; lower training.micro_tokens, or raise backend.memory_mib"));
}

TEST(JobBytes, TheSumOfGradientsCountsAndTheNativeEngineGainsNothing) {
  const std::vector<RunSpec> one{run(0.01, 1, 100)};
  const double params = static_cast<double>(count_params(one.front().model).total);
  JobPlace parts = kOnNative;
  parts.micro_tokens = 32;
  EXPECT_DOUBLE_EQ(job_bytes(one, parts) - job_bytes(one, kOnNative), 8 * params - 2 * 16 * 32);
}

}  // namespace
}  // namespace scalelaw::testing
