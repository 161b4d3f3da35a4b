// Each kernel of the native step on each instruction set, at the sizes of one chunk: 256 tokens in windows of 64,
// d_model 64 and 256, heads of 16, vocabulary 256. Items are tokens; products also give FLOP/s.
//   bench_kernels [--benchmark_filter=avx512/attention ...]
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <functional>
#include <memory>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "core/rng.hpp"
#include "models/native/kernels.hpp"
#include "models/native/step.hpp"

namespace {

using namespace scalelaw::native;

constexpr Index kTokens = 256, kContext = 64, kHead = 16, kVocab = 256;

Floats random_floats(Index size) {
  Floats values(size);
  scalelaw::Rng rng = scalelaw::make_rng(1, "kernel bench");
  for (Index i = 0; i < size; ++i) values[i] = static_cast<float>(scalelaw::standard_normal(rng));
  return values;
}

/// Buffers of one layer; the kernels' results stay finite however often they run.
struct Chunk {
  const Kernels& k;
  Index width, hidden = 4 * width, ld = stride(width), ld_hidden = stride(hidden), ld_qkv = stride(3 * width),
               ld_vocab = stride(kVocab);
  std::vector<float> scales = std::vector<float>(static_cast<std::size_t>(width / kHead), 0.5F);
  AttentionShape shape{kTokens / kContext, kContext, width / kHead, kHead, scales.data()};
  Floats x = random_floats(kTokens * ld), y = random_floats(kTokens * ld), dx = random_floats(kTokens * ld);
  Floats up = random_floats(kTokens * ld_hidden), slope = random_floats(kTokens * ld_hidden);
  Floats qkv = random_floats(kTokens * ld_qkv), dqkv = random_floats(kTokens * ld_qkv);
  Floats logits = random_floats(kTokens * ld_vocab), losses{kTokens}, r{kTokens * 2 * (width / kHead)};
  Floats cos = random_floats(kContext * kHead), sin = random_floats(kContext * kHead);
  Floats scores{kTokens * (width / kHead) * stride(kContext)}, inverse{kTokens * (width / kHead)};
  Floats scratch{attention_scratch(shape)}, w = random_floats(width * hidden), dw{width * hidden};
  Floats table = random_floats(kVocab * width), packed{packed_size(k, width, hidden)};
  std::vector<std::int64_t> tokens;

  Chunk(const Kernels& kernels, Index d_model) : k(kernels), width(d_model) {
    for (Index t = 0; t < kTokens; ++t) tokens.push_back(t * 37 % kVocab);
  }
  AttentionForward forward() { return {qkv, ld_qkv, y, ld, scores, inverse, scratch}; }
};

struct Case {
  const char* name;
  std::function<void(Chunk&)> run;
  std::function<double(const Chunk&)> flops;
};

std::vector<Case> cases() {
  const auto none = [](const Chunk&) { return 0.0; };
  const auto product = [](const Chunk& c) { return 2.0 * kTokens * static_cast<double>(c.width * c.hidden); };
  return {
      {"pack", [](Chunk& c) { c.k.pack(c.w, c.width, c.hidden, c.packed); }, none},
      {"product_packed",
       [](Chunk& c) {
         c.k.product(kTokens, c.hidden, c.width, {c.x, c.ld, 1}, packed_right(c.k, c.packed, c.width), c.up,
                     c.ld_hidden, false);
       },
       product},
      {"product_gradient",
       [](Chunk& c) {
         c.k.product(c.width, c.hidden, kTokens, {c.x, 1, c.ld}, plain_right(c.k, c.up, c.ld_hidden), c.dw, c.hidden,
                     false);
       },
       product},
      {"norm", [](Chunk& c) { c.k.norm(c.x, c.y, c.ld, c.r, kTokens, c.width, 1e-6F); }, none},
      {"norm_backward", [](Chunk& c) { c.k.norm_backward(c.dx, c.y, c.r, c.x, c.ld, kTokens, c.width, false); }, none},
      {"rotate_qk", [](Chunk& c) { c.k.rotate_qk(c.qkv, c.ld_qkv, c.r, c.cos, c.sin, c.shape, 1e-6F); }, none},
      {"rotate_qk_backward",
       [](Chunk& c) { c.k.rotate_qk_backward(c.dqkv, c.qkv, c.ld_qkv, c.r, c.cos, c.sin, c.shape, nullptr); }, none},
      {"attention", [](Chunk& c) { c.k.attention(c.forward(), c.shape); }, none},
      {"attention_backward",
       [](Chunk& c) {
         c.k.attention_backward({c.qkv, c.ld_qkv, c.y, c.ld, c.scores, c.inverse, c.dx, c.ld, c.dqkv, c.scratch},
                                c.shape);
       },
       none},
      {"gelu", [](Chunk& c) { c.k.gelu(c.up, c.slope, c.ld_hidden, kTokens, c.hidden); }, none},
      {"multiply", [](Chunk& c) { c.k.multiply(c.up, c.slope, c.ld_hidden, kTokens, c.hidden); }, none},
      {"cross_entropy",
       [](Chunk& c) { c.k.cross_entropy(c.logits, c.ld_vocab, c.tokens.data(), c.losses, 1e-3F, kTokens, kVocab); },
       none},
      {"gather", [](Chunk& c) { c.k.gather(c.table, c.tokens.data(), c.x, c.ld, kTokens, c.width); }, none},
      {"scatter_add", [](Chunk& c) { c.k.scatter_add(c.y, c.ld, c.tokens.data(), c.dw, kTokens, c.width); }, none},
  };
}

void run(benchmark::State& state, const Case& kernel, Chunk& chunk) {
  chunk.k.begin();
  chunk.k.pack(chunk.w, chunk.width, chunk.hidden, chunk.packed);
  for (auto _ : state) {
    kernel.run(chunk);
    benchmark::ClobberMemory();
  }
  chunk.k.end();
  state.SetItemsProcessed(state.iterations() * kTokens);
  if (const double flops = kernel.flops(chunk); flops > 0) {
    state.counters["FLOP/s"] = benchmark::Counter(flops, benchmark::Counter::kIsIterationInvariantRate);
  }
}

}  // namespace

int main(int argc, char** argv) {
#if defined(__x86_64__)
  _mm_setcsr(_mm_getcsr() | 0x8040U);  // denormals count as zero, as inside a step
#endif
  std::vector<std::unique_ptr<Chunk>> chunks;
  for (const Kernels* kernels : available_kernels()) {
    for (const Index width : {64, 256}) {
      chunks.push_back(std::make_unique<Chunk>(*kernels, width));
      for (const Case& kernel : cases()) {
        Chunk& chunk = *chunks.back();
        benchmark::RegisterBenchmark(fmt::format("{}/{}/C{}", kernels->name, kernel.name, width).c_str(),
                                     [kernel, &chunk](benchmark::State& state) { run(state, kernel, chunk); });
      }
    }
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
