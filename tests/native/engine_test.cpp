// The whole native step against the model in plain double loops, and its promises: isolation, determinism, errors.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "core/names.hpp"
#include "core/rng.hpp"
#include "error_of.hpp"
#include "models/native/kernels.hpp"
#include "models/native/native.hpp"
#include "native/model_of.hpp"
#include "native/reference_model.hpp"
#include "os/error.hpp"

namespace scalelaw {
namespace {

using Index = std::int64_t;

/// Parameters, gradients and a batch of K members, bound to an engine.
struct Members {
  Layout layout;
  Index members, windows;
  std::vector<float> parameters, gradients, losses;
  std::vector<std::int64_t> inputs, targets;

  Members(const ModelSpec& model, Index k, Index count)
      : layout(make_layout(model)),
        members(k),
        windows(count),
        parameters(static_cast<std::size_t>(k * layout.params)),
        gradients(parameters.size(), std::numeric_limits<float>::quiet_NaN()),  // must be overwritten
        losses(static_cast<std::size_t>(k)) {
    for (Index member = 0; member < k; ++member) initialize(layout, 10 + member, parameters_of(member));
    Rng rng = make_rng(7, "tokens");
    const auto tokens = static_cast<std::size_t>(k * windows * model.context);
    const auto draw = [&] { return static_cast<Index>(uniform_below(rng, static_cast<std::uint64_t>(model.vocab))); };
    for (std::size_t i = 0; i < tokens; ++i) {
      inputs.push_back(draw());
      targets.push_back(draw());
    }
  }
  std::span<float> parameters_of(Index member) { return row(parameters, member); }
  std::span<float> gradients_of(Index member) { return row(gradients, member); }
  [[nodiscard]] Engine engine(std::optional<InstructionSet> instruction_set = {}) {
    return make_native_engine(layout, {members, parameters.data(), gradients.data()}, instruction_set);
  }
  [[nodiscard]] Batch batch() const { return {inputs.data(), targets.data(), windows}; }
  void step(std::optional<InstructionSet> instruction_set = {}) {
    engine(instruction_set).loss_and_grad(batch(), losses.data());
  }
  [[nodiscard]] reference::Result expected(Index member) {
    const auto p = parameters_of(member);
    const std::vector<double> wide(p.begin(), p.end());
    const auto tokens = static_cast<std::size_t>(windows * layout.model.context);
    const auto at = static_cast<std::size_t>(member) * tokens;
    return reference::loss_and_grad(layout, wide, std::span(inputs).subspan(at, tokens),
                                    std::span(targets).subspan(at, tokens));
  }

