// Tokens a second of one training step without the optimizer: the native engine on each instruction set against the
// torch engine with one member, interleaved in one run on one thread. Best and median of the rounds.
//   bench_native [rounds] [name of a shape, or a part of it]
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <numeric>
#include <string>
#include <vector>

#include "core/rng.hpp"
#include "models/native/kernels.hpp"
#include "models/native/native.hpp"
#include "records/shape.hpp"

namespace {

using scalelaw::Engine;

/// Processor time of this thread's process: what others do on the machine counts less than with a wall clock.
double now_s() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
double seconds_since(double start) { return now_s() - start; }

struct Shape {
  const char* name;
  scalelaw::ModelSpec model;
  std::int64_t windows;
};

scalelaw::ModelSpec model(std::int64_t layers, std::int64_t width, std::int64_t d_head, std::int64_t context) {
  return {.d_model = width,
          .n_layer = layers,
          .d_head = d_head,
          .n_head = width / d_head,
          .d_ff = 4 * width,
          .context = context,
          .vocab = 256,
          .qk_scale = {.name = scalelaw::QkScale::learned}};
}

/// Members with parameters and a batch.
struct Setup {
  scalelaw::Layout layout;
  std::vector<float> parameters, gradients, losses;
  std::vector<std::int64_t> tokens;
  scalelaw::EngineBuffers buffers;
  scalelaw::Batch batch;

  Setup(const Shape& shape, std::int64_t members) : layout(make_layout(shape.model)) {
    parameters.resize(static_cast<std::size_t>(members * layout.params));
    gradients.resize(parameters.size());
    losses.resize(static_cast<std::size_t>(members));
    for (std::int64_t k = 0; k < members; ++k) {
      initialize(layout, k,
                 std::span(parameters)
                     .subspan(static_cast<std::size_t>(k * layout.params), static_cast<std::size_t>(layout.params)));
    }
    scalelaw::Rng rng = scalelaw::make_rng(1, "tokens");
    tokens.resize(static_cast<std::size_t>(members * shape.windows * shape.model.context));
    for (auto& token : tokens) token = static_cast<std::int64_t>(scalelaw::uniform_below(rng, 256));
    buffers = {members, parameters.data(), gradients.data()};
    batch = {tokens.data(), tokens.data(), shape.windows};
  }
};

struct Contender {
  Engine engine;
  Setup* setup;
  std::vector<double> tokens_per_s = {};

  void measure(double at_least_s) {
    const auto tokens = static_cast<double>(setup->tokens.size());
    const auto start = now_s();
    double steps = 0;
    do {
      engine.loss_and_grad(setup->batch, setup->losses.data());
      ++steps;
    } while (seconds_since(start) < at_least_s);
    tokens_per_s.push_back(steps * tokens / seconds_since(start));
  }
  [[nodiscard]] double best() const { return *std::max_element(tokens_per_s.begin(), tokens_per_s.end()); }
  [[nodiscard]] double median() const {
    std::vector<double> sorted = tokens_per_s;
    std::sort(sorted.begin(), sorted.end());
    return sorted[sorted.size() / 2];
  }
};

/// Best GFLOP/s of x W with all operands in the L1 cache: what the product kernel can reach at most.
double peak_gflops(const scalelaw::native::Kernels& kernels) {
  constexpr std::int64_t kRows = 48, kCols = 32, kDepth = 64;
  std::vector<float> a(kRows * kDepth, 0.5F), b(kCols * kDepth, 0.5F), c(kRows * kCols);
  std::vector<float> packed(static_cast<std::size_t>(packed_size(kernels, kDepth, kCols)));
  kernels.pack(b.data(), kDepth, kCols, packed.data());
  double best = 0;
  kernels.begin();
  for (int round = 0; round < 20; ++round) {
    constexpr int kRepeats = 5000;
    const auto start = now_s();
    for (int i = 0; i < kRepeats; ++i) {
      kernels.product(kRows, kCols, kDepth, {a.data(), kDepth, 1}, packed_right(kernels, packed.data(), kDepth),
                      c.data(), kCols, false);
    }
    best = std::max(best, kRepeats * 2.0 * kRows * kCols * kDepth / seconds_since(start) / 1e9);
  }
  kernels.end();
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 5;
  const std::string wanted = argc > 2 ? argv[2] : "";
#ifdef SCALELAW_BENCH_TORCH
  scalelaw::configure_torch(1);
#endif
  for (const auto* kernels : scalelaw::native::available_kernels()) {
    fmt::print("{}: product kernel {:.1f} GFLOP/s\n", kernels->name, peak_gflops(*kernels));
  }
  const std::vector<Shape> shapes = {
      {"L2 C16 T64 B4", model(2, 16, 8, 64), 4},     {"L2 C24 T64 B4", model(2, 24, 8, 64), 4},
      {"L2 C32 T32 B8", model(2, 32, 8, 32), 8},     {"L3 C48 T64 B4", model(3, 48, 16, 64), 4},
      {"L4 C64 T64 B12", model(4, 64, 16, 64), 12},  {"L4 C128 T64 B12", model(4, 128, 32, 64), 12},
      {"L4 C256 T128 B8", model(4, 256, 64, 128), 8}};
  fmt::print("{:16} {:22} {:>10} {:>10} {:>9} {:>7}\n", "shape", "engine", "best tok/s", "median", "GFLOP/s", "ratio");
  for (const Shape& shape : shapes) {
    if (std::string(shape.name).find(wanted) == std::string::npos) continue;
    Setup four(shape, 4), one(shape, 1);
    std::vector<Contender> contenders;
    for (const scalelaw::InstructionSet set : scalelaw::native_instruction_sets()) {
      contenders.push_back({make_native_engine(one.layout, one.buffers, set), &one});
    }
    contenders.push_back({make_native_engine(four.layout, four.buffers), &four});
    contenders.back().engine.name += " K=4";
#ifdef SCALELAW_BENCH_TORCH
    contenders.push_back(
        {make_torch_engine(one.layout, scalelaw::open_device(scalelaw::DeviceKind::cpu), one.buffers), &one});
#endif
    for (Contender& c : contenders) c.measure(0);  // memory, caches
    for (int round = 0; round < rounds; ++round) {
      for (Contender& c : contenders) c.measure(0.15);
    }
    for (const Contender& c : contenders) {
      fmt::print("{:16} {:22} {:10.0f} {:10.0f} {:9.1f} {:7.2f}\n", shape.name, c.engine.name, c.best(), c.median(),
                 c.best() * scalelaw::flops_per_token(shape.model) / 1e9, c.best() / contenders.back().best());
    }
  }
}
