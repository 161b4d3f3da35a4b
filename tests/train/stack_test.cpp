#include "train/stack.hpp"

#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <cmath>

#include "synthetic.hpp"
#include "train/result.hpp"

namespace scalelaw {
namespace {

using synthetic::small_run;

/// Every test holds for both engines.
struct StackTest : testing::TestWithParam<std::string> {
  std::filesystem::path folder = fresh_folder("stack");
  Manifest manifest = synthetic::write_corpus(folder);
  Corpus corpus = load_corpus(folder);
  StackSetup setup =
      make_setup(small_run(manifest.sha256, 0.01, 1).model, open_device(DeviceKind::cpu), Precision::fp32,
                 EngineChoice{.kind = find_named<EngineKind>(GetParam()).value(), .reason = ""}, corpus, 1);

  RunSpec run(double lr, std::int64_t seed, std::int64_t steps = 200) const {
    return small_run(manifest.sha256, lr, steps, seed);
  }
  void advance(Stack& stack, std::int64_t until) const {
    ASSERT_TRUE(train_stack(setup, stack, until, [] { return true; }));
  }
};

double relative_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference = std::max(difference, std::abs(static_cast<double>(a[i]) - static_cast<double>(b[i])));
    size = std::max(size, std::abs(static_cast<double>(a[i])));
  }
  return difference / size;
}

TEST_P(StackTest, MembersTrainAsTheyWouldAlone) {
  const std::vector<RunSpec> specs = {run(0.002, 1), run(0.008, 1), run(0.002, 2), run(0.03, 3)};
  Stack together = make_stack(setup, specs);
  advance(together, 100);
  const auto losses = evaluate(setup, together);
  for (std::size_t k = 0; k < specs.size(); ++k) {
    Stack alone = make_stack(setup, {specs[k]});
    advance(alone, 100);
    const double expected = *summarize_loss(evaluate(setup, alone)[0], 16, 1).nats;
    EXPECT_NEAR(*summarize_loss(losses[k], 16, 1).nats, expected, 1e-5 * expected) << "member " << k;
    EXPECT_NEAR(together.curve.loss[99 * specs.size() + k], alone.curve.loss[99], 1e-5 * alone.curve.loss[99]);
    // Adam divides by the root of tiny second moments, which magnifies rounding in single parameters
    EXPECT_LT(relative_difference(alone.parameters.download(),
                                  together.parameters.download(static_cast<std::int64_t>(k) * setup.layout.params,
                                                               setup.layout.params)),
              1e-3);
  }
}

TEST_P(StackTest, AMemberGivenANanChangesNoOtherBit) {
  const std::vector<RunSpec> specs = {run(0.01, 1), run(0.01, 2), run(0.01, 3)};
  Stack clean = make_stack(setup, specs), poisoned = make_stack(setup, specs);
  const std::int64_t params = setup.layout.params;
  advance(clean, 50);
  advance(poisoned, 20);
  poisoned.parameters.upload(std::vector<float>{std::nanf("")}, params + 300);
  advance(poisoned, 50);
  for (const std::int64_t k : {0, 2}) {
    EXPECT_EQ(clean.parameters.download(k * params, params), poisoned.parameters.download(k * params, params));
  }
  EXPECT_EQ(poisoned.diverged.download(), (std::vector<std::int64_t>{0, 21, 0}));
  const auto losses = evaluate(setup, poisoned);
  const RunRecord bad = make_record(poisoned, 1, losses[1], 1, {}, {}),
                  good = make_record(poisoned, 0, losses[0], 1, {}, {});
  EXPECT_EQ(bad.outcome.status, RunStatus::diverged);
  EXPECT_EQ(bad.outcome.step, 21);
  EXPECT_FALSE(bad.loss.nats.has_value());
  EXPECT_EQ(good.outcome.status, RunStatus::completed);
  EXPECT_EQ(*good.loss.nats, *make_record(clean, 0, evaluate(setup, clean)[0], 1, {}, {}).loss.nats);
  EXPECT_EQ(curve_csv(poisoned, 1).find("nan"), std::string::npos);
}

TEST_P(StackTest, TenLossesAtAFixedSeed) {
  // Made with LibTorch 2.15 on an AVX2 processor. Sums in another order move these losses by some 1e-6; a change of
  // the architecture, initialisation, data order, schedule or optimizer moves them by far more than the tolerance.
  const std::vector<double> expected = {3.457439, 3.035093, 2.826453, 2.702925, 2.348640,
                                        2.070876, 2.081439, 1.688257, 2.139213, 1.917090};
  Stack stack = make_stack(setup, {run(0.02, 1, 100)});
  std::vector<double> losses;
  for (std::int64_t i = 1; i <= 10; ++i) {
    advance(stack, 10 * i);
    losses.push_back(stack.curve.loss.back());
  }
  for (std::size_t i = 0; i < losses.size(); ++i) {
    ASSERT_LT(i, expected.size()) << fmt::format("{:.6f}", fmt::join(losses, ", "));
    EXPECT_NEAR(losses[i], expected[i], 1e-4) << i;
  }
}

