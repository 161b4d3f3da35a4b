// What only a real device can show. Skipped where there is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cuda/device_observer.hpp"
#include "cuda/step_fixture.hpp"

namespace scalelaw::cuda {
namespace {

TEST(OnADevice, EveryTensorOfAStepIsThereAndNothingAsksTheHost) {
  SCALELAW_NEED_CUDA();
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    Stacked stack(DeviceKind::cuda, small_shape(), 3, 2, {.precision = precision});
    stack.step();
    const DeviceObserver observer(at::kCUDA);
    stack.step();
    EXPECT_THAT(observer.violations(), testing::IsEmpty());
  }
}

TEST(OnADevice, AStepRepeatsItselfToTheBit) {
  SCALELAW_NEED_CUDA();
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    Stacked stack(DeviceKind::cuda, small_shape(), 3, 2, {.precision = precision});
    stack.step();
    const std::vector<float> first = stack.gradients.download();
    stack.step();
    EXPECT_EQ(stack.gradients.download(), first);
  }
}

}  // namespace
}  // namespace scalelaw::cuda
