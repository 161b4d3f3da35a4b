#include <algorithm>

#include "bench/train_bench.hpp"
#include "cuda/stacked.hpp"
#include "train/stack.hpp"

namespace scalelaw::bench {
namespace {

struct Case {
  std::int64_t d_model, n_layer, d_head, context, vocab, members, windows;
  QkScale scale = QkScale::learned;
  bool tied = false;
};
/// Every way through the kernels: tied or not, scores with learned scales or none, one member and several, odd widths,
/// a vocabulary for a warp or a block. The smallest has no learned scales: their gradients, sums of terms that cancel,
/// would be mostly rounding in bf16 over its 24 tokens.
constexpr Case kCases[] = {
    {16, 2, 8, 12, 20, 3, 2, QkScale::none, true}, {64, 2, 16, 64, 128, 4, 4},   {96, 3, 48, 100, 257, 3, 2},
    {32, 1, 32, 33, 2000, 2, 3, QkScale::none},    {128, 4, 32, 256, 128, 2, 2}, {256, 2, 64, 512, 256, 1, 1}};

ModelSpec model_of(const Case& c) {
  return {.d_model = c.d_model,
          .n_layer = c.n_layer,
          .d_head = c.d_head,
          .n_head = c.d_model / c.d_head,
          .d_ff = 4 * c.d_model,
          .context = c.context,
          .vocab = c.vocab,
          .tie_embeddings = c.tied,
          .qk_scale = {.name = c.scale}};
}

/// A step on the device against the CPU in fp32 with attention by products, which has no kernel in common with it.
Json step_row(const Case& c, DeviceKind device, Precision precision) {
  const ModelSpec model = model_of(c);
  cuda::Stacked found(device, model, c.members, c.windows, {.precision = precision, .attention = AttentionBy::sdpa});
  cuda::Stacked reference(DeviceKind::cpu, model, c.members, c.windows,
                          {.precision = Precision::fp32, .attention = AttentionBy::products});
  for (cuda::Stacked* one : {&found, &reference}) {
    one->step();
    one->step();  // the second must not depend on what the first left behind
  }
  const double loss = cuda::distance(found.losses.download(), reference.losses.download());
  double worst = 0;
  std::string worst_slice;
  for (const Slice& slice : reference.layout.slices) {
    for (std::int64_t k = 0; k < c.members; ++k) {
      const std::int64_t at = k * reference.layout.params + slice.offset;
      const double gradient =
          cuda::distance(found.gradients.download(at, slice.size()), reference.gradients.download(at, slice.size()));
      if (!(gradient <= worst)) {
        worst = gradient;
        worst_slice = slice.name;
      }
    }
  }
  const cuda::Limits limits = cuda::limits_of(precision);
  return {{"what", "step"},
          {"shape",
           fmt::format("L{}C{}T{}D{}V{}{}", c.n_layer, c.d_model, c.context, c.d_head, c.vocab, c.tied ? " tied" : "")},
          {"members", c.members},
          {"precision", precision},
          {"engine", found.engine.name},
          {"loss_distance", finite_or_null(loss)},
          {"gradient_distance", finite_or_null(worst)},
          {"worst_slice", worst_slice},
          {"loss_limit", limits.loss},
          {"gradient_limit", limits.gradient},
          {"ok", loss <= limits.loss && worst <= limits.gradient}};
}

/// Training with steps in graphs against training with single steps.
Json graph_row(const Device& device, const Corpus& corpus, Precision precision) {
  const char* shape = "L2C64T64B4D16";
  std::vector<RunSpec> specs = {spec_of(shape, precision), spec_of(shape, precision)};
  specs[1].seed = 1;
  const EngineChoice engine = choose_engine(AskedEngine::torch, specs[0].model, device, precision);
  StackSetup setup = make_setup(specs[0].model, device, precision, engine, corpus, /*curve_stride=*/1);
  const auto trained = [&](AskedGraph graph) {
    setup.graph = graph;
    Stack stack = make_stack(setup, specs);
    train_stack(setup, stack, StepRepeater::kWorthwhileSteps + 7, [] { return true; });
    return stack;
  };
  const Stack graphs = trained(AskedGraph::automatic), steps = trained(AskedGraph::off);
  const bool equal = graphs.parameters.download() == steps.parameters.download() &&
                     graphs.moment2.download() == steps.moment2.download() && graphs.curve.loss == steps.curve.loss;
  return {{"what", "graph"},
          {"shape", shape},
          {"members", specs.size()},
          {"precision", precision},
          {"equal", equal},
          {"repetition", graphs.repetition.what},
          {"commands_per_step", graphs.repetition.commands_per_step},
          {"ok", equal && !graphs.repetition.fell_back}};
}

}  // namespace

bool agreement(const std::string& device_name, const std::string& folder) {
  bool ok = true;
  const auto say = [&](const Json& row) {
    ok = ok && row.at("ok").get<bool>();
    answer(row);
  };
  const DeviceKind kind = find_named<DeviceKind>(device_name).value();
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    for (const Case& c : kCases) say(step_row(c, kind, precision));
  }
  const Device device = open_device(kind);
  if (device.kind != DeviceKind::cuda) return ok;
  const Corpus corpus = load_corpus(folder);
  for (const Precision precision : {Precision::fp32, Precision::bf16}) say(graph_row(device, corpus, precision));
  return ok;
}

}  // namespace scalelaw::bench
