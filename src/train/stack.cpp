#include "train/stack.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "corpus/sampler.hpp"
#include "train/schedule.hpp"

namespace scalelaw::inline train {
namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

/// A member's batch in micro-batches.
struct BatchSplit {
  std::int64_t parts = 1, windows = 0;  ///< micro-batches, and the windows of each
};
BatchSplit split_of(const StackSetup& setup, const RunSpec& spec) {
  const std::int64_t batch = spec.data.batch_tokens, micro = setup.micro_tokens == 0 ? batch : setup.micro_tokens;
  SCALELAW_CHECK(batch % micro == 0, "micro-batches of {} tokens of {}", micro, batch);
  return {.parts = batch / micro, .windows = micro / setup.layout.model.context};
}

Stack empty_stack(const StackSetup& setup, const std::vector<RunSpec>& specs) {
  Stack stack;
  stack.specs = specs;
  const std::int64_t members = stack.members(), size = members * setup.layout.params;
  stack.parameters = Buffer<float>(setup.device, size);
  stack.gradients = Buffer<float>(setup.device, size);
  stack.moment1 = Buffer<float>(setup.device, size);
  stack.moment2 = Buffer<float>(setup.device, size);
  stack.diverged = Buffer<std::int64_t>(setup.device, members);
  stack.settings = Buffer<AdamSettings>(setup.device, members);
  std::vector<AdamSettings> settings;
  for (const RunSpec& spec : specs) {
    settings.push_back({.beta1 = static_cast<float>(spec.optimizer.beta1),
                        .beta2 = static_cast<float>(beta2_of(spec)),
                        .eps = static_cast<float>(spec.optimizer.eps),
                        .weight_decay = static_cast<float>(spec.optimizer.weight_decay),
                        .clip = static_cast<float>(spec.optimizer.clip)});
  }
  stack.settings.upload(settings);
  stack.curve.loss_sum.assign(index(members), 0);
  stack.curve.norm_sum.assign(index(members), 0);
  const BatchSplit split = split_of(setup, specs.front());
  if (split.parts > 1) stack.micro_gradients = Buffer<float>(setup.device, size);
  const Buffer<float>& written = split.parts > 1 ? stack.micro_gradients : stack.gradients;
  stack.engine = make_engine(setup.engine, setup.layout, setup.device,
                             {.members = members, .parameters = stack.parameters.data(), .gradients = written.data()},
                             setup.precision);
  return stack;
}

AdamScalars scalars_of(const RunSpec& spec, std::int64_t step) {
  const auto done = static_cast<double>(step + 1);
  return {.lr = static_cast<float>(learning_rate(spec, step)),
          .correction1 = static_cast<float>(1 / (1 - std::pow(spec.optimizer.beta1, done))),
          .correction2 = static_cast<float>(1 / (1 - std::pow(beta2_of(spec), done)))};
}

/// Everything the device needs for the next `capacity` steps, so that no step waits for the host.
struct Chunk {
  std::int64_t capacity, context, members;
  BatchSplit split;
  Buffer<WindowOrder> orders;
  Buffer<StepCounters> counters;
  Buffer<AdamScalars> scalars;
  Buffer<float> step_losses, losses, norms;
  Buffer<float> micro_losses;  ///< [K] of a micro-batch; empty where there is one a step
  Buffer<std::int64_t> starts, inputs, targets;
  Buffer<double> scratch;

  Chunk(const StackSetup& setup, const Stack& stack, std::int64_t steps)
      : capacity(steps),
        context(setup.layout.model.context),
        members(stack.members()),
        split(split_of(setup, stack.specs.front())),
        orders(setup.device, members),
        counters(setup.device, 1),
        scalars(setup.device, capacity * members),
        step_losses(setup.device, members),
        losses(setup.device, capacity * members),
        norms(setup.device, capacity * members),
        starts(setup.device, members * split.windows),
        inputs(setup.device, members * split.windows * context),
        targets(setup.device, members * split.windows * context),
        scratch(setup.device, members * kStepScratch) {
    if (split.parts > 1) micro_losses = Buffer<float>(setup.device, members);
    std::vector<WindowOrder> first;
    for (const RunSpec& spec : stack.specs) {
      first.push_back(make_sampler(setup.train.count, spec.data.unique_tokens, context, spec.seed).order());
    }
    orders.upload(first);
  }

