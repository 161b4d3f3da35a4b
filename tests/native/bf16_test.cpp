// The whole native step with products on bf16 tiles: emulated ones, and those of AMX where the processor has them.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "core/rng.hpp"
#include "models/native/gemm_bf16.hpp"
#include "models/native/step.hpp"
#include "native/model_of.hpp"
#include "native/reference_model.hpp"

namespace scalelaw::native {
namespace {

const Kernels& best_in_fp32() {
  for (const Kernels* kernels : available_kernels()) {
    if (!kernels->bf16) return *kernels;
  }
  throw std::logic_error("no kernels");
}

std::vector<const Kernels*> bf16_kernels() {
  static const Kernels tiles = emulated::with_bf16_products(best_in_fp32());
  std::vector<const Kernels*> list{&tiles};
  for (const Kernels* kernels : available_kernels()) {
    if (kernels->bf16) list.push_back(kernels);
  }
  return list;
}

TEST(Bf16, RoundsToNearestWithTiesToEven) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  // 1 + i / 256: bf16 keeps 7 bits after the point, so odd i are ties.
  const std::vector<std::pair<float, std::uint16_t>> cases = {{1.0F, 0x3f80},
                                                              {1 + 1 / 256.0F, 0x3f80},
                                                              {1 + 1 / 256.0F + 1e-6F, 0x3f81},
                                                              {1 + 2 / 256.0F, 0x3f81},
                                                              {1 + 3 / 256.0F, 0x3f82},
                                                              {1 + 3 / 256.0F - 1e-6F, 0x3f81},
                                                              {-1 - 3 / 256.0F, 0xbf82},
                                                              {0.0F, 0},
                                                              {-0.0F, 0x8000},
                                                              {std::numeric_limits<float>::denorm_min() * 100, 0},
                                                              {std::numeric_limits<float>::max(), 0x7f80},
                                                              {kInfinity, 0x7f80},
                                                              {-kInfinity, 0xff80}};
  for (const Kernels* kernels : bf16_kernels()) {
    for (const auto& [value, bits] : cases) {
      std::vector<float> packed(static_cast<std::size_t>(packed_size(*kernels, 1, 1)));
      kernels->begin();
      kernels->pack(&value, 1, 1, packed.data());
      kernels->end();
      const auto pair = std::bit_cast<std::uint32_t>(packed[0]);
      EXPECT_EQ(pair, bits) << kernels->name << " " << value;  // the second of the pair, row 1, is zero
    }
    const float nan = std::numeric_limits<float>::quiet_NaN();
    std::vector<float> packed(static_cast<std::size_t>(packed_size(*kernels, 1, 1)));
    kernels->begin();
    kernels->pack(&nan, 1, 1, packed.data());
    kernels->end();
    EXPECT_TRUE(std::isnan(std::bit_cast<float>(std::bit_cast<std::uint32_t>(packed[0]) << 16))) << kernels->name;
  }
}

struct Sample {
  Layout layout;
  std::vector<float> parameters, gradients, losses;
  std::vector<std::int64_t> inputs, targets;
  Index windows;