TEST_P(StackTest, LearnsTheChain) {
  Stack stack = make_stack(setup, {run(0.03, 1, 300)});
  const double before = *summarize_loss(evaluate(setup, stack)[0], 16, 1).nats;
  advance(stack, 300);
  const double after = *summarize_loss(evaluate(setup, stack)[0], 16, 1).nats;
  EXPECT_GT(before, std::log(32.0) - 0.2);
  EXPECT_LT(after, 2.2);  // the chain's entropy is about 1.7
}

TEST_P(StackTest, WhereItStopsChangesNothing) {
  const std::vector<RunSpec> specs = {run(0.01, 1), run(0.02, 2)};
  Stack whole = make_stack(setup, specs), pieces = make_stack(setup, specs);
  advance(whole, 60);
  for (const std::int64_t until : {1, 2, 17, 60}) advance(pieces, until);
  EXPECT_EQ(whole.parameters.download(), pieces.parameters.download());
  EXPECT_EQ(whole.curve.loss, pieces.curve.loss);
}

TEST_P(StackTest, CopiedMembersGoOnAsBefore) {
  const std::vector<RunSpec> specs = {run(0.01, 1), run(0.02, 2), run(0.005, 3)};
  Stack stack = make_stack(setup, specs);
  advance(stack, 20);
  Stack copy = copy_members(setup, stack, {0, 1, 2}, specs),
        reversed = copy_members(setup, stack, {2, 0}, {specs[2], specs[0]});
  advance(stack, 40);
  advance(copy, 40);
  advance(reversed, 40);
  EXPECT_EQ(stack.parameters.download(), copy.parameters.download());
  EXPECT_LT(relative_difference(stack.parameters.download(0, setup.layout.params),
                                reversed.parameters.download(setup.layout.params, setup.layout.params)),
            1e-3);
  EXPECT_NEAR(stack.curve.loss.back(), reversed.curve.loss[reversed.curve.loss.size() - 2], 1e-5);
}

/// |a - b| / |b| of the rows of one member.
double distance(const Buffer<float>& a, const Buffer<float>& b, std::int64_t member, std::int64_t params) {
  const std::vector<float> x = a.download(member * params, params), y = b.download(member * params, params);
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    difference += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
    size += std::pow(static_cast<double>(y[i]), 2);
  }
  return std::sqrt(difference / size);
}

/// Twelve windows in micro-batches of one, three, four and six, after one step and after a short training.
TEST_P(StackTest, MicroBatchesGiveTheGradientsAndLossesOfTheWholeBatch) {
  std::vector<RunSpec> specs = {run(0.002, 1), run(0.008, 1), run(0.004, 2)};
  for (RunSpec& spec : specs) {
    spec.data.batch_tokens = 192;
    spec.data.tokens = 192 * 200;
  }
  Stack once = make_stack(setup, specs), whole = make_stack(setup, specs);
  EXPECT_EQ(once.micro_gradients.size(), 0);
  advance(once, 1);
  advance(whole, 60);
  const auto expected = evaluate(setup, whole);
  for (const std::int64_t micro : {16, 48, 64, 96}) {
    setup.micro_tokens = micro;
    Stack stack = make_stack(setup, specs);
    advance(stack, 1);
    for (std::int64_t k = 0; k < stack.members(); ++k) {
      const double off = distance(stack.gradients, once.gradients, k, setup.layout.params);
      EXPECT_LT(off, 1e-6) << micro << " tokens, member " << k;
      EXPECT_NEAR(stack.curve.loss[static_cast<std::size_t>(k)], whole.curve.loss[static_cast<std::size_t>(k)], 1e-6);
    }
    advance(stack, 60);
    const auto losses = evaluate(setup, stack);
    for (std::size_t k = 0; k < specs.size(); ++k) {
      const double nats = *summarize_loss(expected[k], 16, 1).nats;
      EXPECT_NEAR(*summarize_loss(losses[k], 16, 1).nats, nats, 1e-5 * nats) << micro << " tokens, member " << k;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Engines, StackTest, testing::Values("torch", "native"));

TEST(SummarizeLoss, BlocksGiveTheStandardError) {
  std::vector<double> losses;
  for (int block = 0; block < 4; ++block) losses.insert(losses.end(), 16, block);
  const FinalLoss loss = summarize_loss(losses, 64, 2);
  EXPECT_DOUBLE_EQ(*loss.nats, 1.5);
  EXPECT_NEAR(*loss.stderr_nats, std::sqrt(5.0 / 3) / 2, 1e-12);
  EXPECT_NEAR(*loss.bits_per_byte, 0.75 / std::log(2.0), 1e-12);
  EXPECT_EQ(loss.eval_tokens, 64 * 64);
  EXPECT_FALSE(summarize_loss(std::vector<double>(20, 1.0), 64, 1).stderr_nats.has_value());
}

}  // namespace
}  // namespace scalelaw
