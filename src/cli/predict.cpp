// scalelaw predict: the loss of a model trained on so many tokens.
#include "alloc/predict.hpp"

#include <memory>

#include "cli/cli.hpp"
#include "cli/law_source.hpp"

namespace scalelaw::cli {
namespace {

struct PredictArguments {
  LawArguments law;
  LawPoint point;
};

}  // namespace

void add_predict(CLI::App& app, const Globals& globals, Action& action) {
  auto arguments = std::make_shared<PredictArguments>();
  CLI::App* command = app.add_subcommand(
      "predict", "the loss of a model of N parameters trained on D tokens, or of what the law asks for");
  add_law_arguments(*command, arguments->law);
  command->add_option("--params", arguments->point.params, "parameters N, counted as the law counts them")
      ->transform(count_number());
  command->add_option("--tokens", arguments->point.tokens, "training tokens D")->transform(count_number());
  command->add_option("--flops", arguments->point.flops, "training FLOPs C, for a law of the compute alone")
      ->transform(count_number());
  command
      ->add_option("--unique-tokens", arguments->point.unique_tokens,
                   "distinct training tokens; needs a law of repeats")
      ->transform(count_number());
  command
      ->add_option("--steps", arguments->point.steps,
                   "S_min: steps at a batch far above the critical one, for kaplan-steps")
      ->transform(count_number());
  command->callback([arguments, &globals, &action] {
    action = [arguments, &globals] {
      const auto source = load_law(arguments->law);
      const Prediction prediction = std::visit([&](const auto& law) { return predict(law, arguments->point); }, source);
      print(globals, describe(prediction));
      emit_json(globals, to_json(prediction));
      return ExitCode::ok;
    };
  });
}

}  // namespace scalelaw::cli
