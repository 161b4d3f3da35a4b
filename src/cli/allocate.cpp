// scalelaw allocate: how to spend a compute budget.
#include "alloc/allocate.hpp"

#include <memory>

#include "cli/cli.hpp"
#include "cli/law_source.hpp"

namespace scalelaw::cli {
namespace {

struct AllocateArguments {
  LawArguments law;
  std::vector<double> flops;
  AllocationRequest request;
};

ExitCode allocate_all(const Globals& globals, const AllocateArguments& arguments) {
  const auto source = load_law(arguments.law);
  std::vector<Allocation> allocations;
  const auto add = [&](const AllocationRequest& request) {
    allocations.push_back(std::visit([&](const auto& law) { return allocate(law, request); }, source));
  };
  if (arguments.flops.empty()) add(arguments.request);
  for (const double flops : arguments.flops) {
    AllocationRequest request = arguments.request;
    request.flops = flops;
    add(request);
  }
  print(globals, describe(allocations));
  emit_json(globals, allocations.size() == 1 ? to_json(allocations.front()) : to_json(allocations));
  return ExitCode::ok;
}

}  // namespace

void add_allocate(CLI::App& app, const Globals& globals, Action& action) {
  auto arguments = std::make_shared<AllocateArguments>();
  AllocationRequest& request = arguments->request;
  CLI::App* command = app.add_subcommand("allocate", "how many parameters and tokens to spend a compute budget on");
  add_law_arguments(*command, arguments->law);
  command->add_option("--flops", arguments->flops, "training compute, FLOPs; several give a table")
      ->transform(count_number());
  command->add_option("--params", request.params, "fixed model: the tokens for which it is compute-optimal")
      ->transform(count_number());
  command->add_option("--tokens", request.tokens, "fixed data: the model for which they are compute-optimal")
      ->transform(count_number());
  command->add_option("--loss", request.loss,
                      "target loss, in nats per token or the unit of the fit: the cheapest compute that reaches it");
  command
      ->add_option("--inference-tokens", request.inference_tokens,
                   "tokens served after training, 2 N FLOPs each; --flops then pays for both")
      ->transform(count_number());
  command
      ->add_option("--unique-tokens", request.unique_tokens,
                   "distinct training tokens there are; repeats are worth less")
      ->transform(count_number());
  command->add_option("--d-head", request.shapes.d_head, "width of a head of the shape proposed")
      ->check(CLI::PositiveNumber);
  command->add_option("--vocab", request.shapes.vocab, "vocabulary of the shape proposed")->check(CLI::PositiveNumber);
  command
      ->add_option("--aspect", request.shapes.aspect, "d_model / n_layer of the shape proposed, within a factor of 1.6")
      ->check(CLI::PositiveNumber);
  command->callback(
      [arguments, &globals, &action] { action = [arguments, &globals] { return allocate_all(globals, *arguments); }; });
}

}  // namespace scalelaw::cli
