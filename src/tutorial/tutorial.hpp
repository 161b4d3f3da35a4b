#pragma once
// The classic scaling-law experiments, each a page: a table, a figure and the numbers behind them. Pages of runs take
// records, trained or simulated alike; the others follow from published laws alone.
#include <string>
#include <vector>

#include "core/json.hpp"
#include "records/observation.hpp"
#include "records/records.hpp"
#include "report/figure.hpp"

namespace scalelaw {

struct TutorialTopic {
  std::string name;       ///< as `scalelaw tutorial` takes it
  std::string shows;      ///< one line
  std::string study;      ///< configs/tutorial/<study>.toml gives its runs; empty = it needs none
  bool trainable = true;  ///< false: models too large to train here, simulated with every backend
};
/// Every page, in the order of `scalelaw tutorial all`; takeaways is the last.
[[nodiscard]] const std::vector<TutorialTopic>& tutorial_topics();
/// Errors (config): unknown name, with the near miss and the list.
[[nodiscard]] const TutorialTopic& tutorial_topic(const std::string& name);

struct TutorialPage {
  std::string name;
  std::string text = {};          ///< for a terminal: title, table, what follows from it; ends with a newline
  Json numbers = Json::object();  ///< what the table and the text say, unrounded
  Figure figure = {};             ///< no panels = no plot
};

/// GPT-3 as its authors trained it: 175e9 parameters, 300e9 tokens (Brown et al. 2020, arXiv 2005.14165, Table 2.1).
[[nodiscard]] Scale gpt3_scale();

/// Optimum at `flops` read off the tables that Hoffmann et al. 2022 (arXiv 2203.15556) print for a range of models
/// (approach 1: Table 3; approach 2: Table A3): power laws in C between neighbouring rows, and those of the outermost
/// rows beyond them. The rows are rounded: 6 N D differs from C by up to 5 %.
/// @param approach 1 or 2; approach 3 is the law hoffmann2022
/// Errors (config): another approach; flops that are not positive.
[[nodiscard]] Scale hoffmann_table_optimum(int approach, double flops);

// Pages without runs (tutorial_laws.cpp).
[[nodiscard]] TutorialPage curve_page();       ///< L(N) of Kaplan et al. 2020 over 1e6 .. 1e11, GPT-3 marked
[[nodiscard]] TutorialPage allocation_page();  ///< N*, D*, D*/N* over 1e18 .. 1e22 FLOPs under five sources
[[nodiscard]] TutorialPage gpt3_page();        ///< GPT-3's N and D against the optimum for 6 N D under each source

// Pages of runs (tutorial_runs.cpp, tutorial_compute.cpp, tutorial_counting.cpp). N counts all parameters, C = 6 N D,
// learning rates are tuned per point. Errors (data): too few completed runs for the page, saying how many it needs.
[[nodiscard]] TutorialPage model_size_page(const std::vector<RunRecord>& records);  ///< loss against N at fixed D
[[nodiscard]] TutorialPage data_size_page(const std::vector<RunRecord>& records);   ///< loss against D at fixed N
[[nodiscard]] TutorialPage compute_optimal_page(const std::vector<RunRecord>& records);
/// Three shapes at one compute, several seeds: the differences are paired by seed, with Student's t intervals.
[[nodiscard]] TutorialPage strategies_page(const std::vector<RunRecord>& records);
/// The law of model_size_page's records far beyond them.
[[nodiscard]] TutorialPage extrapolate_page(const std::vector<RunRecord>& records);

/// The compute frontier of one set of records under two counts of N, by the records' own parameters and tokens: the
/// exponents of Kaplan et al. and of Hoffmann et al. (Pearce and Song 2024, arXiv 2406.12907).
[[nodiscard]] TutorialPage counting_page(const std::vector<RunRecord>& records);

/// Sentences made of the numbers of the other pages; what was not computed is not mentioned. No figure.
[[nodiscard]] TutorialPage takeaways_page(const std::vector<TutorialPage>& pages);

}  // namespace scalelaw
