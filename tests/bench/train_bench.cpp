// One contender of scripts/bench_train.py: whole training steps (windows, loss, gradients, clipping, AdamW) of one
// model on one thread, driven by commands on standard input, answers as lines of JSON.
//   bench_train corpus DIR                    writes a corpus of 128 symbols
//   bench_train peak                          {"fp32_gflops", "instruction_sets"}
//   bench_train contender SHAPE ENGINE PRECISION DIR   SHAPE as L4C64T64B12D16; then commands:
//     train N     N steps from the start -> {"losses"}
//     measure S   steps for S seconds    -> {"steps", "tokens", "seconds"}
//     export N    DIR/SHAPE.params (float32), DIR/SHAPE.starts (int64 [N, windows]) for the other contenders
#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "core/error.hpp"
#include "core/json.hpp"
#include "corpus/sampler.hpp"
#include "corpus/synth.hpp"
#include "law/shape.hpp"
#include "models/native/native.hpp"
#include "train/stack.hpp"

namespace {

using scalelaw::Json;
using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

void answer(const Json& value) {
  fmt::print("{}\n", value.dump());
  std::fflush(stdout);
}

#if defined(__x86_64__)
#define SCALELAW_FMA(n) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #n "\n"
#define SCALELAW_WIDE_FMA(n) "vfmadd231ps %%zmm14, %%zmm15, %%zmm" #n "\n"
#define SCALELAW_ZERO(n) "vxorps %%xmm" #n ", %%xmm" #n ", %%xmm" #n "\n"
#define SCALELAW_TWELVE(f) f(0) f(1) f(2) f(3) f(4) f(5) f(6) f(7) f(8) f(9) f(10) f(11)
#define SCALELAW_REGISTERS \
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm14", "xmm15"
/// Fused multiply-adds that depend on nothing but registers: the most this processor can do. GFLOP/s, best of 20.
double peak_gflops(bool wide) {
  constexpr int kRepeats = 20000;
  double best = 0;
  for (int round = 0; round < 20; ++round) {
    asm volatile(SCALELAW_TWELVE(SCALELAW_ZERO) SCALELAW_ZERO(14) SCALELAW_ZERO(15)::: SCALELAW_REGISTERS);
    const auto start = Clock::now();
    for (int i = 0; i < kRepeats; ++i) {
      if (wide) {
        asm volatile(SCALELAW_TWELVE(SCALELAW_WIDE_FMA)::: SCALELAW_REGISTERS);
      } else {
        asm volatile(SCALELAW_TWELVE(SCALELAW_FMA)::: SCALELAW_REGISTERS);
      }
    }
    best = std::max(best, kRepeats * 12.0 * (wide ? 32 : 16) / since(start) / 1e9);
  }
  return best;
}
#else
double peak_gflops(bool) { return 0; }
#endif

scalelaw::RunSpec spec_of(const std::string& shape, const std::string& precision) {
  int layers = 0, width = 0, context = 0, windows = 0, d_head = 0;
  if (std::sscanf(shape.c_str(), "L%dC%dT%dB%dD%d", &layers, &width, &context, &windows, &d_head) != 5) {
    scalelaw::fail_config("shape {}: give it as L4C64T64B12D16", shape);
  }
  scalelaw::RunSpec spec;
  spec.model = {.d_model = width,
                .n_layer = layers,
                .d_head = d_head,
                .n_head = width / d_head,
                .d_ff = 4 * width,
                .context = context,
                .vocab = 128};
  spec.data.batch_tokens = std::int64_t{windows} * context;
  spec.data.tokens = spec.data.batch_tokens << 30U;
  spec.optimizer.lr = 1e-3;
  spec.optimizer.warmup_fraction = 0;
  spec.schedule.kind = "constant";
  spec.precision = precision;
  return spec;
}

template <class T>
void write(const std::string& path, const std::vector<T>& values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
}

void serve(const std::string& shape, const std::string& engine, const std::string& precision, const std::string& dir) {
  scalelaw::configure_torch(1);
  const scalelaw::RunSpec spec = spec_of(shape, precision);
  const scalelaw::Corpus corpus = scalelaw::load_corpus(dir);
  const scalelaw::Device device = scalelaw::open_device("cpu");
  const auto choice = scalelaw::choose_engine(engine, spec.model, device, precision);
  const auto setup = scalelaw::make_setup(spec.model, device, precision, choice, corpus, /*curve_stride=*/1);
  answer({{"engine", choice.reason},
          {"params", setup.layout.params},
          {"flops_per_token", scalelaw::flops_per_token(spec.model)}});
  scalelaw::Stack stack = make_stack(setup, {spec});
  std::string command;
  double amount = 0;
  while (std::cin >> command >> amount) {
    const auto steps = static_cast<std::int64_t>(amount);
    if (command == "train") {
      stack = make_stack(setup, {spec});
      train(setup, stack, steps, [] { return true; });
      answer({{"losses", stack.curve.loss}});
    } else if (command == "measure") {
      const std::int64_t before = stack.step;
      const auto start = Clock::now();
      train(setup, stack, spec.data.tokens, [&] { return since(start) < amount; });
      const double seconds = since(start);
      answer({{"steps", stack.step - before},
              {"tokens", (stack.step - before) * spec.data.batch_tokens},
              {"seconds", seconds}});
    } else if (command == "export") {
      stack = make_stack(setup, {spec});
      write(fmt::format("{}/{}.params", dir, shape), stack.parameters.download());
      const auto sampler = scalelaw::make_sampler(setup.train_tokens, 0, spec.model.context, spec.seed);
      std::vector<std::int64_t> starts;
      for (std::int64_t i = 0; i < steps * spec.data.batch_tokens / spec.model.context; ++i) {
        starts.push_back(sampler.start(i));
      }
      write(fmt::format("{}/{}.starts", dir, shape), starts);
      answer({{"exported", steps}});
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments.size() == 2 && arguments[0] == "corpus") {
      scalelaw::SynthOptions options;
      options.out = arguments[1];
      options.symbols = 128;
      const auto manifest = scalelaw::synthesize_corpus(options);
      answer({{"entropy_rate_nats", *manifest.entropy_rate_nats}});
    } else if (arguments.size() == 1 && arguments[0] == "peak") {
      std::vector<std::string> sets = scalelaw::native_instruction_sets("bf16");
      for (const std::string& name : scalelaw::native_instruction_sets()) sets.push_back(name);
      const bool wide = sets.front() != "avx2" && sets.front() != "baseline";
      answer({{"fp32_gflops", sets.front() == "baseline" ? 0 : peak_gflops(wide)}, {"instruction_sets", sets}});
    } else if (arguments.size() == 5 && arguments[0] == "contender") {
      serve(arguments[1], arguments[2], arguments[3], arguments[4]);
    } else {
      fmt::print(stderr, "usage: bench_train corpus DIR | peak | contender SHAPE ENGINE PRECISION DIR\n");
      return 2;
    }
  } catch (const scalelaw::Error& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return static_cast<int>(e.code());
  }
}
