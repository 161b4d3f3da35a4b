#pragma once
// The parts of bench_train: one model beside PyTorch's (train_bench.cpp), many models on one device (sweep.cpp), a step
// on one device against the CPU (agreement.cpp).
#include <chrono>
#include <string>
#include <vector>

#include "core/json.hpp"
#include "records/records.hpp"

namespace scalelaw::bench {

using Clock = std::chrono::steady_clock;
inline double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Prints a line of JSON and flushes it, since another program waits for it.
void answer(const Json& value);

/// @param shape as L4C64T64B12D16: layers, d_model, context, windows a step, d_head; 128 symbols.
/// Errors (config): another text.
[[nodiscard]] RunSpec spec_of(const std::string& shape, Precision precision);

/// Fused multiply-adds that depend on nothing but registers: the most one core can do. GFLOP/s fp32, best of 20.
[[nodiscard]] double peak_gflops(bool avx512);

/// Answers each line of standard input, {"shape", "members", "precision", "graph", "seconds", "memory"}, with a row:
/// how fast a stack of members trains on the device and, with "memory", what a job of it takes of a CUDA device beside
/// what was predicted. A row that cannot be measured says so in "error", and the next line is read.
/// @param device cpu | cuda; @param corpus folder of one with 128 symbols
void sweep(const std::string& device, const std::string& corpus);

/// Prints a row for each of six shapes, in fp32 and bf16: how far the losses and gradients of a step on the device are
/// from those of the CPU; and, on CUDA, whether graphs give what single steps give.
/// @return whether every row is within its limit
[[nodiscard]] bool agreement(const std::string& device, const std::string& corpus);

}  // namespace scalelaw::bench
