#include "models/device.hpp"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>

#include "models/cuda_backend.hpp"
#include "os/error.hpp"

namespace scalelaw::inline models {
namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown processor";
}

template <class Token>
void gather_windows_from(const Token* tokens, const std::int64_t* starts, std::int64_t windows, std::int64_t context,
                         std::int64_t* inputs, std::int64_t* targets) {
  for (std::int64_t w = 0; w < windows; ++w) {
    const Token* from = tokens + starts[w];
    for (std::int64_t t = 0; t < context; ++t) {
      inputs[w * context + t] = from[t];
      targets[w * context + t] = from[t + 1];
    }
  }
}

}  // namespace

Device open_device(DeviceKind kind) {
  if (kind == DeviceKind::cuda) return {.kind = DeviceKind::cuda, .name = cuda::open()};
  return {.kind = DeviceKind::cpu, .name = "cpu: " + cpu_name()};
}

namespace detail {

std::shared_ptr<void> allocate(DeviceKind kind, std::size_t bytes) {
  if (kind == DeviceKind::cuda) return {cuda::allocate(bytes), cuda::release};
  constexpr std::size_t kLine = 64;  // whole cache lines, so that vector loads are aligned
  const std::size_t rounded = (bytes + kLine - 1) / kLine * kLine + kLine;
  void* memory = std::aligned_alloc(kLine, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  std::memset(memory, 0, rounded);
  return {memory, std::free};
}

void copy_in(DeviceKind kind, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  if (kind == DeviceKind::cuda) return cuda::copy_in(to, from, bytes);
  std::memcpy(to, from, bytes);
}

void copy_out(DeviceKind kind, void* to, const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  if (kind == DeviceKind::cuda) return cuda::copy_out(to, from, bytes);
  std::memcpy(to, from, bytes);
}

}  // namespace detail

void draw_starts(const Device& device, const WindowOrder* orders, const StepCounters* counters, std::int64_t members,
                 const StepWindows& windows, std::int64_t* starts) {
  if (device.kind == DeviceKind::cuda) return cuda::draw_starts(orders, counters, members, windows, starts);
  for (std::int64_t k = 0; k < members; ++k) {
    for (std::int64_t w = 0; w < windows.count; ++w) {
      starts[k * windows.count + w] = orders[k].start(counters->step * windows.all + windows.first + w);
    }
  }
}

void gather_windows(const Device& device, const TokenView& tokens, const std::int64_t* starts, std::int64_t windows,
                    std::int64_t context, std::int64_t* inputs, std::int64_t* targets) {
  if (device.kind == DeviceKind::cuda) return cuda::gather_windows(tokens, starts, windows, context, inputs, targets);
  with_tokens(tokens,
              [&](const auto* first) { gather_windows_from(first, starts, windows, context, inputs, targets); });
}

void weighted_sum(const Device& device, const WeightedSum& call) {
  if (device.kind == DeviceKind::cuda) return cuda::weighted_sum(call);
  const float* __restrict values = call.values;
  float* __restrict sum = call.sum;
  for (std::int64_t i = 0; i < call.count; ++i) {
    const float x = call.weight * values[i];
    sum[i] = call.add ? sum[i] + x : x;
  }
}

}  // namespace scalelaw::inline models
