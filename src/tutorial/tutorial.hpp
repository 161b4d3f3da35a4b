#pragma once
// The classic scaling-law experiments, each a page: a table, a figure and the numbers behind them. Pages of runs take
// records, trained or simulated alike; the others follow from published laws alone.
#include <functional>
#include <string>
#include <vector>

#include "records/records.hpp"
#include "tutorial/tutorial_page.hpp"

namespace scalelaw::inline tutorial {

struct TutorialTopic {
  std::string name;   ///< as `scalelaw tutorial` takes it
  std::string shows;  ///< one line
  std::string study;  ///< configs/tutorial/<study>.toml gives its runs; empty = it needs none
  /// From the records of its runs; none: takeaways, which is made of the other pages.
  std::function<TutorialPage(const std::vector<RunRecord>&)> make;
  bool trainable = true;  ///< false: models too large to train here, simulated with every backend
};
/// Every page, in the order of `scalelaw tutorial all`; takeaways is the last.
[[nodiscard]] const std::vector<TutorialTopic>& tutorial_topics();
/// Errors (config): unknown name, with the near miss and the list.
[[nodiscard]] const TutorialTopic& tutorial_topic(const std::string& name);

/// Sentences made of the numbers of the other pages; what was not computed is not mentioned. No figure.
[[nodiscard]] TutorialPage takeaways_page(const std::vector<TutorialPage>& pages);

}  // namespace scalelaw::inline tutorial
