// The kernels against plain loops in double. Inputs come from a fixed seed; buffers are exactly as large as needed.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "cuda/kernels.hpp"

namespace scalelaw::cuda {
namespace {

using Floats = std::vector<float>;
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

/// A copy of values where kernels can use it.
template <class T>
struct OnDevice {
  const Memory* memory;
  std::size_t size;
  std::shared_ptr<void> data;

  OnDevice(const Memory& where, const std::vector<T>& values)
      : memory(&where), size(values.size()), data(where.allocate(size * sizeof(T))) {
    where.copy_in(data.get(), values.data(), size * sizeof(T));
  }
  T* get() const { return static_cast<T*>(data.get()); }
  std::vector<T> values() const {
    std::vector<T> result(size);
    memory->copy_out(result.data(), data.get(), size * sizeof(T));
    return result;
  }
};

struct Checker {
  const Kernels& kernels;
  const Memory& memory;
  std::mt19937_64 random{7};
  std::vector<std::string> wrong;

  Floats normal(std::int64_t n, float scale = 1.0F) {
    std::normal_distribution<float> draw(0.0F, scale);
    Floats values(at(n));
    for (float& x : values) x = draw(random);
    return values;
  }
  std::vector<std::int64_t> below(std::int64_t limit, std::int64_t n) {
    std::vector<std::int64_t> values(at(n));
    for (std::int64_t& x : values) x = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit));
    return values;
  }
  void launched(const char* error, const std::string& what) {
    if (error != nullptr) wrong.push_back(what + ": " + error);
  }
  /// NaN equals NaN.
  template <class T>
  void same(const std::string& what, const std::vector<T>& got, const std::vector<T>& want, double tolerance) {
    for (std::size_t i = 0; i < want.size(); ++i) {
      const auto a = static_cast<double>(got[i]), b = static_cast<double>(want[i]);
      const bool equal = a == b || (std::isnan(a) && std::isnan(b)) || std::abs(a - b) <= tolerance * (1 + std::abs(b));
      if (equal) continue;
      wrong.push_back(what + "[" + std::to_string(i) + "] is " + std::to_string(a) + ", not " + std::to_string(b));
      return;
    }
  }

