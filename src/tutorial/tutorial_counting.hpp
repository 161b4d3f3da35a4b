#pragma once
// The page of two ways to count N. Errors (data): too few completed runs, saying how many it needs.
#include <vector>

#include "records/records.hpp"
#include "tutorial/tutorial_page.hpp"

namespace scalelaw::inline tutorial {

/// The compute frontier of one set of records under two counts of N, by the records' own parameters and tokens: the
/// exponents of Kaplan et al. and of Hoffmann et al. (Pearce and Song 2024, arXiv 2406.12907).
[[nodiscard]] TutorialPage counting_page(const std::vector<RunRecord>& records);

}  // namespace scalelaw::inline tutorial
