#pragma once
// Rules about what the code says: names of types, names that are compared, length of functions.
#include "rules/rules.hpp"

namespace scalelaw::rules {

/// Types defined outside of others have names of their own. Two of one name in headers break the one-definition rule
/// where both are linked; one in a source misleads those who know the other.
inline Violations types_have_one_place(const Tree& tree) {
  static const std::regex type(R"re(^(?:struct|class|enum|enum class) (\w+)(?: final)?(?: : [\w:<> ]+)? \{)re");
  std::map<std::string, std::string> known;
  Violations found;
  const auto see = [&](const std::string& path, int number, const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, type)) return;
    const auto [first, fresh] = known.emplace(match[1].str(), path);
    if (!fresh) found.push_back(at(path, number, match[1].str() + " is a type of " + first->second + " too"));
  };
  const auto header = [](const std::string& path) { return is_product(path) && is_header(path); };
  const auto source = [](const std::string& path) { return is_product(path) && is_cpp(path) && !is_header(path); };
  each_line(tree, header, see);  // first, so that it is the source that has to change
  each_line(tree, source, see);
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
    // Tables with one line a value, src/law/kinds.hpp and src/fit/options.hpp.
    static const std::regex line(R"re(\b(?:LAW\(\w+, "|METHOD\()([a-z-]+)"?\))re");
    for (std::sregex_iterator it(text.begin(), text.end(), line), end; it != end; ++it) names.insert((*it)[1].str());
  }
  return names;
}

/// A name of an enum is never compared as a string: the enum is.
inline Violations enums_are_compared_as_enums(const Tree& tree) {
  // words that are names of other things too, which are no enums: formats, precisions, starts, the lack of something
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

/// "src/fit/solve.hpp" -> "fit/solve": what a header and its implementation have in common.
inline std::string stem_of(const std::string& path) {
  const std::string inside = under(path, "src") ? path.substr(4) : path;
  return inside.substr(0, inside.rfind('.'));
}

/// Files that include each other, by whatever way: a header and its implementation are one. Every pair of a circle is
/// told. Two kinds are meant to be and pass: the lists of laws, subcommands and executors declare what their files
/// define without including them; and under models the two halves of a device and the copies of a kernel, chosen when
/// linking, know each other.
inline Violations no_circles(const Tree& tree) {
  static const std::regex include(R"re(^\s*#\s*include\s*"([^"]+)")re");
  std::map<std::string, std::set<std::string>> to;
  const auto wanted = [](const std::string& path) { return under(path, "src") && is_cpp(path); };
  each_line(tree, wanted, [&](const std::string& path, int, const std::string& line) {
    std::smatch match;
    if (std::regex_search(line, match, include)) to[stem_of(path)].insert(stem_of(match[1].str()));
  });
  // What each reaches, by going on until nothing is added.
  std::map<std::string, std::set<std::string>> reached;
  for (const auto& [from, next] : to) {
    std::vector<std::string> open(next.begin(), next.end());
    while (!open.empty()) {
      const std::string at = open.back();
      open.pop_back();
      if (at == from || !reached[from].insert(at).second) continue;
      if (const auto more = to.find(at); more != to.end())
        open.insert(open.end(), more->second.begin(), more->second.end());
    }
  }
  Violations found;
  for (const auto& [from, all] : reached) {
    for (const std::string& other : all) {
      const auto back = reached.find(other);
      if (from < other && back != reached.end() && back->second.contains(from)) {
        found.push_back(from + " and " + other + " include each other");
      }
    }
  }
  return found;
}

/// Every source under src implements the header of its own name, which it includes first, but for those that a list
/// names: main programs, the laws (src/law/kinds.hpp) and the subcommands (src/cli/cli.hpp).
inline Violations sources_implement_their_header(const Tree& tree) {
  static const std::set<std::string> programs = {"src/cli/main.cpp", "src/train/trainer_main.cpp"};
  static const std::regex listed(R"re(\b(?:LAW|ADD)\((\w+))re");
  std::set<std::string> lists;  // "src/law/kaplan"
  for (const char* list : {"src/law/kinds.hpp", "src/cli/cli.hpp"}) {
    const auto at = tree.find(list);
    if (at == tree.end()) continue;
    const std::string folder = at->first.substr(0, at->first.rfind('/') + 1);
    for (std::sregex_iterator it(at->second.begin(), at->second.end(), listed), end; it != end; ++it) {
      lists.insert(folder + (*it)[1].str());
    }
  }
  lists.insert("src/law/power");  // power_n, power_d and power_c
  Violations found;
  for (const auto& [path, text] : tree) {
    if (!under(path, "src") || std::filesystem::path(path).extension() != ".cpp" || programs.contains(path)) continue;
    const std::string stem = path.substr(0, path.rfind('.'));
    if (lists.contains(stem)) continue;
    std::smatch first;
    static const std::regex include(R"re(#include ["<]([^">]+)[">])re");
    if (!tree.contains(stem + ".hpp")) {
      found.push_back(path + ": there is no " + stem + ".hpp");
    } else if (!std::regex_search(text, first, include) || "src/" + first[1].str() != stem + ".hpp") {
      found.push_back(path + ": does not include " + stem + ".hpp first");
    }
  }
  return found;
}

/// What a room defines stands in its own namespace: inline, so that rooms above write scalelaw::Name, while two
/// definitions of one name are two things and a use of both is an error of the compiler instead of a surprise.
inline Violations rooms_have_their_namespace(const Tree& tree) {
  static const std::regex opens(R"re(^namespace scalelaw\b(::[a-z_:]+(?: [a-z_]+)?)?)re");
  const auto wanted = [](const std::string& path) { return is_product(path) && is_cpp(path); };
  Violations found;
  each_line(tree, wanted, [&](const std::string& path, int number, const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, opens)) return;
    const std::string room = under(path, "src") ? path.substr(4, path.find('/', 4) - 4) : "models";
    const std::string inside = match[1].str();
    const bool engine = room == "models" && std::regex_search(inside, std::regex("^::(native|cuda|torch_engine)\\b"));
    const bool own = (inside + "::").starts_with("::inline " + room + "::") || (room == "cli" && inside == "::cli");
    if (!own && !engine) found.push_back(at(path, number, "opens another namespace than scalelaw::inline " + room));
  });
  return found;
}

/// Functions that stand at the start of a line, formatted as .clang-format has them: from the line of the name to "}".
inline Violations functions_are_short(const Tree& tree, int most_lines = 60) {
  // path and first words of the longer ones, and why
  static const std::set<std::string> exceptions = {
      "src/fit/surface.cpp SCALELAW_INLINE void sums("};  // one loop that must stay in registers
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