  StepTables tables() const {
    return {.counters = counters.data(),
            .scalars = scalars.data(),
            .losses = losses.data(),
            .norms = norms.data(),
            .scratch = scratch.data()};
  }

  void fill(const Stack& stack, std::int64_t steps) {
    std::vector<AdamScalars> now;
    for (std::int64_t step = stack.step; step < stack.step + steps; ++step) {
      for (const RunSpec& spec : stack.specs) now.push_back(scalars_of(spec, step));
    }
    scalars.upload(now);
    counters.upload(std::vector<StepCounters>{{.step = stack.step, .slot = 0}});
  }
};

template <class T>
Region region(const Buffer<T>& buffer) {
  return {.data = buffer.data(), .bytes = static_cast<std::size_t>(buffer.size()) * sizeof(T)};
}

/// The tokens where the device reads them: a copy in its memory, or on a CPU the tokens themselves.
TokenView on_device(const Device& device, const TokenView& tokens, Buffer<char>& copy) {
  if (device.kind == DeviceKind::cpu) return tokens;
  const std::string_view bytes = bytes_of(tokens);
  copy = Buffer<char>(device, static_cast<std::int64_t>(bytes.size()));
  copy.upload(bytes);
  return {.width = tokens.width, .data = copy.data(), .count = tokens.count};
}

/// Queues the losses and gradients of a step: of its micro-batches in their order, which all count the same.
void queue_gradients(const StackSetup& setup, const Stack& stack, const Chunk& chunk) {
  const std::int64_t parts = chunk.split.parts, windows = chunk.split.windows;
  const Batch batch{.inputs = chunk.inputs.data(), .targets = chunk.targets.data(), .windows = windows};
  const bool several = parts > 1;
  for (std::int64_t part = 0; part < parts; ++part) {
    draw_starts(setup.device, chunk.orders.data(), chunk.counters.data(), chunk.members,
                {.all = parts * windows, .first = part * windows, .count = windows}, chunk.starts.data());
    gather_windows(setup.device, setup.train, chunk.starts.data(), chunk.members * windows, chunk.context,
                   chunk.inputs.data(), chunk.targets.data());
    stack.engine.loss_and_grad(batch, several ? chunk.micro_losses.data() : chunk.step_losses.data());
    if (!several) return;
    const auto add = [&](const Buffer<float>& values, const Buffer<float>& sum) {
      weighted_sum(setup.device, {.sum = sum.data(),
                                  .values = values.data(),
                                  .count = values.size(),
                                  .weight = 1.0F / static_cast<float>(parts),
                                  .add = part > 0});
    };
    add(chunk.micro_losses, chunk.step_losses);
    add(stack.micro_gradients, stack.gradients);
  }
}

void add_to_curve(Curve& curve, std::int64_t step, std::int64_t stride, const float* losses, const float* norms) {
  const std::size_t members = curve.loss_sum.size();
  for (std::size_t k = 0; k < members; ++k) {
    curve.loss_sum[k] += static_cast<double>(losses[k]);
    curve.norm_sum[k] += static_cast<double>(norms[k]);
  }
  if (++curve.pending < stride) return;
  curve.steps.push_back(step);
  for (std::size_t k = 0; k < members; ++k) {
    curve.loss.push_back(curve.loss_sum[k] / static_cast<double>(curve.pending));
    curve.norm.push_back(curve.norm_sum[k] / static_cast<double>(curve.pending));
    curve.loss_sum[k] = curve.norm_sum[k] = 0;
  }
  curve.pending = 0;
}

}  // namespace

