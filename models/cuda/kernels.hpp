#pragma once
// Launchers of the CUDA kernels: C++17, no LibTorch. Nothing here waits for the device. Each returns nullptr, or the
// text of the error with which a launch failed. What they compute: models/device.hpp and models/cuda_backend.hpp.
#include <cstdint>

#include "models/cuda_backend.hpp"

namespace scalelaw::cuda {

/// A cudaStream_t, so that this header needs no CUDA.
using Stream = void*;

[[nodiscard]] const char* launch_adam(const AdamState& state, const StepTables& tables, const float* losses,
                                      Stream stream);
[[nodiscard]] const char* launch_draw_starts(const WindowOrder* orders, const StepCounters* counters,
                                             std::int64_t members, const StepWindows& windows, std::int64_t* starts,
                                             Stream stream);
[[nodiscard]] const char* launch_gather(const TokenView& tokens, const std::int64_t* starts, std::int64_t windows,
                                        std::int64_t context, std::int64_t* inputs, std::int64_t* targets,
                                        Stream stream);
[[nodiscard]] const char* launch_weighted_sum(const WeightedSum& call, Stream stream);
[[nodiscard]] const char* launch_cross_entropy(float* logits, const std::int64_t* targets, float* losses,
                                               std::int64_t rows, std::int64_t vocab, float gradient_scale,
                                               Stream stream);
[[nodiscard]] const char* launch_embedding_gradient(const EmbeddingGradient& call, Stream stream);

}  // namespace scalelaw::cuda
