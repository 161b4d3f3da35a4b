#pragma once
// The CUDA half of device.hpp: implemented by torch/backend_cuda.cpp and cuda/kernels.cu in scalelaw-trainer-cuda, and
// by backend_no_cuda.cpp elsewhere (which refuses to open a device). Chosen when linking, so that no caller needs an
// #if.
#include <cstddef>

#include "models/device.hpp"

namespace scalelaw::cuda {

/// Errors (device): as open_device("cuda").
[[nodiscard]] std::string open();
[[nodiscard]] void* allocate(std::size_t bytes);
void release(void* memory);
void copy_in(void* to, const void* from, std::size_t bytes);
void copy_out(void* to, const void* from, std::size_t bytes);
void adam_step(const AdamState& state, const AdamScalars* scalars, std::int64_t step, const float* losses,
               float* norms);
void gather_windows(const std::uint8_t* tokens, const std::int64_t* starts, std::int64_t windows, std::int64_t context,
                    std::int64_t* inputs, std::int64_t* targets);

}  // namespace scalelaw::cuda
