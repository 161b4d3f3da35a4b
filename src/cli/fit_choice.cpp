#include "cli/fit_choice.hpp"

#include <algorithm>

#include "cli/fit_budgets.hpp"
#include "fit/budgets.hpp"

namespace scalelaw::cli {

void take_laws(FitArguments& arguments, const FitSources& source, const CLI::App& command) {
  if (!source.chooses_law || !arguments.laws.empty()) return;
  constexpr std::array kOfOneLaw = {"--law", "--fix", "--offset", "--starts"};
  const bool one = std::ranges::any_of(kOfOneLaw, [&](const char* name) {
    return command.get_option_no_throw(name) != nullptr && command.count(name) > 0;
  });
  if (!one) arguments.laws = laws_to_choose_from();
}

LawChoice choose_for(const FitInput& input, const FitArguments& arguments, const std::vector<Observation>& budgeted) {
  FitOptions options = arguments.options;
  if (!options.noise) options.noise = input.noise;
  std::vector<Observation> points = input.points;
  if (!budgeted.empty()) copy_budgets(budgeted, points);
  return choose_law(points, arguments.laws, options);
}

void settle_law(FitArguments& arguments, const FitSources& source) {
  if (arguments.laws.empty()) return;
  FitArguments plain = arguments;
  plain.options.method = Method::parametric;
  plain.options.profile = plain.options.goodness = plain.options.jackknife = false;
  plain.options.rollout.reset();
  const FitInput input = observe_sources(source, arguments.options.convention, arguments.min_steps, false);
  const LawChoice choice = choose_for(input, plain, budgeted_points(arguments.inputs, source, arguments.min_steps));
  arguments.options.law = choice.answer().law;
  arguments.laws.clear();
}

}  // namespace scalelaw::cli
