#pragma once
// Which law a fit on the command line answers with.
#include <vector>

#include "cli/fit_arguments.hpp"
#include "cli/fit_input.hpp"
#include "fit/choice.hpp"

namespace scalelaw::cli {

/// Without --law, --laws and constants that belong to one, a study's law is chosen as its report chooses it: sets
/// arguments.laws.
void take_laws(FitArguments& arguments, const FitSources& source, const CLI::App& command);

/// The choice among arguments.laws, with the budgets that a study planned.
[[nodiscard]] LawChoice choose_for(const FitInput& input, const FitArguments& arguments,
                                   const std::vector<Observation>& budgeted);

/// For fits that stand beside a law or under several conventions: makes the choice once, under the convention asked
/// for, and leaves the law that answers in arguments.options. Nothing where there is nothing to choose.
void settle_law(FitArguments& arguments, const FitSources& source);

}  // namespace scalelaw::cli
