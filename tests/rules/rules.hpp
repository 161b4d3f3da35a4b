#pragma once
// The project's rules as functions over a source tree held in memory, so that each can be shown to fail.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace scalelaw::rules {

/// Path relative to the root, with '/' -> text.
using Tree = std::map<std::string, std::string>;
/// One line for a person each: "path:line: what".
using Violations = std::vector<std::string>;

inline bool has_suffix(const std::string& path, const std::set<std::string>& suffixes) {
  return suffixes.contains(std::filesystem::path(path).extension().string());
}
inline bool under(const std::string& path, const std::string& folder) { return path.starts_with(folder + "/"); }
inline bool is_header(const std::string& path) { return has_suffix(path, {".hpp", ".cuh", ".h"}); }
inline bool is_cpp(const std::string& path) { return is_header(path) || has_suffix(path, {".cpp", ".cu"}); }
/// Code of the product, as against its tests.
inline bool is_product(const std::string& path) { return under(path, "src") || under(path, "models"); }

/// Reads the text files of the folders that hold our own text, and the files beside them.
inline Tree read_tree(const std::filesystem::path& root) {
  Tree tree;
  const auto add = [&](const std::filesystem::path& path) {
    static const std::set<std::string> binary = {".png", ".svg", ".gz", ".zst", ".bin", ".pdf", ".pyc", ".safetensors"};
    if (binary.contains(path.extension().string())) return;
    std::ifstream file(path, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    tree[path.lexically_relative(root).generic_string()] = text.str();
  };
  for (const char* folder : {"src", "models", "tests", "scripts", "cmake", "configs", "docs", ".ci"}) {
    if (!std::filesystem::exists(root / folder)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file()) add(entry.path());
    }
  }
  for (const auto& entry : std::filesystem::directory_iterator(root)) {
    if (entry.is_regular_file() && entry.path().filename() != ".git") add(entry.path());
  }
  return tree;
}

/// Calls see(path, line number, line) for every line of the files that `wanted` accepts.
template <class Wanted, class See>
void each_line(const Tree& tree, Wanted&& wanted, See&& see) {
  for (const auto& [path, text] : tree) {
    if (!wanted(path)) continue;
    std::istringstream stream(text);
    std::string line;
    for (int number = 1; std::getline(stream, line); ++number) see(path, number, line);
  }
}

inline std::string at(const std::string& path, int line, const std::string& what) {
  return path + ":" + std::to_string(line) + ": " + what;
}

/// The line without its // comment.
inline std::string code_of(const std::string& line) { return line.substr(0, line.find("//")); }

/// Room -> the rooms that it may include: downward only (CONTRIBUTING.md, "Where things live").
inline const std::map<std::string, std::set<std::string>>& module_table() {
  using Rooms = std::set<std::string>;
  static const std::map<std::string, Rooms> table = [] {
    const auto with = [](Rooms rooms, const Rooms& more) {
      rooms.insert(more.begin(), more.end());
      return rooms;
    };
    const Rooms waist = {"os", "core", "records"};
    const Rooms laws = with(waist, {"law"});
    const Rooms fits = with(laws, {"select"});
    const Rooms studies = with(fits, {"fit", "design", "sim"});
    const Rooms answers = with(studies, {"study", "alloc", "inference", "corpus"});
    return std::map<std::string, Rooms>{
        {"os", {}},
        {"core", {"os"}},
        {"records", {"os", "core"}},
        {"law", waist},
        {"corpus", waist},
        {"models", waist},
        {"design", laws},
        {"sim", laws},
        {"select", laws},
        {"fit", fits},
        {"study", studies},
        {"exec", with(studies, {"study"})},
        {"alloc", with(fits, {"fit"})},
        {"inference", studies},
        {"train", with(waist, {"corpus", "models"})},
        {"analysis", answers},
        {"report", with(answers, {"analysis"})},
        {"tutorial", with(answers, {"analysis", "report"})},
        {"cli", with(answers, {"exec", "analysis", "report", "tutorial"})},
    };
  }();
  return table;
}