  struct AdamCase {
    std::int64_t members, params;
    std::vector<AdamGroup> groups;
    std::int64_t poisoned = -1;  // a member with a NaN in its gradient
    std::int64_t lost = -1;      // a member with an infinite loss
    std::int64_t frozen = -1;    // a member that diverged before
  };
  void adam(const AdamCase& c) {
    const std::string name = "adam " + std::to_string(c.members) + " x " + std::to_string(c.params) + " ";
    const std::int64_t n = c.members * c.params, slots = 3;
    const StepCounters before{.step = 41, .slot = 1};
    Floats p = normal(n), g = normal(n, 0.3F), m = normal(n, 0.1F), v = normal(n, 0.1F), losses = normal(c.members);
    for (float& x : v) x = std::abs(x);
    std::vector<AdamSettings> settings(at(c.members));
    std::vector<AdamScalars> scalars(at(slots * c.members));
    std::vector<std::int64_t> diverged(at(c.members));
    for (std::int64_t k = 0; k < c.members; ++k) {
      const auto f = static_cast<float>(k % 7);
      settings[at(k)] = {.beta1 = 0.9F,
                         .beta2 = 0.95F + 0.005F * f,
                         .eps = 1e-8F,
                         .weight_decay = 0.1F * f,
                         .clip = k % 3 == 2   ? 0.0F
                                 : k % 3 == 1 ? 1e6F
                                              : 1.0F};
      for (std::int64_t s = 0; s < slots; ++s) {
        scalars[at(s * c.members + k)] = {
            .lr = 1e-2F * (f + 1 + static_cast<float>(s)), .correction1 = 1.5F + f, .correction2 = 2.5F + f};
      }
    }
    if (c.poisoned >= 0) g[at(c.poisoned * c.params + c.params / 2)] = kNaN;
    if (c.lost >= 0) losses[at(c.lost)] = kInfinity;
    if (c.frozen >= 0) diverged[at(c.frozen)] = 5;

    Floats want_p = p, want_m = m, want_v = v, want_norms(at(slots * c.members)), want_losses = want_norms;
    std::vector<std::int64_t> want_diverged = diverged;
    for (std::int64_t k = 0; k < c.members; ++k) {
      double squares = 0;
      for (std::int64_t i = 0; i < c.params; ++i) {
        const double x = static_cast<double>(g[at(k * c.params + i)]);
        squares += x * x;
      }
      const double norm = std::sqrt(squares);
      want_norms[at(before.slot * c.members + k)] = static_cast<float>(norm);
      want_losses[at(before.slot * c.members + k)] = losses[at(k)];
      if (want_diverged[at(k)] != 0) continue;
      if (!std::isfinite(norm) || !std::isfinite(losses[at(k)])) {
        want_diverged[at(k)] = before.step + 1;
        continue;
      }
      const AdamSettings& s = settings[at(k)];
      const AdamScalars& now = scalars[at(before.slot * c.members + k)];
      const double clip = static_cast<double>(s.clip), scale = clip > 0 && norm > clip ? clip / norm : 1;
      for (std::int64_t i = 0; i < c.params; ++i) {
        const std::size_t j = at(k * c.params + i);
        AdamGroup group;
        for (const AdamGroup& one : c.groups) group = one.begin <= i ? one : group;
        const double x = static_cast<double>(g[j]) * scale, b1 = static_cast<double>(s.beta1),
                     b2 = static_cast<double>(s.beta2),
                     decay = static_cast<double>(group.decay) * static_cast<double>(s.weight_decay);
        const double m1 = b1 * static_cast<double>(m[j]) + (1 - b1) * x;
        const double m2 = b2 * static_cast<double>(v[j]) + (1 - b2) * x * x;
        const double step = static_cast<double>(group.rate) * static_cast<double>(now.correction1) * m1 /
                            (std::sqrt(static_cast<double>(now.correction2) * m2) +
                             static_cast<double>(group.eps) * static_cast<double>(s.eps));
        want_m[j] = static_cast<float>(m1);
        want_v[j] = static_cast<float>(m2);
        want_p[j] = static_cast<float>(static_cast<double>(p[j]) -
                                       static_cast<double>(now.lr) * (decay * static_cast<double>(p[j]) + step));
      }
    }

    const OnDevice<float> dp(memory, p), dg(memory, g), dm(memory, m), dv(memory, v), dl(memory, losses);
    const OnDevice<AdamSettings> ds(memory, settings);
    const OnDevice<AdamScalars> da(memory, scalars);
    const OnDevice<std::int64_t> dd(memory, diverged);
    const OnDevice<AdamGroup> groups(memory, c.groups);
    const bool fours =
        std::all_of(c.groups.begin(), c.groups.end(), [](const AdamGroup& one) { return one.begin % 4 == 0; });
    const OnDevice<StepCounters> dc(memory, {before});
    const OnDevice<float> norm_log(memory, Floats(want_norms.size())), loss_log(memory, Floats(want_norms.size()));
    const OnDevice<double> scratch(memory, std::vector<double>(at(c.members * kStepScratch)));
    const AdamState state{.members = c.members,
                          .params = c.params,
                          .groups = groups.get(),
                          .group_count = static_cast<std::int64_t>(c.groups.size()),
                          .fours = fours,
                          .parameters = dp.get(),
                          .gradients = dg.get(),
                          .moment1 = dm.get(),
                          .moment2 = dv.get(),
                          .settings = ds.get(),
                          .diverged = dd.get()};
    const StepTables tables{.counters = dc.get(),
                            .scalars = da.get(),
                            .losses = loss_log.get(),
                            .norms = norm_log.get(),
                            .scratch = scratch.get()};
    launched(kernels.adam(state, tables, dl.get(), nullptr), name);
    same(name + "parameters", dp.values(), want_p, 2e-6);
    same(name + "first moments", dm.values(), want_m, 2e-6);
    same(name + "second moments", dv.values(), want_v, 2e-6);
    same(name + "norms", norm_log.values(), want_norms, 1e-6);
    same(name + "losses", loss_log.values(), want_losses, 0);
    same(name + "diverged", dd.values(), want_diverged, 0);
    const StepCounters after = dc.values().front();
    same(name + "counters", std::vector<std::int64_t>{after.step, after.slot}, {before.step + 1, before.slot + 1}, 0);
  }

  void tokens(std::int64_t members, const StepWindows& windows, std::int64_t context) {
    for (std::size_t i = 0; i < names_of(TokenWidth{}).size(); ++i) {
      tokens_of(static_cast<TokenWidth>(i), members, windows, context);
    }
  }

