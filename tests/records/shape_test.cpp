#include "records/shape.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace scalelaw {
namespace {

TEST(Shape, ParametersOfAHandCountedModel) {
  // d 32, 2 layers, 4 heads of 8, MLP 128, 256 bytes: token matrix 256 x 32 = 8192, attention 2 x 4 x 32 x 32 = 8192,
  // MLP 2 x 2 x 32 x 128 = 16384, head 32 x 256 = 8192.
  const ParamCounts p = count_params(ModelSpec{});
  EXPECT_EQ(p.embedding, 8192);
  EXPECT_EQ(p.attention, 8192);
  EXPECT_EQ(p.mlp, 16384);
  EXPECT_EQ(p.head, 8192);
  EXPECT_EQ(p.norm, 0);
  EXPECT_EQ(p.position, 0);
  EXPECT_EQ(p.total, 40960);
  EXPECT_EQ(p.non_embedding, 24576);
  EXPECT_EQ(p.effective, 32768);
}

TEST(Shape, ATiedHeadCountsOnceAndStaysInTheEffectiveCount) {
  const ParamCounts p = count_params(ModelSpec{.tie_embeddings = true});
  EXPECT_EQ(p.head, 0);
  EXPECT_EQ(p.total, 32768);
  EXPECT_EQ(p.effective, 32768);
}

TEST(Shape, NonEmbeddingIsTwelveLayersWidthSquared) {
  const ModelSpec m{
      .d_model = 512, .n_layer = 7, .d_head = 64, .n_head = 8, .d_ff = 2048, .context = 256, .vocab = 50257};
  EXPECT_EQ(count_params(m).non_embedding, 12 * 7 * 512 * 512);
}

TEST(Shape, FlopsOfAHandCountedModel) {
  // Forward per token: 2 per weight of attention and MLP = 2 x 24576; scores and values under a causal mask over T =
  // 64: 2 layers x 4 x 32 x 32.5 = 8320; head 2 x 32 x 256 = 16384. Sum 73856, training three times that.
  EXPECT_DOUBLE_EQ(flops_per_token(ModelSpec{}), 3 * 73856.0);
  const FlopCounts f = count_flops(ModelSpec{}, 1000);
  EXPECT_DOUBLE_EQ(f.exact, 3 * 73856.0 * 1000);
  EXPECT_DOUBLE_EQ(f.six_nd_total, 6.0 * 40960 * 1000);
  EXPECT_DOUBLE_EQ(f.six_nd_non_embedding, 6.0 * 24576 * 1000);
  EXPECT_DOUBLE_EQ(f.six_nd_effective, 6.0 * 32768 * 1000);
}

TEST(Shape, AttentionAndHeadSharesAtTinyScale) {
  // Shares of 6 x non-embedding: d 32, L 2, T 128: attention 33 %, head with 256 tokens 33 %.
  const ModelSpec with_head{.context = 128};
  const double six_n = 6 * 24576.0;
  const double head = 6.0 * 32 * 256;
  EXPECT_NEAR(head / six_n, 0.33, 0.005);
  EXPECT_NEAR((flops_per_token(with_head) - six_n - head) / six_n, 0.336, 0.005);
}

TEST(Shape, LearnedScalesCountAsAttention) {
  const ModelSpec plain, learned{.qk_scale = {.name = QkScale::learned}};
  EXPECT_EQ(count_params(learned).attention, count_params(plain).attention + 2 * 4);
  EXPECT_EQ(count_params(learned).total, count_params(plain).total + 2 * 4);
  EXPECT_EQ(count_params(ModelSpec{.qk_scale = {.number = 1.5}}).total, count_params(plain).total);
}

TEST(Shape, ScoresAreDividedByTheRootOfTheHead) {
  EXPECT_DOUBLE_EQ(score_scale(ModelSpec{.d_head = 16}), 1);
  EXPECT_DOUBLE_EQ(score_scale(ModelSpec{.d_head = 16, .qk_scale = {.number = 1.5}}), 1.5 / 4);
  EXPECT_DOUBLE_EQ(score_scale(ModelSpec{.d_head = 64, .qk_scale = {.name = QkScale::learned}}),
                   learned_qk_scale(64) / 8);
}

// The rule in a plain loop: no even divisor of the width is nearer, and of two as near it is the smaller.
TEST(Shape, TheDefaultHeadIsTheEvenDivisorNearestTo16OrHalfTheWidth) {
  const std::map<std::int64_t, std::int64_t> known = {{8, 4},   {16, 8},  {24, 12}, {26, 26}, {40, 20},
                                                      {48, 16}, {56, 14}, {64, 16}, {72, 18}, {384, 16}};
  for (const auto& [width, head] : known) EXPECT_EQ(default_d_head(width), head) << width;
  for (std::int64_t width = 2; width <= 600; width += 2) {
    const std::int64_t found = default_d_head(width);
    ASSERT_TRUE(width % found == 0 && found % 2 == 0) << width;
    const double wanted = std::min(16.0, static_cast<double>(width) / 2);
    for (std::int64_t other = 2; other <= width; other += 2) {
      if (width % other != 0 || other == found) continue;
      const double a = std::abs(std::log2(static_cast<double>(found) / wanted)),
                   b = std::abs(std::log2(static_cast<double>(other) / wanted));
      EXPECT_TRUE(a < b - 1e-12 || (std::abs(a - b) < 1e-12 && found < other)) << width << ": " << other;
    }
  }
}

TEST(Shape, ImpossibleShapesAreRefused) {
  EXPECT_THROW(check_shape(ModelSpec{.d_model = 33}, "test"), Error);
  EXPECT_THROW(check_shape(ModelSpec{.d_model = 28, .d_head = 7, .n_head = 4}, "test"), Error);
  EXPECT_NO_THROW(check_shape(ModelSpec{}, "test"));
  EXPECT_NO_THROW(check_shape(ModelSpec{.parametrization = Parametrization::completep}, "test"));
  EXPECT_THROW(check_shape(ModelSpec{.tie_embeddings = true, .parametrization = Parametrization::completep}, "test"),
               Error);
}

TEST(Counted, IsTheOneRuleForWhatCountsAsN) {
  ModelSpec model;
  const ParamCounts counts = count_params(model);
  EXPECT_EQ(counts.counted(ParamsCount::total), counts.total);
  EXPECT_EQ(counts.counted(ParamsCount::non_embedding), counts.non_embedding);
  EXPECT_EQ(counts.counted(ParamsCount::effective), counts.effective);
  EXPECT_LT(counts.non_embedding, counts.effective);
  EXPECT_LT(counts.effective, counts.total);
}

}  // namespace
}  // namespace scalelaw
