#pragma once
// Launchers of the CUDA kernels: C++17, no LibTorch. Nothing here waits for the device.
#include <cstdint>

#include "models/device.hpp"

namespace scalelaw::cuda {

/// A cudaStream_t, so that this header needs no CUDA.
using Stream = void*;

/// See adam_step in device.hpp. @param partial scratch of members * kNormBlocks doubles. Errors of the launch are left
/// for last_error().
void launch_adam(const AdamState& state, const AdamScalars* scalars, std::int64_t step, const float* losses,
                 float* norms, double* partial, Stream stream);
constexpr int kNormBlocks = 64;

/// See gather_windows in device.hpp.
void launch_gather(const std::uint8_t* tokens, const std::int64_t* starts, std::int64_t windows, std::int64_t context,
                   std::int64_t* inputs, std::int64_t* targets, Stream stream);

/// Text of the newest CUDA error, or nullptr; clears it.
const char* last_error();

}  // namespace scalelaw::cuda