  void tokens_of(TokenWidth width, std::int64_t members, const StepWindows& windows, std::int64_t context) {
    const std::string name = "windows of " + std::to_string(context) + " ";
    std::vector<WindowOrder> orders;
    for (std::int64_t k = 0; k < members; ++k) {
      orders.push_back({.stream = mix64(static_cast<std::uint64_t>(k)), .windows = 5 + 8 * k, .context = context});
    }
    const StepCounters counters{.step = 17, .slot = 0};  // some epochs in
    std::vector<std::int64_t> want_starts, want_inputs, want_targets;
    std::vector<std::int64_t> text(at(orders.back().windows * context + 1));
    std::vector<unsigned char> file;  // its tokens, the lowest byte first
    for (std::int64_t& token : text) {
      token = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(token_ids(width)));
      for (std::int64_t b = 0; b < token_bytes(width); ++b)
        file.push_back(static_cast<unsigned char>(token >> (8 * b)));
    }
    for (const WindowOrder& order : orders) {
      for (std::int64_t w = windows.first; w < windows.first + windows.count; ++w) {
        want_starts.push_back(order.start(counters.step * windows.all + w));
        for (std::int64_t t = 0; t < context; ++t) {
          want_inputs.push_back(text[at(want_starts.back() + t)]);
          want_targets.push_back(text[at(want_starts.back() + t + 1)]);
        }
      }
    }
    const OnDevice<WindowOrder> device_orders(memory, orders);
    const OnDevice<StepCounters> device_counters(memory, {counters});
    const OnDevice<unsigned char> device_file(memory, file);
    const TokenView device_text{width, device_file.get(), static_cast<std::int64_t>(text.size())};
    const OnDevice<std::int64_t> starts(memory, std::vector<std::int64_t>(want_starts.size(), -1)),
        inputs(memory, std::vector<std::int64_t>(want_inputs.size(), -1)),
        targets(memory, std::vector<std::int64_t>(want_inputs.size(), -1));
    launched(kernels.draw_starts(device_orders.get(), device_counters.get(), members, windows, starts.get(), nullptr),
             name);
    same(name + "starts", starts.values(), want_starts, 0);
    if (starts.values() != want_starts) return;  // they would lead out of the text
    launched(kernels.gather(device_text, starts.get(), members * windows.count, context, inputs.get(), targets.get(),
                            nullptr),
             name);
    same(name + "inputs", inputs.values(), want_inputs, 0);
    same(name + "targets", targets.values(), want_targets, 0);
  }

  void sums(std::int64_t n, bool add) {
    const std::string name = std::to_string(n) + " weighted " + (add ? "added" : "alone");
    const Floats values = normal(n), old = add ? normal(n) : Floats(at(n), kNaN);
    constexpr float kWeight = 0.3F;
    Floats want;
    for (std::size_t i = 0; i < values.size(); ++i) want.push_back(kWeight * values[i] + (add ? old[i] : 0.0F));
    const OnDevice<float> from(memory, values), sum(memory, old);
    launched(kernels.weighted_sum({.sum = sum.get(), .values = from.get(), .count = n, .weight = kWeight, .add = add},
                                  nullptr),
             name);
    same(name, sum.values(), want, 1e-6);
  }

  void cross_entropy(std::int64_t rows, std::int64_t vocab, float gradient_scale, float spread = 3.0F,
                     bool poison = false) {
    const std::string name = "cross-entropy " + std::to_string(rows) + " x " + std::to_string(vocab) + " ";
    Floats logits = normal(rows * vocab, spread);
    std::vector<std::int64_t> targets = below(vocab, rows);
    targets.front() = vocab - 1;
    if (poison) {  // row 1 is not finite, row 2 rules a token out; row 0 must not notice
      logits[at(vocab)] = kNaN;
      logits[at(2 * vocab)] = -kInfinity;
      targets[2] = 1;
    }
    Floats want = logits, want_losses(at(rows));
    for (std::int64_t r = 0; r < rows; ++r) {
      const float* x = logits.data() + r * vocab;
      double largest = -std::numeric_limits<double>::infinity(), sum = 0;
      for (std::int64_t j = 0; j < vocab; ++j) largest = std::max(largest, static_cast<double>(x[j]));
      for (std::int64_t j = 0; j < vocab; ++j) sum += std::exp(static_cast<double>(x[j]) - largest);
      want_losses[at(r)] = static_cast<float>(std::log(sum) + largest - static_cast<double>(x[targets[at(r)]]));
      for (std::int64_t j = 0; j < vocab && gradient_scale != 0.0F; ++j) {
        const double probability = std::exp(static_cast<double>(x[j]) - largest) / sum;
        want[at(r * vocab + j)] =
            static_cast<float>(static_cast<double>(gradient_scale) * (probability - (j == targets[at(r)] ? 1 : 0)));
      }
    }
    const OnDevice<float> device_logits(memory, logits), losses(memory, Floats(at(rows), -1));
    const OnDevice<std::int64_t> device_targets(memory, targets);
    launched(kernels.cross_entropy(device_logits.get(), device_targets.get(), losses.get(), rows, vocab, gradient_scale,
                                   nullptr),
             name);
    same(name + "losses", losses.values(), want_losses, 3e-6);
    same(name + "gradients", device_logits.values(), want, 1e-6);
  }

  void embedding(std::int64_t members, std::int64_t n, std::int64_t width, std::int64_t vocab, bool add) {
    const std::string name = "embedding of " + std::to_string(width) + (add ? " added" : "") + " ";
    const std::int64_t stride = vocab * width + 13;
    const std::vector<std::int64_t> ids = below(vocab, members * n);
    const Floats dx = normal(members * n * width);
    const Floats old = normal(members * stride);
    std::vector<double> sums(old.begin(), old.end());
    for (std::int64_t k = 0; k < members; ++k) {
      double* rows = sums.data() + k * stride;
      if (!add) std::fill_n(rows, vocab * width, 0.0);
      for (std::int64_t i = 0; i < n; ++i) {
        for (std::int64_t c = 0; c < width; ++c) {
          rows[ids[at(k * n + i)] * width + c] += static_cast<double>(dx[at((k * n + i) * width + c)]);
        }
      }
    }
    const OnDevice<std::int64_t> device_ids(memory, ids);
    const OnDevice<float> device_dx(memory, dx), gradient(memory, old);
    launched(kernels.embedding_gradient({.ids = device_ids.get(),
                                         .dx = device_dx.get(),
                                         .gradient = gradient.get(),
                                         .members = members,
                                         .tokens = n,
                                         .width = width,
                                         .vocab = vocab,
                                         .stride = stride,
                                         .add = add},
                                        nullptr),
             name);
    const double terms = static_cast<double>(n) / static_cast<double>(vocab);  // that a row sums, each with a rounding
    same(name + "gradient", gradient.values(), Floats(sums.begin(), sums.end()), 2e-6 + 2e-7 * terms);
  }
};

}  // namespace

