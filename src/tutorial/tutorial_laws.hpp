#pragma once
// Pages that follow from published laws and tables, without runs.
#include "records/observation.hpp"
#include "tutorial/tutorial_page.hpp"

namespace scalelaw::inline tutorial {

/// GPT-3 as its authors trained it: 175e9 parameters, 300e9 tokens (Brown et al. 2020, arXiv 2005.14165, Table 2.1).
[[nodiscard]] Scale gpt3_scale();

/// Optimum at `flops` read off the tables that Hoffmann et al. 2022 (arXiv 2203.15556) print for a range of models
/// (approach 1: Table 3; approach 2: Table A3): power laws in C between neighbouring rows, and those of the outermost
/// rows beyond them. The rows are rounded: 6 N D differs from C by up to 5 %.
/// @param approach 1 or 2; approach 3 is the law hoffmann2022
/// Errors (config): another approach; flops that are not positive.
[[nodiscard]] Scale hoffmann_table_optimum(int approach, double flops);

[[nodiscard]] TutorialPage curve_page();       ///< L(N) of Kaplan et al. 2020 over 1e6 .. 1e11, GPT-3 marked
[[nodiscard]] TutorialPage allocation_page();  ///< N*, D*, D*/N* over 1e18 .. 1e22 FLOPs under five sources
[[nodiscard]] TutorialPage gpt3_page();        ///< GPT-3's N and D against the optimum for 6 N D under each source

}  // namespace scalelaw::inline tutorial
