#pragma once
// The answer of an analysis in sentences that need no other page.
#include <string>
#include <vector>

#include "analysis/analysis.hpp"

namespace scalelaw::inline analysis {

/// The allocation at the user's budget: the first of analysis.budgets, else the largest budget of the design. Null
/// where no law gives one.
[[nodiscard]] const Allocation* headline_allocation(const Analysis& analysis);

/// The law that the points rejected in the choice of the one that answers; null where none was rejected.
[[nodiscard]] const NestedTest* rejected_law(const Analysis& analysis);

/// "The law outer answers, since ...".
[[nodiscard]] std::string reason_sentence(const LawChoice& choice);

/// "p < 0.003" where no draw reaches the statistic, else "p = 0.2".
[[nodiscard]] std::string p_text(const NestedTest& test);

/// One sentence: what to train with the user's budget, its loss, each with its 95 % interval, under which law, and
/// which law was rejected. Where nothing can be said: why.
[[nodiscard]] std::string answer_sentence(const Analysis& analysis);

/// How the law fitted to the smaller budgets predicts the largest one, a sentence; empty where nothing was held out.
[[nodiscard]] std::string forecast_sentence(const Analysis& analysis);

/// What the runs took: their number, FLOPs, and the time from the first start to the last end; a sentence.
[[nodiscard]] std::string cost_sentence(const Analysis& analysis);

/// What says whether the form of the law suits the points, each with its result: the nested test of the choice, the
/// F test of the fit's residuals, and losses that the fit has not seen. Of these the power is known (docs/METHODS.md);
/// a straight line through residuals against N, D or D/N has next to none, since the fit has taken it out.
[[nodiscard]] std::vector<std::string> form_tests(const Analysis& analysis);

}  // namespace scalelaw::inline analysis