EngineChoice engine_of(const Job& job, const Device& device) {
  const RunSpec& spec = job.runs.front();
  EngineChoice engine = choose_engine(job.trainer.engine, spec.model, device, spec.precision);
  const std::int64_t micro = job.trainer.micro_tokens;
  if (micro != 0 && micro != spec.data.batch_tokens) {
    engine.reason += fmt::format(", micro-batches of {} of {} tokens", micro, spec.data.batch_tokens);
  }
  return engine;
}

StackSetup make_setup(const ModelSpec& model, const Device& device, Precision precision, const EngineChoice& engine,
                      const Corpus& corpus, std::int64_t curve_stride) {
  StackSetup setup{.layout = make_layout(model),
                   .device = device,
                   .groups = {},
                   .precision = precision,
                   .engine = engine,
                   .train_copy = {},
                   .validation_copy = {},
                   .train = {},
                   .validation = {}};
  setup.groups = Buffer<AdamGroup>(device, static_cast<std::int64_t>(setup.layout.groups.size()));
  setup.groups.upload(setup.layout.groups);
  setup.curve_stride = curve_stride;
  setup.train = on_device(device, corpus.train.view(), setup.train_copy);
  setup.validation = on_device(device, corpus.validation.view(), setup.validation_copy);
  return setup;
}

Stack make_stack(const StackSetup& setup, const std::vector<RunSpec>& specs) {
  Stack stack = empty_stack(setup, specs);
  std::vector<float> row(index(setup.layout.params));
  for (std::int64_t k = 0; k < stack.members(); ++k) {
    const bool as_before = k > 0 && specs[index(k)].seed == specs[index(k - 1)].seed;  // rates of one seed start alike
    if (!as_before) initialize(setup.layout, specs[index(k)].seed, row);
    stack.parameters.upload(row, k * setup.layout.params);
  }
  return stack;
}

Stack copy_members(const StackSetup& setup, const Stack& from, const std::vector<std::size_t>& rows,
                   const std::vector<RunSpec>& specs) {
  SCALELAW_CHECK(rows.size() == specs.size(), "{} rows, {} specs", rows.size(), specs.size());
  Stack stack = empty_stack(setup, specs);
  stack.step = from.step;
  const std::int64_t params = setup.layout.params;
  const std::size_t points = from.curve.steps.size(), old = from.specs.size();
  stack.curve.steps = from.curve.steps;
  stack.curve.pending = from.curve.pending;
  stack.curve.loss.resize(points * rows.size());
  stack.curve.norm.resize(points * rows.size());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const auto to = static_cast<std::int64_t>(k) * params, row = static_cast<std::int64_t>(rows[k]) * params;
    stack.parameters.upload(from.parameters.download(row, params), to);
    stack.moment1.upload(from.moment1.download(row, params), to);
    stack.moment2.upload(from.moment2.download(row, params), to);
    stack.diverged.upload(from.diverged.download(static_cast<std::int64_t>(rows[k]), 1), static_cast<std::int64_t>(k));
    stack.curve.loss_sum[k] = from.curve.loss_sum[rows[k]];
    stack.curve.norm_sum[k] = from.curve.norm_sum[rows[k]];
    for (std::size_t point = 0; point < points; ++point) {
      stack.curve.loss[point * rows.size() + k] = from.curve.loss[point * old + rows[k]];
      stack.curve.norm[point * rows.size() + k] = from.curve.norm[point * old + rows[k]];
    }
  }
  return stack;
}