const Memory kHostMemory{
    .allocate = [](std::size_t bytes) -> std::shared_ptr<void> {
      return std::shared_ptr<char[]>(new char[bytes]);  // aligned for any float4
    },
    .copy_in = [](void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); },
    .copy_out = [](void* to, const void* from, std::size_t bytes) { std::memcpy(to, from, bytes); }};

std::vector<std::string> wrong_results(const Kernels& kernels, const Memory& memory, Extent extent) {
  Checker check{.kernels = kernels, .memory = memory, .wrong = {}};
  check.adam({.members = 1, .params = 1003, .groups = {{}}});
  check.tokens(2, {.all = 3, .first = 0, .count = 3}, 12);
  check.sums(300, true);
  check.cross_entropy(9, 20, 0.5F);
  check.cross_entropy(3, 1500, 0.25F);
  check.embedding(1, 300, 24, 7, false);
  if (extent == Extent::few_blocks) return check.wrong;
  const AdamGroup plain{.begin = 600, .decay = 0};
  check.adam({.members = 3, .params = 1000, .groups = {{}, plain}, .poisoned = 1});
  check.adam({.members = 4, .params = 1001, .groups = {{}, plain}, .lost = 0, .frozen = 3});
  check.adam({.members = 1, .params = 20000, .groups = {{}}});  // more than one round of the norm
  check.tokens(1, {.all = 1, .first = 0, .count = 1}, 1);
  check.tokens(3, {.all = 7, .first = 0, .count = 7}, 64);
  check.tokens(3, {.all = 12, .first = 8, .count = 4}, 10);  // the last of three micro-batches
  check.sums(256, false);
  check.sums(1001, true);
  check.cross_entropy(37, 256, 1.0F);
  check.cross_entropy(5, 1024, 0.0F);
  check.cross_entropy(4, 5000, 1e-3F, 100.0F);
  check.cross_entropy(4, 33, 1.0F, 1.0F, /*poison=*/true);
  check.cross_entropy(4, 1025, 1.0F, 1.0F, /*poison=*/true);
  check.embedding(2, 257, 300, 5, true);
  check.embedding(3, 31, 8, 40, false);
  // eps as large as the moments, so that its factor shows
  const std::vector<AdamGroup> many{{.begin = 0, .rate = 0.5F, .eps = 1e7F},
                                    {.begin = 4, .rate = 2.0F, .eps = 2e7F},
                                    {.begin = 396, .decay = 3.0F, .eps = 0.5F},
                                    {.begin = 400, .rate = 0.25F, .eps = 5e7F},
                                    {.begin = 996, .decay = 0.0F, .rate = 4.0F}};
  check.adam({.members = 2, .params = 1000, .groups = many});
  std::vector<AdamGroup> between_fours = many;
  for (AdamGroup& group : between_fours) group.begin += group.begin > 0 ? 2 : 0;
  check.adam({.members = 2, .params = 1000, .groups = between_fours});
  return check.wrong;
}

}  // namespace scalelaw::cuda
