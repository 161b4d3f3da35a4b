#pragma once
// One page of the tutorial.
#include <string>

#include "core/json.hpp"
#include "report/figure.hpp"

namespace scalelaw::inline tutorial {

struct TutorialPage {
  std::string name;
  std::string text = {};          ///< for a terminal: title, table, what follows from it; ends with a newline
  Json numbers = Json::object();  ///< what the table and the text say, unrounded
  Figure figure = {};             ///< no panels = no plot
};

}  // namespace scalelaw::inline tutorial
