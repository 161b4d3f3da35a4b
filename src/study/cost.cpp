#include "study/cost.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

#include "core/format.hpp"
#include "design/plan.hpp"
#include "law/shape.hpp"

namespace scalelaw {
namespace {

double wide(std::int64_t n) { return static_cast<double>(n); }

/// What models/native takes; tests/train compares with its own limits.
bool native_takes(const ModelSpec& m) { return m.d_head <= 64 && m.context <= 512 && m.vocab <= 65536; }

/// Packed weights, forward and backward, and the activations of one chunk of windows (models/native/step.cpp).
double native_floats(const ModelSpec& m) {
  constexpr double kChunkTokens = 256, kPadding = 16;
  const double width = wide(m.n_head * m.d_head), c = wide(m.d_model) + kPadding, f = wide(m.d_ff) + kPadding;
  const double context = wide(m.context), heads = wide(m.n_head), tokens = std::max(kChunkTokens, context);
  const double layer = 2 * c + 4 * width + 2 * kPadding + heads * (context + kPadding) + 2 * f + 3 * heads + 2;
  const double weights =
      wide(m.n_layer) * (4 * c * (width + kPadding) + 2 * c * f) + c * (wide(m.vocab) + 2 * kPadding);
  const double rest = 4 * c + 4 * (width + kPadding) + f + wide(m.vocab) + kPadding + 2;
  const double scratch = (context + kPadding) * (context + 4 * wide(m.d_head) + 2 * kPadding);
  return 2 * weights + tokens * (wide(m.n_layer) * layer + rest) + scratch;
}

/// Buffers of the torch engine (models/torch/work.cpp) for one token of one member.
double torch_floats(const ModelSpec& m) {
  const double width = wide(m.n_head * m.d_head), scores = wide(m.n_head * m.context), c = wide(m.d_model),
               f = wide(m.d_ff), heads = wide(m.n_head);
  const double layer = 2 * c + 6 * width + scores + 2 * f + 2 + 2 * heads;
  return wide(m.n_layer) * layer + 4 * c + 14 * width + scores + 2 * f + wide(m.vocab) + 2 * heads + 3;
}

/// Bytes of the torch engines of a trunk and a branch. They work in turns, so there is one set of temporaries. For bf16
/// each keeps its parameters in bf16 too, and products make copies of their factors and results.
double torch_bytes(const RunSpec& spec, double members) {
  constexpr double kFloat = 4, kCopies = 4;
  const ModelSpec& m = spec.model;
  const bool bf16 = spec.precision == "bf16";
  const std::int64_t widest = std::max({m.vocab, 3 * m.n_head * m.d_head, m.d_ff});
  const double temporary = wide(2 * m.n_head * m.d_head + m.n_head * m.context + (bf16 ? widest : 0));
  return kFloat * members * wide(spec.data.batch_tokens) * (2 * torch_floats(m) + temporary) +
         (bf16 ? kCopies * members * wide(count_params(m).total) : 0);
}

double engine_bytes(const RunSpec& spec, double members, const std::string& engine) {
  const bool torch = engine == "torch" || (engine == "auto" && !native_takes(spec.model));
  return torch ? torch_bytes(spec, members) : 2 * sizeof(float) * native_floats(spec.model);
}

}  // namespace

std::vector<std::vector<RunSpec>> members_of(const std::vector<RunSpec>& runs) {
  std::map<std::tuple<double, std::int64_t, std::string>, std::vector<RunSpec>> groups;
  for (const RunSpec& run : runs) groups[{run.optimizer.lr, run.seed, member_id(run)}].push_back(run);
  std::vector<std::vector<RunSpec>> members;
  for (auto& [order, group] : groups) members.push_back(std::move(group));
  return members;
}

double job_bytes(const std::vector<RunSpec>& runs, const std::string& engine) {
  constexpr double kProgram = 300e6, kMember = 80, kTokenIds = 2 * 16;
  const RunSpec& spec = runs.front();
  const double members = wide(std::ssize(members_of(runs)));
  return kProgram + kMember * members * wide(count_params(spec.model).total) +
         kTokenIds * members * wide(spec.data.batch_tokens) + engine_bytes(spec, members, engine);
}

bool fits(const std::vector<RunSpec>& runs, const JobLimit& limit) {
  return limit.bytes <= 0 || job_bytes(runs, limit.engine) <= limit.bytes;
}

std::vector<std::vector<RunSpec>> split_to_fit(std::vector<RunSpec> runs, const JobLimit& limit) {
  const std::vector<std::vector<RunSpec>> members = members_of(runs);
  const double wanted = limit.flops > 0 ? training_flops(runs) / limit.flops : 1;
  const auto least = static_cast<std::size_t>(std::clamp(std::floor(wanted), 1.0, wide(std::ssize(members))));
  if (least == 1 && fits(runs, limit)) return {std::move(runs)};
  for (std::size_t jobs = least; jobs <= members.size(); ++jobs) {
    std::vector<std::vector<RunSpec>> parts(jobs);
    for (std::size_t i = 0; i < members.size(); ++i) {
      std::vector<RunSpec>& part = parts[i * jobs / members.size()];
      part.insert(part.end(), members[i].begin(), members[i].end());
    }
    if (std::ranges::all_of(parts, [&](const auto& part) { return fits(part, limit); })) return parts;
  }
  fail_config(
      "{}: one run takes {} of memory on a CPU, but a worker may take {}; raise backend.memory_mib, lower "
      "backend.workers, or train on CUDA",
      shape_name(runs.front().model), short_bytes(job_bytes(members.front(), limit.engine)), short_bytes(limit.bytes));
}

double job_seconds(const std::vector<RunSpec>& runs, const Speed& speed) {
  double steps = 0, evaluated = 0;
  for (const std::vector<RunSpec>& member : members_of(runs)) {
    std::int64_t trunk = 0;
    for (const RunSpec& run : member) {
      const std::int64_t own = trunk_id(run).empty() ? run_steps(run) : cooldown_steps(run);
      steps += wide(own);
      trunk = std::max(trunk, run_steps(run) - own);
      evaluated += wide(run.data.eval_tokens);
    }
    steps += wide(trunk);
  }
  return speed.start_s + steps * speed.member_step_s + evaluated * speed.eval_token_s;
}

double schedule_seconds(const std::vector<double>& jobs, std::int64_t workers) {
  std::vector<double> busy(static_cast<std::size_t>(std::max<std::int64_t>(1, workers)), 0.0);
  for (const double seconds : jobs) *std::ranges::min_element(busy) += seconds;
  return std::ranges::max(busy);
}

}  // namespace scalelaw
