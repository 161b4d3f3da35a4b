#pragma once
// What a reader needs to repeat a scaling study, filled in from it.
#include <string>
#include <vector>

#include "analysis/analysis.hpp"

namespace scalelaw::inline analysis {

struct ChecklistItem {
  std::string part;      ///< "Form", "Training", "Data", "Fit"
  std::string question;  ///< in this program's words
  std::string answer;    ///< never empty: what is not known is said to be so
};

/// The checklist for studies of scaling laws of Li, Kudugunta and Zettlemoyer 2025, "(Mis)Fitting: a survey of scaling
/// laws", arXiv 2502.18969 (its four parts: the form fitted, the training setup, the data taken from it, the fitting
/// algorithm), answered from the analysis. Observations without records answer less: the rest is said to be unknown.
[[nodiscard]] std::vector<ChecklistItem> checklist(const Analysis& analysis);

}  // namespace scalelaw::inline analysis
