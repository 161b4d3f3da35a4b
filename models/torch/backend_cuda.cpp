// The CUDA half of device.hpp in scalelaw-trainer-cuda: memory from CUDA, work on LibTorch's current stream, so that
// kernels and LibTorch's operations run in the order they are called. Compiled and linked without a GPU; it needs one
// to run.
#include <ATen/cuda/CUDAContext.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime.h>

#include "core/error.hpp"
#include "models/cuda/kernels.hpp"
#include "models/cuda_backend.hpp"

namespace scalelaw::cuda {
namespace {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  if (error == cudaErrorMemoryAllocation) {
    fail_device("CUDA: out of memory when {}; put fewer runs into a job or lower batch_tokens", what);
  }
  fail_device("CUDA: {} failed: {}; see nvidia-smi", what, cudaGetErrorString(error));
}

void check_launch(const char* what) {
  if (const char* error = last_error()) fail_device("CUDA: {} failed: {}; see nvidia-smi", what, error);
}

Stream current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

/// Scratch of the norms, grown as needed; one per process, as there is one device and one stream.
double* norm_scratch(std::int64_t members) {
  static Buffer<double> scratch;
  if (scratch.size() < members * kNormBlocks) {
    scratch = Buffer<double>(Device{.kind = DeviceKind::cuda, .name = ""}, members * kNormBlocks);
  }
  return scratch.data();
}

}  // namespace

std::string open() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    fail_device("no usable CUDA device: {}; check nvidia-smi, or train with --device cpu",
                error != cudaSuccess ? cudaGetErrorString(error) : "none found");
  }
  check(cudaSetDevice(0), "choosing device 0");
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "asking for the device's properties");
  return fmt::format("cuda:0 {}", properties.name);
}

void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes == 0) return memory;
  check(cudaMalloc(&memory, bytes), "allocating memory");
  check(cudaMemset(memory, 0, bytes), "clearing memory");
  return memory;
}

void release(void* memory) {
  if (memory != nullptr) (void)cudaFree(memory);  // the error of an earlier failure is reported where it happened
}

void copy_in(void* to, const void* from, std::size_t bytes) {
  const auto stream = static_cast<cudaStream_t>(current_stream());
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, stream), "copying to the device");
  check(cudaStreamSynchronize(stream), "copying to the device");
}

void copy_out(void* to, const void* from, std::size_t bytes) {
  const auto stream = static_cast<cudaStream_t>(current_stream());
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream), "copying from the device");
  check(cudaStreamSynchronize(stream), "copying from the device");
}

void adam_step(const AdamState& state, const AdamScalars* scalars, std::int64_t step, const float* losses,
               float* norms) {
  launch_adam(state, scalars, step, losses, norms, norm_scratch(state.members), current_stream());
  check_launch("the optimizer step");
}

void gather_windows(const std::uint8_t* tokens, const std::int64_t* starts, std::int64_t windows, std::int64_t context,
                    std::int64_t* inputs, std::int64_t* targets) {
  launch_gather(tokens, starts, windows, context, inputs, targets, current_stream());
  check_launch("gathering tokens");
}

}  // namespace scalelaw::cuda
