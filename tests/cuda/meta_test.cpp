// A step on LibTorch's device "meta", whose tensors have shapes and no values: a step that made one tensor elsewhere,
// moved one, or needed a value on the host would be seen (or fail).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cuda/backend_emulated.hpp"
#include "cuda/device_observer.hpp"
#include "cuda/step_fixture.hpp"

namespace scalelaw::cuda {
namespace {

using testing::Contains;
using testing::IsEmpty;

struct MetaDevice : testing::TestWithParam<TorchOptions> {
  MetaDevice() {
    emulated::settings() = {};
    emulated::settings().torch_device = "meta";
  }
  ~MetaDevice() override { emulated::settings() = {}; }
};

TEST_P(MetaDevice, EveryTensorOfAStepIsOnTheDevice) {
  for (const bool tied : {false, true}) {
    Stacked stack(DeviceKind::cuda, small_shape(tied), 3, 2, GetParam());
    const DeviceObserver observer(at::kMeta);
    stack.step();
    stack.step();
    stack.engine.window_losses(stack.batch(), stack.window_losses.data());
    EXPECT_THAT(observer.violations(), IsEmpty());
    EXPECT_GT(observer.operations_seen(), 200);
    // the loss thrice, the embedding's gradient twice: what LibTorch does not do itself
    EXPECT_EQ(emulated::settings().launches, tied ? 10 : 5);
  }
}
// Not with SDPA: without a fused kernel LibTorch takes operations that have no implementation for "meta" in C++.
INSTANTIATE_TEST_SUITE_P(
    Ways, MetaDevice,
    testing::Values(TorchOptions{.precision = Precision::fp32, .attention = AttentionBy::products},
                    TorchOptions{.precision = Precision::bf16, .attention = AttentionBy::products}),
    [](const auto& one) { return fmt::format("{}_{}", one.param.precision, one.param.attention); });

TEST(DeviceObserver, SeesWhatAStepMustNotDo) {
  const DeviceObserver observer(at::kMeta);
  const at::Tensor here = at::ones({2});
  EXPECT_THAT(observer.violations(), Contains("aten::ones makes a tensor on cpu"));
  (void)here.sum().item<float>();
  EXPECT_THAT(observer.violations(), Contains("aten::item asks the host"));
  (void)here.to(at::kMeta);
  EXPECT_THAT(observer.violations(), Contains("aten::to takes a tensor on cpu"));
}

}  // namespace
}  // namespace scalelaw::cuda
