// The kernels on a device against the plain loops. Needs no LibTorch; skipped where there is no device.
#include <cuda_runtime.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "cuda/kernels.hpp"

namespace scalelaw::cuda {
namespace {

void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}

const Memory kDeviceMemory{.allocate = [](std::size_t bytes) -> std::shared_ptr<void> {
                             void* memory = nullptr;
                             check(cudaMalloc(&memory, bytes));
                             return {memory, [](void* p) { (void)cudaFree(p); }};
                           },
                           .copy_in = [](void* to, const void* from,
                                         std::size_t n) { check(cudaMemcpy(to, from, n, cudaMemcpyHostToDevice)); },
                           .copy_out = [](void* to, const void* from,
                                          std::size_t n) { check(cudaMemcpy(to, from, n, cudaMemcpyDeviceToHost)); }};

TEST(KernelsOnADevice, AgreeWithPlainLoops) {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess || devices == 0) GTEST_SKIP() << "no CUDA device: " << cudaGetErrorString(error);
  EXPECT_THAT(wrong_results(kKernels, kDeviceMemory, Extent::all), testing::IsEmpty());
}

}  // namespace
}  // namespace scalelaw::cuda
