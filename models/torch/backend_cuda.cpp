// The CUDA half of the models in scalelaw-trainer-cuda: memory from CUDA, work on LibTorch's current stream, so that
// kernels and LibTorch's operations run in the order they are called. Compiled and linked without a GPU; it needs one
// to run.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime.h>

#include "models/cuda/kernels.hpp"
#include "models/cuda_backend.hpp"
#include "os/error.hpp"

namespace scalelaw::cuda {
namespace {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  if (error == cudaErrorMemoryAllocation) {
    fail_device(
        "CUDA: out of memory when {}; set backend.device_memory_mib to what is free, so that jobs are split, or lower "
        "batch_tokens, or set a lower training.micro_tokens",
        what);
  }
  fail_device("CUDA: {} failed: {}; see nvidia-smi", what, cudaGetErrorString(error));
}

void check_launch(const char* error, const char* what) {
  if (error != nullptr) fail_device("CUDA: launching {} failed: {}; see nvidia-smi", what, error);
}

cudaStream_t current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

/// LibTorch adds a stack trace to its messages.
std::string first_line(const std::exception& e) {
  const std::string text = e.what();
  return text.substr(0, text.find('\n'));
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
  constexpr int kOldest = 8;  // what kernels.cu is compiled for; bf16 products need it too
  if (properties.major < kOldest) {
    fail_device("CUDA device {} has compute capability {}.{}, the kernels need {}.0; train with --device cpu",
                properties.name, properties.major, properties.minor, kOldest);
  }
  // The default stream cannot be captured, so everything runs on one of our own.
  static const c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool(/*isHighPriority=*/false, 0);
  c10::cuda::setCurrentCUDAStream(stream);
  return fmt::format("cuda:0 {} (compute capability {}.{})", properties.name, properties.major, properties.minor);
}

std::string torch_device() { return "cuda:0"; }  // with its number: to LibTorch "cuda" is another device

void* allocate(std::size_t bytes) {
  void* memory = nullptr;
  if (bytes == 0) return memory;
  cudaError_t error = cudaMalloc(&memory, bytes);
  if (error == cudaErrorMemoryAllocation) {  // LibTorch may keep enough of what was freed
    (void)cudaGetLastError();
    release_unused();
    error = cudaMalloc(&memory, bytes);
  }
  check(error, "allocating memory");
  check(cudaMemsetAsync(memory, 0, bytes, current_stream()), "clearing memory");
  return memory;
}

void release(void* memory) {
  if (memory != nullptr) (void)cudaFree(memory);  // the error of an earlier failure is reported where it happened
}

void copy_in(void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, current_stream()), "copying to the device");
  check(cudaStreamSynchronize(current_stream()), "copying to the device");
}

void copy_out(void* to, const void* from, std::size_t bytes) {
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, current_stream()), "copying from the device");
  check(cudaStreamSynchronize(current_stream()), "copying from the device");
}

void adam_step(const AdamState& state, const StepTables& tables, const float* losses) {
  check_launch(launch_adam(state, tables, losses, current_stream()), "the optimizer step");
}

void draw_starts(const WindowOrder* orders, const StepCounters* counters, std::int64_t members,
                 const StepWindows& windows, std::int64_t* starts) {
  check_launch(launch_draw_starts(orders, counters, members, windows, starts, current_stream()), "drawing windows");
}

void gather_windows(const TokenView& tokens, const std::int64_t* starts, std::int64_t windows, std::int64_t context,
                    std::int64_t* inputs, std::int64_t* targets) {
  check_launch(launch_gather(tokens, starts, windows, context, inputs, targets, current_stream()), "gathering tokens");
}

void weighted_sum(const WeightedSum& call) {
  check_launch(launch_weighted_sum(call, current_stream()), "adding gradients");
}

void cross_entropy(float* logits, const std::int64_t* targets, float* losses, std::int64_t rows, std::int64_t vocab,
                   float gradient_scale) {
  check_launch(launch_cross_entropy(logits, targets, losses, rows, vocab, gradient_scale, current_stream()),
               "the cross-entropy");
}

void embedding_gradient(const EmbeddingGradient& call) {
  check_launch(launch_embedding_gradient(call, current_stream()), "the embedding's gradient");
}

Graph capture(const std::function<void()>& work) {
  const auto graph = std::make_shared<at::cuda::CUDAGraph>(/*keep_graph=*/true);  // so that its commands can be counted
  check(cudaStreamSynchronize(current_stream()), "waiting for the device");
  try {
    graph->capture_begin();
    work();
    graph->capture_end();
    graph->instantiate();
  } catch (const std::exception& e) {
    // Ends the recording if the work threw; that the recording is invalid is no news then.
    try {
      graph->capture_end();
    } catch (const std::exception&) {
      graph->reset();
    }
    (void)cudaGetLastError();
    fail_device("CUDA: recording a graph failed: {}", first_line(e));
  }
  std::size_t commands = 0;
  check(cudaGraphGetNodes(graph->raw_cuda_graph(), nullptr, &commands), "counting the commands of a graph");
  return {.handle = graph, .commands = static_cast<std::int64_t>(commands)};
}

void replay(const Graph& graph) {
  try {
    static_cast<at::cuda::CUDAGraph*>(graph.handle.get())->replay();
  } catch (const std::exception& e) {
    fail_device("CUDA: replaying a graph failed: {}", first_line(e));
  }
}

MemoryUse memory_use() {
  std::size_t free = 0, total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  return {.taken = static_cast<std::int64_t>(total - free), .total = static_cast<std::int64_t>(total)};
}

void release_unused() { c10::cuda::CUDACachingAllocator::emptyCache(); }

}  // namespace scalelaw::cuda
