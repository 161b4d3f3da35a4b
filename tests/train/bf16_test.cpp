// Training with factors of products in bf16 ends where training in fp32 ends. On AMX where it is here, else on the same
// code with its tiles emulated.
#include <gtest/gtest.h>

#include <memory>
#include <numeric>

#include "error_of.hpp"
#include "models/native/gemm_bf16.hpp"
#include "models/native/native.hpp"
#include "models/native/step.hpp"
#include "os/error.hpp"
#include "synthetic.hpp"
#include "train/stack.hpp"

namespace scalelaw {
namespace {

struct Bf16Training : testing::Test {
  std::filesystem::path folder = fresh_folder("bf16");
  Manifest manifest = synthetic::write_corpus(folder, 200000);
  Corpus corpus = load_corpus(folder);

  RunSpec run(std::int64_t seed, std::int64_t steps) const {
    RunSpec spec = synthetic::small_run(manifest.sha256, 0.004, steps, seed);
    spec.model.d_model = 32;
    spec.model.n_layer = 2;
    spec.model.d_head = 16;
    spec.model.d_ff = 128;
    spec.data.batch_tokens = 128;
    spec.data.tokens = 128 * steps;
    spec.data.eval_tokens = 4096;
    return spec;
  }
  StackSetup setup(const RunSpec& spec, Precision precision) const {
    const Device device = open_device(DeviceKind::cpu);
    const bool amx = best_instruction_set(precision).has_value();
    const EngineChoice engine =
        choose_engine(AskedEngine::automatic, spec.model, device, amx ? precision : Precision::fp32);
    return make_setup(spec.model, device, amx ? precision : Precision::fp32, engine, corpus, 1);
  }
  /// Final losses, nats, one for each spec.
  std::vector<double> losses(const std::vector<RunSpec>& specs, Precision precision) const {
    const StackSetup shared = setup(specs.front(), precision);
    Stack stack = make_stack(shared, specs);
    if (precision == Precision::bf16 && !best_instruction_set(Precision::bf16)) emulate(shared, stack);
    EXPECT_TRUE(train_stack(shared, stack, run_steps(specs.front()), [] { return true; }));
    std::vector<double> means;
    for (const auto& windows : evaluate(shared, stack)) {
      means.push_back(std::accumulate(windows.begin(), windows.end(), 0.0) / static_cast<double>(windows.size()));
    }
    return means;
  }

 private:
  static void emulate(const StackSetup& setup, Stack& stack) {
    static const native::Kernels kernels = [] {
      for (const native::Kernels* k : native::available_kernels()) {
        if (!k->bf16) return native::emulated::with_bf16_products(*k);
      }
      throw std::logic_error("no kernels");
    }();
    const auto step = std::make_shared<native::Step>(setup.layout, kernels);
    const std::int64_t params = setup.layout.params, context = setup.layout.model.context;
    float* parameters = stack.parameters.data();
    float* gradients = stack.gradients.data();
    const std::int64_t members = stack.members();
    const auto each = [=](const Batch& batch, float* to, bool with_gradients) {
      const std::int64_t tokens = batch.windows * context;
      for (std::int64_t k = 0; k < members; ++k) {
        step->run(parameters + k * params, with_gradients ? gradients + k * params : nullptr, batch.inputs + k * tokens,
                  batch.targets + k * tokens, batch.windows, to + k * batch.windows);
      }
    };
    stack.engine.name = "emulated";
    stack.engine.window_losses = [=](const Batch& batch, float* to) { each(batch, to, false); };
    stack.engine.loss_and_grad = [=](const Batch& batch, float* to) {
      std::vector<float> windows(static_cast<std::size_t>(members * batch.windows));
      each(batch, windows.data(), true);
      for (std::int64_t k = 0; k < members; ++k) {
        const auto first = windows.begin() + k * batch.windows;
        to[k] =
            static_cast<float>(std::accumulate(first, first + batch.windows, 0.0) / static_cast<double>(batch.windows));
      }
    };
  }
};

TEST_F(Bf16Training, AThousandStepsEndWithin3MillinatsOfFp32) {
  constexpr std::int64_t kSteps = 1000;
  const std::vector<RunSpec> specs = {run(1, kSteps), run(2, kSteps)};
  const std::vector<double> fp32 = losses(specs, Precision::fp32), bf16 = losses(specs, Precision::bf16);
  for (std::size_t k = 0; k < specs.size(); ++k) {
    EXPECT_LT(fp32[k], 2.2) << "nothing was learned";  // ln 32 = 3.47 at the start
    EXPECT_NEAR(bf16[k], fp32[k], 0.003) << "seed " << k + 1;
    EXPECT_NE(bf16[k], fp32[k]) << "not in bf16";
  }
}

/// The rule, given what a processor has: it does not ask what this one has.
TEST(Bf16OnACpu, NeedsAmxUnlessTheTorchEngineIsAskedFor) {
  const ModelSpec model = synthetic::small_run("", 0.01, 10).model;
  const Device device = open_device(DeviceKind::cpu);
  EXPECT_EQ(choose_engine_with({}, AskedEngine::torch, model, device, Precision::bf16).kind, EngineKind::torch);
  for (const AskedEngine asked : {AskedEngine::automatic, AskedEngine::native}) {
    EXPECT_EQ(choose_engine_with(InstructionSet::amx, asked, model, device, Precision::bf16).instruction_set,
              InstructionSet::amx);
    const std::string error =
        error_of(ExitCode::usage, [&] { (void)choose_engine_with({}, asked, model, device, Precision::bf16); });
    EXPECT_NE(error.find("AMX"), std::string::npos) << asked << ": " << error;
  }
  // An instruction set that is named is asked of this processor: every one of them has the baseline, which has no bf16.
  EXPECT_THROW((void)choose_engine(AskedEngine::native_baseline, model, device, Precision::bf16), Error);
}

/// The torch engine rounds the factors of attention too, so it ends a little elsewhere.
TEST_F(Bf16Training, TheTorchEngineAgreesWithTheTiles) {
  std::vector<RunSpec> specs = {run(1, 150)};
  const Device device = open_device(DeviceKind::cpu);
  const StackSetup torch =
      make_setup(specs[0].model, device, Precision::bf16,
                 choose_engine(AskedEngine::torch, specs[0].model, device, Precision::bf16), corpus, 1);
  Stack stack = make_stack(torch, specs);
  ASSERT_TRUE(train_stack(torch, stack, 150, [] { return true; }));
  const std::vector<double> windows = evaluate(torch, stack)[0];
  const double loss = std::accumulate(windows.begin(), windows.end(), 0.0) / static_cast<double>(windows.size());
  EXPECT_NEAR(losses(specs, Precision::bf16)[0], loss, 0.02);
  EXPECT_LT(loss, 2.8);
}

}  // namespace
}  // namespace scalelaw