bool train_stack(const StackSetup& setup, Stack& stack, std::int64_t until, const std::function<bool()>& after) {
  using Clock = std::chrono::steady_clock;
  constexpr double kChunkSeconds = 0.1;
  if (stack.step >= until) return true;
  Chunk chunk(setup, stack, setup.device.kind == DeviceKind::cuda ? 256 : 64);
  const AdamState state{.members = stack.members(),
                        .params = setup.layout.params,
                        .groups = setup.groups.data(),
                        .group_count = setup.groups.size(),
                        .fours = in_fours(setup.layout),
                        .parameters = stack.parameters.data(),
                        .gradients = stack.gradients.data(),
                        .moment1 = stack.moment1.data(),
                        .moment2 = stack.moment2.data(),
                        .settings = stack.settings.data(),
                        .diverged = stack.diverged.data()};
  const auto step = [&] {
    queue_gradients(setup, stack, chunk);
    counted_adam_step(setup.device, state, chunk.tables(), chunk.step_losses.data());
  };
  StepRepeater repeater(setup.device, setup.graph, until - stack.step,
                        {region(stack.parameters), region(stack.moment1), region(stack.moment2), region(stack.diverged),
                         region(chunk.counters), region(chunk.losses), region(chunk.norms)},
                        step);
  // Whether steps are repeated in graphs must not depend on how fast a device is.
  const std::int64_t fewest = setup.device.kind == DeviceKind::cuda ? StepRepeater::kStepsPerGraph : 1;
  std::int64_t steps = 1;
  while (stack.step < until) {
    steps = std::min(steps, until - stack.step);
    const auto start = Clock::now();
    chunk.fill(stack, steps);
    repeater.run(steps);
    stack.repetition = repeater.status();
    const std::vector<float> losses = chunk.losses.download(0, steps * chunk.members);
    const std::vector<float> norms = chunk.norms.download(0, steps * chunk.members);
    for (std::int64_t s = 0; s < steps; ++s) {
      add_to_curve(stack.curve, ++stack.step, setup.curve_stride, losses.data() + s * chunk.members,
                   norms.data() + s * chunk.members);
    }
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    steps = std::clamp<std::int64_t>(std::llround(kChunkSeconds * static_cast<double>(steps) / seconds), fewest,
                                     chunk.capacity);
    if (steps > StepRepeater::kStepsPerGraph) steps -= steps % StepRepeater::kStepsPerGraph;
    if (!after()) return stack.step >= until;
  }
  return true;
}

std::vector<std::vector<double>> evaluate(const StackSetup& setup, const Stack& stack) {
  const std::int64_t context = setup.layout.model.context, members = stack.members();
  const std::int64_t wanted = std::max<std::int64_t>(1, stack.specs.front().data.eval_tokens / context);
  const std::int64_t windows = std::min(wanted, (setup.validation.count - 1) / context);
  if (windows < 1) fail_data("corpus: the validation split has {} tokens, less than a window", setup.validation.count);
  const std::int64_t tokens_at_once = setup.device.kind == DeviceKind::cuda ? kDeviceEvalTokens : 4096;
  const std::int64_t at_once = std::clamp<std::int64_t>(tokens_at_once / (context * members), 1, windows);
  Buffer<std::int64_t> starts(setup.device, members * at_once);
  Buffer<std::int64_t> inputs(setup.device, members * at_once * context),
      targets(setup.device, members * at_once * context);
  Buffer<float> losses(setup.device, members * at_once);
  std::vector<std::vector<double>> result(index(members));
  for (std::int64_t begin = 0; begin < windows; begin += at_once) {
    const std::int64_t n = std::min(at_once, windows - begin);
    std::vector<std::int64_t> first;
    for (std::int64_t row = 0; row < members * n; ++row) first.push_back((begin + row % n) * context);
    starts.upload(first);
    gather_windows(setup.device, setup.validation, starts.data(), members * n, context, inputs.data(), targets.data());
    stack.engine.window_losses({.inputs = inputs.data(), .targets = targets.data(), .windows = n}, losses.data());
    const std::vector<float> values = losses.download(0, members * n);
    for (std::int64_t row = 0; row < members * n; ++row) {
      result[index(row / n)].push_back(static_cast<double>(values[index(row)]));
    }
  }
  return result;
}

}  // namespace scalelaw::inline train