 private:
  std::span<float> row(std::vector<float>& of, Index member) const {
    return std::span(of).subspan(static_cast<std::size_t>(member * layout.params),
                                 static_cast<std::size_t>(layout.params));
  }
};

template <class A, class B>
double relative_distance(const A& found, const B& expected) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double d = static_cast<double>(found[i]) - static_cast<double>(expected[i]);
    difference += d * d;
    size += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return std::sqrt(difference / size);
}

TEST(ReferenceModel, GradientIsTheSlopeOfTheLoss) {
  for (const bool tied : {false, true}) {
    const ModelSpec plain = model_of(2, 2, 4, 12, 5, 7, tied);
    Members m(tied ? with_scale(plain, {.name = QkScale::learned}) : plain, 1, 2);
    std::vector<double> p(m.parameters.begin(), m.parameters.end());
    const reference::Result at = reference::loss_and_grad(m.layout, p, m.inputs, m.targets);
    for (std::size_t i = 0; i < p.size(); ++i) {
      constexpr double kStep = 1e-5;
      const double here = p[i];
      p[i] = here + kStep;
      const double up = reference::loss_and_grad(m.layout, p, m.inputs, m.targets).loss;
      p[i] = here - kStep;
      const double down = reference::loss_and_grad(m.layout, p, m.inputs, m.targets).loss;
      p[i] = here;
      ASSERT_NEAR(at.gradients[i], (up - down) / (2 * kStep), 2e-8) << "parameter " << i << " tied " << tied;
    }
  }
}

struct ShapeCase {
  ModelSpec spec;
  Index windows;
};
class NativeShapes : public testing::TestWithParam<ShapeCase> {};

TEST_P(NativeShapes, LossesAndGradientsEqualTheReferenceOnEveryInstructionSet) {
  const auto& [spec, windows] = GetParam();
  Members m(spec, 1, windows);
  const reference::Result expected = m.expected(0);
  for (const InstructionSet instruction_set : native_instruction_sets()) {
    std::fill(m.gradients.begin(), m.gradients.end(), std::numeric_limits<float>::quiet_NaN());
    m.step(instruction_set);
    EXPECT_NEAR(m.losses[0], expected.loss, 2e-6 * expected.loss) << instruction_set;
    for (const Slice& slice : m.layout.slices) {
      const auto at = static_cast<std::size_t>(slice.offset), size = static_cast<std::size_t>(slice.size());
      EXPECT_LT(
          relative_distance(std::span(m.gradients).subspan(at, size), std::span(expected.gradients).subspan(at, size)),
          2e-5)  // rounding of fp32: 1.04e-5 is the most that any compiler and instruction set gave
          << instruction_set << " " << slice.name;
    }
    std::vector<float> window_losses(static_cast<std::size_t>(windows));
    m.engine(instruction_set).window_losses(m.batch(), window_losses.data());
    EXPECT_LT(relative_distance(window_losses, expected.window_losses), 1e-6) << instruction_set;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, NativeShapes,
    testing::Values(ShapeCase{model_of(2, 2, 8, 64, 64, 256), 4}, ShapeCase{model_of(2, 3, 8, 96, 64, 256), 3},
                    ShapeCase{model_of(2, 4, 8, 128, 32, 256), 9}, ShapeCase{model_of(1, 3, 16, 192, 64, 128), 3},
                    ShapeCase{model_of(2, 4, 16, 256, 33, 100), 5}, ShapeCase{model_of(1, 2, 32, 40, 17, 61, true), 9},
                    ShapeCase{model_of(1, 1, 64, 72, 130, 40), 2}, ShapeCase{model_of(2, 2, 16, 128, 1, 50, true), 3},
                    // widths that are no whole vectors: the padding must not show
                    ShapeCase{model_of(2, 3, 2, 5, 7, 11), 40}, ShapeCase{model_of(1, 3, 6, 17, 21, 13, true), 2},
                    ShapeCase{model_of(1, 5, 4, 9, 40, 33), 4}, ShapeCase{model_of(1, 1, 10, 30, 3, 3), 1},
                    ShapeCase{model_of(1, 2, 12, 50, 12, 300), 2}, ShapeCase{model_of(1, 1, 24, 290, 5, 9, true), 2},
                    // d_model 8, 24 and 40; contexts and vocabularies up to the largest
                    ShapeCase{model_of(2, 1, 8, 24, 97, 31), 2}, ShapeCase{model_of(1, 1, 24, 40, 97, 31), 2},
                    ShapeCase{model_of(2, 1, 40, 40, 19, 31, true), 3}, ShapeCase{model_of(1, 5, 8, 40, 512, 20), 1},
                    ShapeCase{model_of(1, 1, 64, 64, 512, 12, true), 1}, ShapeCase{model_of(1, 1, 8, 8, 3, 65536), 2},
                    ShapeCase{model_of(1, 1, 10, 12, 4, 65535, true), 1},
                    // scores with a scale, given and learned
                    ShapeCase{with_scale(model_of(2, 2, 16, 64, 33, 50), {.number = 1.5}), 4},
                    ShapeCase{with_scale(model_of(1, 1, 64, 72, 130, 40), {.number = 0.3}), 2},
                    ShapeCase{with_scale(model_of(2, 3, 8, 50, 64, 31), {.name = QkScale::learned}), 5},
                    ShapeCase{with_scale(model_of(2, 2, 12, 96, 20, 90, true), {.name = QkScale::learned}), 9}));

TEST(NativeEngine, StackedMembersEqualSeparateOnesToTheBit) {
  const ModelSpec spec = model_of(2, 2, 8, 64, 16, 50);
  Members together(spec, 3, 5);
  together.step();
  for (Index k = 0; k < 3; ++k) {
    Members alone(spec, 1, 5);
    const auto p = together.parameters_of(k);
    alone.parameters.assign(p.begin(), p.end());
    const std::size_t tokens = alone.inputs.size();
    std::copy_n(together.inputs.begin() + k * static_cast<Index>(tokens), tokens, alone.inputs.begin());
    std::copy_n(together.targets.begin() + k * static_cast<Index>(tokens), tokens, alone.targets.begin());
    alone.step();
    EXPECT_EQ(alone.losses[0], together.losses[static_cast<std::size_t>(k)]);
    const auto g = together.gradients_of(k);
    EXPECT_EQ(alone.gradients, std::vector<float>(g.begin(), g.end()));
  }
}

class NativeIsolation : public testing::TestWithParam<ModelSpec> {};

TEST_P(NativeIsolation, NotANumberStaysInItsMember) {
  constexpr std::size_t kOfEach = 4;
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const InstructionSet instruction_set : native_instruction_sets()) {
    Members clean(GetParam(), 3, kOfEach), sick(GetParam(), 3, kOfEach);
    const Engine engine = sick.engine(instruction_set);
    clean.step(instruction_set);
    const auto expect_others_clean = [&](const std::string& what) {
      for (const Index k : {0, 2}) {
        EXPECT_EQ(sick.losses[static_cast<std::size_t>(k)], clean.losses[static_cast<std::size_t>(k)]) << what;
        EXPECT_TRUE(std::ranges::equal(sick.gradients_of(k), clean.gradients_of(k))) << instruction_set << " " << what;
      }
    };
    const auto healthy = clean.parameters_of(1);
    for (const Slice& slice : sick.layout.slices) {  // one number, anywhere
      std::ranges::copy(healthy, sick.parameters_of(1).begin());
      sick.parameters_of(1)[static_cast<std::size_t>(slice.offset + slice.size() / 2)] = nan;
      engine.loss_and_grad(sick.batch(), sick.losses.data());
      expect_others_clean(slice.name);
    }
    for (const float poison : {std::numeric_limits<float>::infinity(), 1e30F, nan}) {  // all of them
      std::ranges::fill(sick.parameters_of(1), poison);
      engine.loss_and_grad(sick.batch(), sick.losses.data());
      engine.loss_and_grad(sick.batch(), sick.losses.data());
      expect_others_clean(fmt::format("{}", poison));
    }
    EXPECT_TRUE(std::isnan(sick.losses[1]));
    std::vector<float> window_losses(3 * kOfEach);
    engine.window_losses(sick.batch(), window_losses.data());
    for (std::size_t w = 0; w < window_losses.size(); ++w) {
      EXPECT_EQ(std::isnan(window_losses[w]), w / kOfEach == 1) << w;
    }
  }
}

// odd widths: garbage in the padding must not survive either
INSTANTIATE_TEST_SUITE_P(Shapes, NativeIsolation,
                         testing::Values(model_of(2, 2, 8, 64, 16, 50), model_of(1, 3, 6, 17, 21, 13, true),
                                         model_of(1, 1, 64, 40, 97, 20), model_of(1, 1, 24, 40, 130, 33, true),
                                         model_of(1, 1, 8, 8, 3, 65536)));

TEST(NativeEngine, OneBadParameterMakesTheLossNotANumber) {
  Members m(model_of(2, 2, 8, 64, 16, 50), 1, 2);
  for (const Slice& slice : m.layout.slices) {
    if (slice.name == "embedding") continue;  // only rows of tokens in the batch matter
    const auto at = static_cast<std::size_t>(slice.offset);
    const float before = m.parameters[at];
    m.parameters[at] = std::numeric_limits<float>::quiet_NaN();
    m.step();
    EXPECT_TRUE(std::isnan(m.losses[0])) << slice.name;
    m.parameters[at] = before;
  }
}

TEST(NativeEngine, SameResultsEveryTimeAndForAnyBatchBefore) {
  const ModelSpec spec = model_of(2, 2, 8, 64, 16, 50);
  Members first(spec, 1, 7), again(spec, 1, 7);
  first.step();
  const Engine engine = again.engine();
  engine.loss_and_grad({again.inputs.data(), again.targets.data(), 2}, again.losses.data());
  std::vector<float> window_losses(7);
  engine.window_losses(again.batch(), window_losses.data());
  engine.loss_and_grad(again.batch(), again.losses.data());
  EXPECT_EQ(first.losses, again.losses);
  EXPECT_EQ(first.gradients, again.gradients);
}

TEST(NativeEngine, DescendsAlongItsGradient) {
  Members m(model_of(2, 2, 8, 64, 16, 50), 1, 4);
  m.step();
  const float before = m.losses[0];
  for (int step = 0; step < 50; ++step) {
    for (std::size_t i = 0; i < m.parameters.size(); ++i) m.parameters[i] -= 0.3F * m.gradients[i];
    m.step();
  }
  EXPECT_LT(m.losses[0], 0.7F * before);
}

TEST(NativeEngine, KeepsTheCallersTreatmentOfDenormals) {
  Members m(model_of(1, 1, 8, 16, 4, 9), 1, 1);
  m.step();
  volatile float small = std::numeric_limits<float>::min();
  small = small / 4;
  EXPECT_GT(small, 0.0F);
}

TEST(NativeEngine, NamesItsInstructionSet) {
  Members m(model_of(1, 1, 8, 16, 4, 9), 1, 1);
  for (const InstructionSet set : native_instruction_sets())
    EXPECT_EQ(m.engine(set).name, fmt::format("native {}", set));
  EXPECT_EQ(m.engine().name, fmt::format("native {}", native_instruction_sets().front()));
}

void expect_error(ExitCode code, const std::string& text, const std::function<void()>& action) {
  const std::string error = error_of(code, action);
  EXPECT_NE(error.find(text), std::string::npos) << error;
}

TEST(NativeEngine, RefusesWhatItCannotDo) {
  ModelSpec large = model_of(1, 1, 128, 16, 4, 9);
  expect_error(ExitCode::usage, "d_head up to 64, this is 128; use engine = \"torch\"",
               [&] { Members(large, 1, 1).step(); });
  large = model_of(1, 1, 8, 16, 513, 9);
  expect_error(ExitCode::usage, "context up to 512, this is 513", [&] { Members(large, 1, 1).step(); });
  large = model_of(1, 1, 8, 16, 4, 65537);
  expect_error(ExitCode::usage, "vocab up to 65536", [&] { Members(large, 1, 1).step(); });
  EXPECT_EQ(native_refusal(model_of(1, 1, 64, 16, 512, 65536)), "");
  Members m(model_of(1, 1, 8, 16, 4, 9), 1, 1);
  const auto baseline_alone = native::available_kernels().last(1);
  expect_error(ExitCode::device, "instruction set 'avx2' is not available here; use one of baseline",
               [&] { (void)kernels_for(InstructionSet::avx2, baseline_alone); });
  m.targets[1] = 9;
  EXPECT_THROW(m.step(), std::logic_error);
  m.targets[1] = -1;
  EXPECT_THROW(m.step(), std::logic_error);
}

}  // namespace
}  // namespace scalelaw
