// Whole training steps, measured for scripts/bench_train.py and the phases of scripts/gpu/phases.py: windows, loss,
// gradients, clipping, AdamW. Built as bench_train (CPU) and, where CUDA is, as bench_train-cuda. Answers are lines of
// JSON.
//   bench_train corpus DIR                             writes a corpus of 128 symbols
//   bench_train peak                                   {"fp32_gflops", "instruction_sets"}
//   bench_train sweep DEVICE DIR                       see train_bench.hpp
//   bench_train agreement DEVICE DIR                   see train_bench.hpp
//   bench_train contender SHAPE ENGINE PRECISION DIR [DEVICE]   SHAPE as L4C64T64B12D16; one thread; then commands:
//     train N     N steps from the start -> {"losses"}
//     measure S   steps for S seconds    -> {"steps", "tokens", "seconds"}
//     export N    DIR/SHAPE.params (float32), DIR/SHAPE.starts (int64 [N, windows]) for the other contenders
#include "bench/train_bench.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <fstream>
#include <iostream>

#include "corpus/sampler.hpp"
#include "corpus/synth.hpp"
#include "models/native/native.hpp"
#include "os/error.hpp"
#include "records/shape.hpp"
#include "train/stack.hpp"

namespace scalelaw::bench {

void answer(const Json& value) {
  fmt::print("{}\n", value.dump());
  std::fflush(stdout);
}

RunSpec spec_of(const std::string& shape, Precision precision) {
  int layers = 0, width = 0, context = 0, windows = 0, d_head = 0;
  if (std::sscanf(shape.c_str(), "L%dC%dT%dB%dD%d", &layers, &width, &context, &windows, &d_head) != 5) {
    fail_config("shape {}: give it as L4C64T64B12D16", shape);
  }
  RunSpec spec;
  spec.model = {.d_model = width,
                .n_layer = layers,
                .d_head = d_head,
                .n_head = width / d_head,
                .d_ff = 4 * width,
                .context = context,
                .vocab = 128,
                .qk_scale = {.name = QkScale::learned}};
  spec.data.batch_tokens = std::int64_t{windows} * context;
  spec.data.tokens = spec.data.batch_tokens << 30U;
  spec.optimizer.lr = 1e-3;
  spec.optimizer.warmup_fraction = 0;
  spec.schedule.kind = ScheduleKind::constant;
  spec.precision = precision;
  return spec;
}

namespace {

template <class T>
void write(const std::string& path, const std::vector<T>& values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
}

void serve(const std::string& shape, const std::string& engine, Precision precision, const std::string& dir,
           const std::string& device_name) {
  const RunSpec spec = spec_of(shape, precision);
  const Corpus corpus = load_corpus(dir);
  const Device device = open_device(find_named<DeviceKind>(device_name).value());
  const auto choice = choose_engine(find_named<AskedEngine>(engine).value(), spec.model, device, precision);
  const auto setup = make_setup(spec.model, device, precision, choice, corpus, /*curve_stride=*/1);
  answer({{"engine", choice.reason},
          {"device", device.name},
          {"params", setup.layout.params},
          {"flops_per_token", flops_per_token(spec.model)}});
  Stack stack = make_stack(setup, {spec});
  std::string command;
  double amount = 0;
  while (std::cin >> command >> amount) {
    const auto steps = static_cast<std::int64_t>(amount);
    if (command == "train") {
      stack = make_stack(setup, {spec});
      train_stack(setup, stack, steps, [] { return true; });
      answer({{"losses", stack.curve.loss}});
    } else if (command == "measure") {
      const std::int64_t before = stack.step;
      const auto start = Clock::now();
      train_stack(setup, stack, spec.data.tokens, [&] { return since(start) < amount; });
      const double seconds = since(start);
      answer({{"steps", stack.step - before},
              {"tokens", (stack.step - before) * spec.data.batch_tokens},
              {"seconds", seconds}});
    } else if (command == "export") {
      stack = make_stack(setup, {spec});
      write(fmt::format("{}/{}.params", dir, shape), stack.parameters.download());
      const auto sampler = make_sampler(setup.train.count, 0, spec.model.context, spec.seed);
      std::vector<std::int64_t> starts;
      for (std::int64_t i = 0; i < steps * spec.data.batch_tokens / spec.model.context; ++i) {
        starts.push_back(sampler.start(i));
      }
      write(fmt::format("{}/{}.starts", dir, shape), starts);
      answer({{"exported", steps}});
    }
  }
}

void make_corpus(const std::string& folder) {
  SynthOptions options;
  options.out = folder;
  options.symbols = 128;
  const auto manifest = synthesize_corpus(options);
  answer({{"entropy_rate_nats", *manifest.entropy_rate_nats}});
}

void peak() {
  std::vector<InstructionSet> sets = native_instruction_sets(Precision::bf16);
  for (const InstructionSet set : native_instruction_sets()) sets.push_back(set);
  const bool wide = sets.front() > InstructionSet::avx2;
  answer(
      {{"fp32_gflops", sets.front() == InstructionSet::baseline ? 0 : peak_gflops(wide)}, {"instruction_sets", sets}});
}

int run(const std::vector<std::string>& words) {
  const std::string command = words.empty() ? "" : words[0];
  if (command == "corpus" && words.size() == 2) {
    make_corpus(words[1]);
  } else if (command == "peak" && words.size() == 1) {
    peak();
  } else if (command == "sweep" && words.size() == 3) {
    sweep(words[1], words[2]);
  } else if (command == "agreement" && words.size() == 3) {
    return agreement(words[1], words[2]) ? 0 : 1;
  } else if (command == "contender" && (words.size() == 5 || words.size() == 6)) {
    serve(words[1], words[2], find_named<Precision>(words[3]).value(), words[4], words.size() == 6 ? words[5] : "cpu");
  } else {
    fmt::print(stderr,
               "usage: bench_train corpus DIR | peak | sweep DEVICE DIR | agreement DEVICE DIR | "
               "contender SHAPE ENGINE PRECISION DIR [DEVICE]\n");
    return 2;
  }
  return 0;
}

}  // namespace
}  // namespace scalelaw::bench

int main(int argc, char** argv) {
  try {
    scalelaw::configure_torch(1);
    return scalelaw::bench::run({argv + 1, argv + argc});
  } catch (const scalelaw::Error& e) {
    fmt::print(stderr, "error: {}\n", e.what());
    return static_cast<int>(e.code());
  } catch (const std::exception& e) {
    const std::string what = e.what();
    fmt::print(stderr, "error: {}\n", what.substr(0, what.find('\n')));
    return static_cast<int>(scalelaw::ExitCode::device);
  }
}
