#include <iostream>

#include "bench/train_bench.hpp"
#include "models/cuda_backend.hpp"
#include "os/error.hpp"
#include "records/shape.hpp"
#include "study/memory.hpp"
#include "train/measure.hpp"

namespace scalelaw::bench {
namespace {

/// A line of standard input.
struct Ask {
  std::string shape;
  Precision precision = Precision::fp32;
  AskedGraph graph = AskedGraph::automatic;
  std::int64_t members = 1;
  double seconds = 1;
  bool memory = false;
};

Ask ask_of(const Json& line) {
  Ask ask;
  ask.shape = line.at("shape").get<std::string>();
  ask.precision = find_named<Precision>(line.value("precision", "fp32")).value();
  ask.graph = find_named<AskedGraph>(line.value("graph", "auto")).value();
  ask.members = line.value("members", ask.members);
  ask.seconds = line.value("seconds", ask.seconds);
  ask.memory = line.value("memory", ask.memory);
  return ask;
}

/// A sweep of learning rates: members start alike and drift apart.
std::vector<RunSpec> specs_of(const Ask& ask) {
  std::vector<RunSpec> specs;
  for (std::int64_t k = 0; k < ask.members; ++k) {
    specs.push_back(spec_of(ask.shape, ask.precision));
    specs.back().optimizer.lr *= 1 + 0.01 * static_cast<double>(k);
  }
  return specs;
}

/// Adds what a job with these members takes of the device: with a branch beside the trunk, and evaluated.
void add_memory(const StackSetup& setup, const Stack& stack, Json& row) {
  const auto corpus = static_cast<double>(bytes_of(setup.train).size() + bytes_of(setup.validation).size());
  row["bytes_predicted"] = device_bytes(stack.specs.front(), stack.members(), corpus);
  std::vector<std::size_t> rows(stack.specs.size());
  for (std::size_t k = 0; k < rows.size(); ++k) rows[k] = k;
  Stack branch = copy_members(setup, stack, rows, stack.specs);
  train_stack(setup, branch, branch.step + 2, [] { return true; });
  (void)evaluate(setup, branch);
  row["bytes_taken"] = cuda::memory_use().taken;
}

Json row_of(const Ask& ask, const Device& device, const Corpus& corpus) {
  const std::vector<RunSpec> specs = specs_of(ask);
  const RunSpec& spec = specs.front();
  const ModelSpec& model = spec.model;
  const auto tokens = static_cast<double>(spec.data.batch_tokens * ask.members);
  Json row = {{"shape", ask.shape},
              {"n_layer", model.n_layer},
              {"d_model", model.d_model},
              {"d_head", model.d_head},
              {"context", model.context},
              {"vocab", model.vocab},
              {"params", count_params(model).total},
              {"members", ask.members},
              {"batch_tokens", spec.data.batch_tokens},
              {"precision", ask.precision},
              {"graph", ask.graph},
              {"flops_per_step", tokens * flops_per_token(model)}};
  const EngineChoice engine = choose_engine(AskedEngine::torch, model, device, ask.precision);
  StackSetup setup = make_setup(model, device, ask.precision, engine, corpus, /*curve_stride=*/1);
  setup.graph = ask.graph;
  Stack stack = make_stack(setup, specs);
  const double step_s = step_seconds(setup, stack, ask.seconds);
  row["engine"] = stack.engine.name;
  row["step_s"] = step_s;
  row["tokens_per_s"] = tokens / step_s;
  row["repetition"] = stack.repetition.what;
  row["commands_per_step"] = stack.repetition.commands_per_step;
  if (device.kind == DeviceKind::cuda && ask.memory) add_memory(setup, stack, row);
  return row;
}

}  // namespace

void sweep(const std::string& device_name, const std::string& folder) {
  const Corpus corpus = load_corpus(folder);
  const Device device = open_device(find_named<DeviceKind>(device_name).value());
  answer({{"device", device.name}});
  for (std::string line; std::getline(std::cin, line);) {
    const Ask ask = ask_of(Json::parse(line));
    Json row = {{"shape", ask.shape}, {"members", ask.members}, {"precision", ask.precision}, {"graph", ask.graph}};
    try {
      row = row_of(ask, device, corpus);
    } catch (const std::exception& e) {
      const std::string what = e.what();
      row["error"] = what.substr(0, what.find('\n'));
    }
    answer(row);  // before anything that may fail where the device is in no good state
    cuda::release_unused();
  }
}

}  // namespace scalelaw::bench