  Sample(const ModelSpec& spec, Index count) : layout(make_layout(spec)), windows(count) {
    parameters.resize(static_cast<std::size_t>(layout.params));
    gradients.assign(parameters.size(), std::numeric_limits<float>::quiet_NaN());
    losses.resize(static_cast<std::size_t>(count));
    initialize(layout, 3, parameters);
    Rng rng = make_rng(4, "tokens");
    for (Index i = 0; i < windows * spec.context; ++i) {
      inputs.push_back(static_cast<Index>(uniform_below(rng, static_cast<std::uint64_t>(spec.vocab))));
      targets.push_back(static_cast<Index>(uniform_below(rng, static_cast<std::uint64_t>(spec.vocab))));
    }
  }
  void step(const Kernels& kernels) {
    Step(layout, kernels)
        .run(parameters.data(), gradients.data(), inputs.data(), targets.data(), windows, losses.data());
  }
};

TEST(Bf16, LossesAndGradientsAreThoseOfTheModelWithRoundedFactors) {
  for (const ModelSpec& spec :
       {model_of(2, 2, 16, 128, 32, 64), model_of(2, 4, 16, 256, 64, 256), model_of(2, 1, 64, 80, 40, 33, true),
        model_of(2, 3, 8, 56, 7, 100), model_of(2, 5, 4, 9, 19, 11, true), model_of(2, 6, 32, 640, 16, 70)}) {
    Sample sample(spec, 5);
    const std::vector<double> wide(sample.parameters.begin(), sample.parameters.end());
    const reference::Result expected =
        reference::loss_and_grad(sample.layout, wide, sample.inputs, sample.targets, reference::rounded_to_bf16);
    const reference::Result exact = reference::loss_and_grad(sample.layout, wide, sample.inputs, sample.targets);
    for (const Kernels* kernels : bf16_kernels()) {
      std::fill(sample.gradients.begin(), sample.gradients.end(), std::numeric_limits<float>::quiet_NaN());
      sample.step(*kernels);
      for (std::size_t w = 0; w < sample.losses.size(); ++w) {
        EXPECT_NEAR(sample.losses[w], expected.window_losses[w], 1e-3) << kernels->name << " d" << spec.d_model;
      }
      for (const Slice& slice : sample.layout.slices) {
        const auto first = static_cast<std::size_t>(slice.offset), count = static_cast<std::size_t>(slice.size());
        const auto distance = [&](const std::vector<double>& from) {
          double difference = 0, size = 0;
          for (std::size_t i = first; i < first + count; ++i) {
            difference += std::pow(static_cast<double>(sample.gradients[i]) - from[i], 2);
            size += from[i] * from[i];
          }
          return std::sqrt(difference / size);
        };
        // What is left comes from factors near a tie, which fp32 and double round differently.
        const double found = distance(expected.gradients), rounding = distance(exact.gradients);
        EXPECT_LT(found, 4e-3) << kernels->name << " d" << spec.d_model << " " << slice.name;
        EXPECT_LT(found, 0.5 * rounding) << kernels->name << " d" << spec.d_model << " " << slice.name;
      }
    }
  }
}

TEST(Bf16, EmulatedTilesNeedTheirConfiguration) {
  const Kernels tiles = emulated::with_bf16_products(best_in_fp32());
  const auto first_product = [&] {
    std::vector<float> a(32 + kSlack, 1.0F), b(a), c{0.0F};
    tiles.product(1, 1, 32, {a.data(), 32, 1}, plain_right(tiles, b.data(), 1), c.data(), 1, false);
    return c[0];
  };
  EXPECT_EQ(first_product(), 0.0F);
  tiles.begin();
  EXPECT_EQ(first_product(), 32.0F);
  tiles.end();
  EXPECT_EQ(first_product(), 0.0F);
  Sample sample(model_of(2, 1, 8, 16, 4, 9), 1);  // the step configures them and gives them back
  sample.step(tiles);
  EXPECT_EQ(first_product(), 0.0F);
}

TEST(Bf16, ABadParameterMakesTheLossNotANumber) {
  Sample sample(model_of(2, 2, 8, 64, 16, 50), 2);
  for (const Slice& slice : sample.layout.slices) {
    if (slice.name == "embedding") continue;
    const auto at = static_cast<std::size_t>(slice.offset);
    const float before = sample.parameters[at];
    sample.parameters[at] = std::numeric_limits<float>::quiet_NaN();
    for (const Kernels* kernels : bf16_kernels()) {
      sample.step(*kernels);
      EXPECT_TRUE(std::isnan(sample.losses[0])) << slice.name << " " << kernels->name;
    }
    sample.parameters[at] = before;
  }
}

}  // namespace
}  // namespace scalelaw::native
