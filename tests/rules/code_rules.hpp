#pragma once
// Rules about what the code says: names of types, names that are compared, length of functions.
#include "rules/rules.hpp"

namespace scalelaw::rules {

/// Types that a header declares outside of others: two of one name break the one-definition rule where both are linked.
inline Violations types_have_one_place(const Tree& tree) {
  static const std::regex type(R"re(^(?:struct|class|enum|enum class) (\w+)(?: final)?(?: : [\w:<> ]+)? \{)re");
  std::map<std::string, std::string> known;
  Violations found;
  const auto wanted = [](const std::string& path) { return is_product(path) && is_header(path); };
  each_line(tree, wanted, [&](const std::string& path, int number, const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, type)) return;
    const auto [first, fresh] = known.emplace(match[1].str(), path);
    if (!fresh) found.push_back(at(path, number, match[1].str() + " is a type of " + first->second + " too"));
  });
  return found;
}

/// The names in every table `names_of` of the tree (src/core/names.hpp).
inline std::set<std::string> names_of_enums(const Tree& tree) {
  static const std::regex table(R"re(names_of\(\w+\) \{\s*return \{([^}]*)\})re");
  static const std::regex name(R"re("([^"]+)")re");
  std::set<std::string> names;
  for (const auto& [path, text] : tree) {
    if (!is_product(path)) continue;
    for (std::sregex_iterator it(text.begin(), text.end(), table), end; it != end; ++it) {
      const std::string list = (*it)[1].str();
      for (std::sregex_iterator one(list.begin(), list.end(), name); one != end; ++one) names.insert((*one)[1].str());
    }
  }
  return names;
}

/// A name of an enum is never compared as a string: the enum is.
inline Violations enums_are_compared_as_enums(const Tree& tree) {
  // words that are names of other things too, which are no enums: engines, starts, graphs, the lack of something
  static const std::set<std::string> elsewhere = {"auto", "none", "grid"};
  // files that read a status out of JSON that is not theirs to read whole
  static const std::set<std::string> readers = {"src/sim/resolve.cpp"};
  static const std::regex comparison(R"re((?:[=!]= |starts_with\(|ends_with\()"([^"]*)"|"([^"]*)" [=!]=)re");
  const std::set<std::string> names = names_of_enums(tree);
  Violations found;
  const auto wanted = [](const std::string& path) { return is_product(path) && is_cpp(path); };
  each_line(tree, wanted, [&](const std::string& path, int number, const std::string& line) {
    const std::string code = code_of(line);
    for (std::sregex_iterator it(code.begin(), code.end(), comparison), end; it != end; ++it) {
      const std::string word = (*it)[1].matched ? (*it)[1].str() : (*it)[2].str();
      if (names.contains(word) && !elsewhere.contains(word) && !readers.contains(path)) {
        found.push_back(at(path, number, "compares with \"" + word + "\", which is a name of an enum"));
      }
    }
  });
  return found;
}

/// Functions that stand at the start of a line, formatted as .clang-format has them: from the line of the name to "}".
inline Violations functions_are_short(const Tree& tree, int most_lines = 60) {
  // path and first words of the longer ones, and why
  static const std::set<std::string> exceptions = {
      "src/records/columns.cpp const std::vector<Known>& known()",  // a table of names
      "src/fit/surface.cpp SCALELAW_INLINE void sums(",             // one loop that must stay in registers
      "src/law/laws.cpp void loss_gradient(",                       // a case for each law
      "src/core/newton.cpp NewtonResult minimise(",                 // one loop, its state is local
      "src/report/figures_runs.cpp Figure isoflop_figure(",         // from here on: pages and figures, top to bottom
      "src/report/figures_runs.cpp Figure sweeps_figure(",          //
      "src/tutorial/tutorial_runs.cpp TutorialPage size_page(",     //
      "src/tutorial/tutorial_runs.cpp TutorialPage extrapolate_page(",  //
      "src/tutorial/tutorial_compute.cpp TutorialPage compute_optimal_page(",
      "src/tutorial/tutorial_compute.cpp TutorialPage strategies_page("};
  static const std::regex head(R"re(^(?!(?:namespace|struct|class|enum|using)\b|#|//|constexpr std)[A-Za-z].*\()re");
  Violations found;
  for (const auto& [path, text] : tree) {
    if (!is_product(path) || !is_cpp(path)) continue;
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!std::regex_search(lines[i], head)) continue;
      std::size_t open = i;
      while (open < lines.size() && open < i + 6 && !lines[open].ends_with("{") && !lines[open].ends_with(";") &&
             !lines[open].ends_with("}")) {
        ++open;
      }
      if (open >= lines.size() || !lines[open].ends_with("{")) continue;
      std::size_t close = open;
      while (close < lines.size() && lines[close] != "}") ++close;
      const auto length = static_cast<int>(close - i + 1);
      const std::string name = path + " " + lines[i].substr(0, lines[i].find('(') + 1);
      const bool known = std::ranges::any_of(exceptions, [&](const std::string& e) { return e.starts_with(name); });
      if (length > most_lines && !known) {
        found.push_back(at(path, static_cast<int>(i) + 1, "a function of " + std::to_string(length) + " lines"));
      }
      i = close;
    }
  }
  return found;
}

}  // namespace scalelaw::rules