/// The module a product file belongs to: src/law/x.cpp -> law, models/torch/x.cpp -> models.
inline std::string module_of(const std::string& path) {
  if (under(path, "models")) return "models";
  const std::size_t begin = std::string("src/").size();
  return path.substr(begin, path.find('/', begin) - begin);
}

inline Violations includes_go_downward(const Tree& tree) {
  static const std::regex include(R"re(^\s*#\s*include\s*"([^"]+)")re");
  Violations found;
  const auto wanted = [](const std::string& path) { return is_product(path) && is_cpp(path); };
  each_line(tree, wanted, [&](const std::string& path, int number, const std::string& line) {
    std::smatch match;
    if (!std::regex_search(line, match, include)) return;
    const std::string from = module_of(path);
    const std::string target = match[1].str();
    const std::string to = target.substr(0, target.find('/'));
    if (to == target) {
      found.push_back(at(path, number, "includes \"" + target + "\" without its module"));
      return;
    }
    const auto row = module_table().find(from);
    if (row == module_table().end()) {
      found.push_back(at(path, number, "the module " + from + " is not in the table of modules"));
    } else if (to != from && !row->second.contains(to)) {
      found.push_back(at(path, number, from + " may not include " + to));
    }
  });
  return found;
}

inline Violations torch_stays_in_its_place(const Tree& tree) {
  static const std::regex torch(R"re(^\s*#\s*include\s*["<](torch|ATen|c10)/)re");
  Violations found;
  const auto wanted = [](const std::string& path) {
    const bool allowed = under(path, "models/torch");
    return is_cpp(path) && under(path, "src") && !allowed;
  };
  each_line(tree, wanted, [&](const std::string& path, int number, const std::string& line) {
    if (std::regex_search(line, torch)) found.push_back(at(path, number, "includes a LibTorch header"));
  });
  return found;
}

inline Violations files_are_short(const Tree& tree, std::ptrdiff_t most_lines = 400) {
  Violations found;
  for (const auto& [path, text] : tree) {
    if (!has_suffix(path, {".cpp", ".hpp", ".cu", ".cuh", ".py", ".sh"})) continue;
    const auto lines = std::count(text.begin(), text.end(), '\n');
    if (lines > most_lines) found.push_back(path + ": " + std::to_string(lines) + " lines; split it");
  }
  return found;
}

inline Violations headers_are_guarded(const Tree& tree) {
  Violations found;
  for (const auto& [path, text] : tree) {
    if (is_header(path) && text.find("#pragma once") == std::string::npos) found.push_back(path + ": no #pragma once");
  }
  return found;
}

inline Violations headers_are_documented(const Tree& tree) {
  Violations found;
  for (const auto& [path, text] : tree) {
    if (is_product(path) && is_header(path) && text.find("///") == std::string::npos)
      found.push_back(path + ": no ///");
  }
  return found;
}

inline Violations headers_keep_namespaces_clean(const Tree& tree) {
  static const std::regex whole_namespace(R"re(^\s*using\s+namespace\b)re");
  Violations found;
  each_line(tree, is_header, [&](const std::string& path, int number, const std::string& line) {
    if (std::regex_search(line, whole_namespace)) found.push_back(at(path, number, "takes in a whole namespace"));
  });
  return found;
}

/// Allowed bases: LibTorch's own, type traits, and std::runtime_error for the one exception type.
inline Violations nothing_inherits(const Tree& tree) {
  static const std::regex base(R"re((enum\s+)?\b(?:class|struct)\s+\w+(?:\s+final)?\s*:\s*([\w:\s<>,]+))re");
  static const std::regex allowed(R"re(^(public\s+)?(torch::(nn|autograd)::|std::(true|false)_type\b))re");
  Violations found;
  const auto wanted = [](const std::string& path) { return is_product(path) && is_cpp(path); };
  each_line(tree, wanted, [&](const std::string& path, int number, const std::string& line) {
    std::smatch match;
    const std::string code = code_of(line);
    if (!std::regex_search(code, match, base) || match[1].matched) return;
    const std::string what = match[2].str();
    if (what.starts_with(":")) return;  // a qualified name
    if (std::regex_search(what, allowed)) return;
    if (path == "src/os/error.hpp" && what.starts_with("public std::runtime_error")) return;
    found.push_back(at(path, number, "inherits from " + what));
  });
  return found;
}

inline Violations random_numbers_are_portable(const Tree& tree) {
  static const std::regex random(R"re(std::(\w+_distribution|random_device|shuffle|sample)\b|\bs?rand\s*\()re");
  Violations found;
  const auto wanted = [](const std::string& path) { return is_product(path) && is_cpp(path); };
  each_line(tree, wanted, [&](const std::string& path, int number, const std::string& line) {
    if (std::regex_search(code_of(line), random))
      found.push_back(at(path, number, "random numbers not of core/rng.hpp"));
  });
  return found;
}

/// Tests start programs by tests/program.hpp or os/process.hpp and catch errors by tests/error_of.hpp. Tests of this
/// rule hold the words.
inline Violations tests_run_and_catch_in_one_way(const Tree& tree) {
  // path -> why it catches by itself
  static const std::set<std::string> catchers = {
      "tests/error_of.hpp",
      "tests/study/study_fixture.hpp",  // in a forked child, which ends with the code
      "tests/cuda/step_fixture.hpp",    // an error is an answer: there is no device
      "tests/alloc/allocate_test.cpp",  // an answer or an error, either without a nan
      "tests/bench/train_bench.cpp"};   // a program of its own
  static const std::set<std::string> starters = {"tests/train/memory_test.cpp"};  // it asks for the memory of the child
  static const std::regex start(R"re((std::system|\bpopen|::exec[lv]\w*|::posix_spawnp?)\s*\()re");
  static const std::regex caught(R"re(catch \((const )?(scalelaw::)?Error\b)re");
  static const std::regex defined(R"re(\b(string|auto) error_of\b)re");
  Violations found;
  const auto wanted = [](const std::string& path) {
    return under(path, "tests") && is_cpp(path) && !under(path, "tests/rules");
  };
  each_line(tree, wanted, [&](const std::string& path, int number, const std::string& line) {
    const std::string code = code_of(line);
    if (std::regex_search(code, start) && !starters.contains(path)) {
      found.push_back(at(path, number, "starts a program by itself"));
    }
    if (catchers.contains(path)) return;
    if (std::regex_search(code, caught)) found.push_back(at(path, number, "catches an Error by itself"));
    if (std::regex_search(code, defined)) found.push_back(at(path, number, "has an error_of of its own"));
  });
  return found;
}

/// The words are put together here so that this file does not hold them.
inline Violations nothing_is_left_to_do(const Tree& tree) {
  static const std::regex word(std::string("\\b(TO") + "DO|FIX" + "ME|XX" + "X)\\b");
  Violations found;
  each_line(
      tree, [](const std::string&) { return true; },
      [&](const std::string& path, int number, const std::string& line) {
        if (std::regex_search(line, word)) found.push_back(at(path, number, "unfinished work"));
      });
  return found;
}

inline Violations no_machine_paths(const Tree& tree) {
  static const std::regex place(std::string("(^|[\\s\"'=:(`])/(wor") + "k|hom" + "e|roo" + "t)/");
  Violations found;
  each_line(
      tree, [](const std::string&) { return true; },
      [&](const std::string& path, int number, const std::string& line) {
        if (std::regex_search(line, place)) found.push_back(at(path, number, "a path of one machine"));
      });
  return found;
}

}  // namespace scalelaw::rules
