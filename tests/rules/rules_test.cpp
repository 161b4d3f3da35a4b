#include "rules/rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rules/code_rules.hpp"

namespace scalelaw::rules {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const Tree& repository() {
  static const Tree tree = read_tree(SCALELAW_SOURCE_DIR);
  return tree;
}

std::string text_of(const Violations& violations) {
  std::string text;
  for (const std::string& violation : violations) text += violation + "\n";
  return text;
}

TEST(Rules, TheRepositoryIsRead) {
  EXPECT_GT(repository().size(), 40U);
  EXPECT_TRUE(repository().contains("src/os/error.hpp"));
  EXPECT_TRUE(repository().contains("CMakeLists.txt"));
}

TEST(Rules, IncludesGoDownward) {
  EXPECT_EQ(text_of(includes_go_downward(repository())), "");
  const Tree planted = {
      {"src/law/a.cpp", "#include \"core/json.hpp\"\n#include \"law/b.hpp\"\n#include \"fit/fit.hpp\"\n"},
      {"src/fit/a.cpp", "#include \"sim/simulate.hpp\"\n"},
      {"src/study/a.hpp", "#include \"alloc/allocate.hpp\"\n"},
      {"src/train/a.cpp", "#include \"models/engine.hpp\"\n"},
      {"src/cli/a.cpp", "#include \"train/loop.hpp\"\n"},
      {"src/core/a.cpp", "#include \"json.hpp\"\n"},
      {"src/magic/a.cpp", "#include \"core/json.hpp\"\n"}};
  EXPECT_THAT(includes_go_downward(planted),
              ElementsAre("src/cli/a.cpp:1: cli may not include train", HasSubstr("without its module"),
                          "src/fit/a.cpp:1: fit may not include sim", "src/law/a.cpp:3: law may not include fit",
                          HasSubstr("magic is not in the table"), "src/study/a.hpp:1: study may not include alloc"));
}

TEST(Rules, TheTableOfModulesHasNoCycle) {
  std::map<std::string, int> level;
  for (std::size_t round = 0; round < module_table().size(); ++round) {
    for (const auto& [module, below] : module_table()) {
      for (const std::string& other : below) level[module] = std::max(level[module], level[other] + 1);
    }
  }
  for (const auto& [module, below] : module_table()) {
    for (const std::string& other : below) EXPECT_LT(level[other], level[module]) << module << " -> " << other;
  }
}

TEST(Rules, TorchStaysInItsPlace) {
  EXPECT_EQ(text_of(torch_stays_in_its_place(repository())), "");
  const Tree planted = {{"src/fit/a.cpp", "#include <torch/torch.h>\n"},
                        {"src/train/a.hpp", "#include <ATen/ATen.h>\n"},
                        {"src/train/a.cpp", "#include <torch/torch.h>\n"},
                        {"models/torch/a.hpp", "#include <c10/util/Half.h>\n"}};
  EXPECT_THAT(
      torch_stays_in_its_place(planted),
      ElementsAre(HasSubstr("src/fit/a.cpp:1"), HasSubstr("src/train/a.cpp:1"), HasSubstr("src/train/a.hpp:1")));
}

TEST(Rules, FilesAreShort) {
  EXPECT_EQ(text_of(files_are_short(repository())), "");
  EXPECT_THAT(
      files_are_short(
          {{"a.cpp", std::string(401, '\n')}, {"b.sh", std::string(400, '\n')}, {"c.md", std::string(999, '\n')}}),
      ElementsAre(HasSubstr("a.cpp: 401 lines")));
}

TEST(Rules, HeadersAreGuardedDocumentedAndClean) {
  EXPECT_EQ(text_of(headers_are_guarded(repository())), "");
  EXPECT_EQ(text_of(headers_are_documented(repository())), "");
  EXPECT_EQ(text_of(headers_keep_namespaces_clean(repository())), "");
  const Tree planted = {{"src/law/bad.hpp", "using namespace std;\n"},
                        {"src/law/good.hpp", "#pragma once\n/// Text.\n// using namespace std;\n"}};
  EXPECT_THAT(headers_are_guarded(planted), ElementsAre(HasSubstr("bad.hpp")));
  EXPECT_THAT(headers_are_documented(planted), ElementsAre(HasSubstr("bad.hpp")));
  EXPECT_THAT(headers_keep_namespaces_clean(planted), ElementsAre(HasSubstr("bad.hpp:1")));
}

TEST(Rules, NothingInherits) {
  EXPECT_EQ(text_of(nothing_inherits(repository())), "");
  const Tree planted = {
      {"src/law/a.hpp",
       "class Law : public Base {\nstruct B final : A {};\nenum class Kind : int { x };\n"
       "template <> struct Is<int> : std::true_type {};\n"
       "struct Is : std::true_type {};\nclass scalelaw::Law;\n// class X : public Y\n"},
      {"src/law/error.hpp", "class E : public std::runtime_error {\n"},
      {"models/torch/a.cpp", "struct Net : torch::nn::Module {\nstruct Op : public torch::autograd::Function<Op> {\n"}};
  EXPECT_THAT(nothing_inherits(planted), ElementsAre(HasSubstr("src/law/a.hpp:1: inherits from public Base"),
                                                     HasSubstr("src/law/a.hpp:2"), HasSubstr("src/law/error.hpp:1")));
}

TEST(Rules, RandomNumbersArePortable) {
  EXPECT_EQ(text_of(random_numbers_are_portable(repository())), "");
  const Tree planted = {{"src/sim/a.cpp",
                         "std::normal_distribution<double> z;\nint x = rand();\n"
                         "boost::random::normal_distribution<double> good;\nint y = operand(3);\n"}};
  EXPECT_THAT(random_numbers_are_portable(planted), ElementsAre(HasSubstr("a.cpp:1"), HasSubstr("a.cpp:2")));
}

TEST(Rules, TestsRunProgramsAndCatchErrorsInOneWay) {
  EXPECT_EQ(text_of(tests_run_and_catch_in_one_way(repository())), "");
  const Tree planted = {
      {"src/os/command.cpp", "popen(command, \"r\");\n"},
      {"tests/cli/a_test.cpp", "std::system(line.c_str());\nFILE* f = popen(line, \"r\");\n::execl(\"x\", \"x\");\n"},
      {"tests/fit/a_test.cpp",
       "} catch (const Error& e) {\nstd::string error_of(const Call& call) {\nconst auto error_of = [&](int x) {\n"
       "EXPECT_EQ(error_of(ExitCode::data, call), \"\");\nreturn error_of(ExitCode::data, call);\n"},
      {"tests/error_of.hpp", "std::string error_of(ExitCode code, const Call& call) {\n} catch (const Error& e) {\n"}};
  EXPECT_THAT(tests_run_and_catch_in_one_way(planted),
              ElementsAre("tests/cli/a_test.cpp:1: starts a program by itself", HasSubstr("a_test.cpp:2: starts"),
                          HasSubstr("a_test.cpp:3: starts"), "tests/fit/a_test.cpp:1: catches an Error by itself",
                          "tests/fit/a_test.cpp:2: has an error_of of its own",
                          "tests/fit/a_test.cpp:3: has an error_of of its own"));
}

TEST(Rules, NothingIsLeftToDo) {
  EXPECT_EQ(text_of(nothing_is_left_to_do(repository())), "");
  EXPECT_THAT(nothing_is_left_to_do({{"a.md", std::string("fine\nTO") + "DO later\n"}}),
              ElementsAre(HasSubstr("a.md:2")));
}

TEST(Rules, NoPathOfOneMachine) {
  EXPECT_EQ(text_of(no_machine_paths(repository())), "");
  const Tree planted = {{"a.sh", std::string("cd \"/hom") + "e/someone/x\"\n"}, {"b.md", "see docs/work/home/plan\n"}};
  EXPECT_THAT(no_machine_paths(planted), ElementsAre(HasSubstr("a.sh:1")));
}

TEST(Rules, TypesHaveOnePlace) {
  EXPECT_EQ(text_of(types_have_one_place(repository())), "");
  const Tree planted = {{"src/design/plan.hpp", "struct Plan {\n};\nstruct Other;\n"},
                        {"src/train/plan.hpp", "struct Plan {\n  struct Inner {\n"},
                        {"src/train/plan.cpp", "struct Plan::State {\n"},
                        {"src/cli/a.cpp", "class Plan {\nstruct Line {\n};\nenum class Inner { x };\n"},
                        {"models/cuda/b.cu", "enum class Line : int { x };\n  struct Plan {\n"},
                        {"tests/cli/a_test.cpp", "struct Plan {\n"}};
  EXPECT_THAT(types_have_one_place(planted),
              ElementsAre("src/train/plan.hpp:1: Plan is a type of src/design/plan.hpp too",
                          "src/cli/a.cpp:1: Plan is a type of src/design/plan.hpp too",
                          "src/cli/a.cpp:2: Line is a type of models/cuda/b.cu too"));
}

TEST(Rules, EnumsAreComparedAsEnums) {
  EXPECT_EQ(text_of(enums_are_compared_as_enums(repository())), "");
  EXPECT_GT(names_of_enums(repository()).size(), 40U);
  const Tree planted = {{"src/fit/a.hpp",
                         "constexpr std::array<std::string_view, 2> names_of(Method) {\n  return {\"isoflop\", "
                         "\"auto\"};\n}\n"},
                        {"src/fit/a.cpp", "if (x == \"isoflop\") y();\nif (x != \"auto\" || z == \"else\") y();\n"}};
  EXPECT_THAT(enums_are_compared_as_enums(planted),
              ElementsAre(HasSubstr("src/fit/a.cpp:1: compares with \"isoflop\"")));
}

TEST(Rules, NoFilesIncludeEachOther) {
  EXPECT_EQ(text_of(no_circles(repository())), "");
  const Tree planted = {{"src/fit/a.hpp", "#include \"fit/b.hpp\"\n"},
                        {"src/fit/b.hpp", "#pragma once\n"},
                        {"src/fit/b.cpp", "#include \"fit/b.hpp\"\n#include \"fit/c.hpp\"\n"},
                        {"src/fit/c.hpp", "#include \"fit/a.hpp\"\n"},
                        {"src/fit/d.cpp", "#include \"fit/d.hpp\"\n#include \"fit/a.hpp\"\n"}};
  EXPECT_THAT(no_circles(planted),
              ElementsAre("fit/a and fit/b include each other", "fit/a and fit/c include each other",
                          "fit/b and fit/c include each other"));
}

TEST(Rules, SourcesImplementTheirHeader) {
  EXPECT_EQ(text_of(sources_implement_their_header(repository())), "");
  const Tree planted = {{"src/law/kinds.hpp", "  LAW(kaplan, \"kaplan\") \\\n"},
                        {"src/law/kaplan.cpp", ""},
                        {"src/law/other.cpp", ""},
                        {"src/fit/a.cpp", "#include \"fit/a.hpp\"\n#include <cmath>\n"},
                        {"src/fit/a.hpp", ""},
                        {"src/fit/b.cpp", "#include <cmath>\n#include \"fit/b.hpp\"\n"},
                        {"src/fit/b.hpp", ""},
                        {"models/b.cpp", ""}};
  EXPECT_THAT(sources_implement_their_header(planted),
              ElementsAre("src/fit/b.cpp: does not include src/fit/b.hpp first",
                          "src/law/other.cpp: there is no src/law/other.hpp"));
}

TEST(Rules, RoomsHaveTheirNamespace) {
  EXPECT_EQ(text_of(rooms_have_their_namespace(repository())), "");
  const Tree planted = {{"src/law/a.hpp", "namespace scalelaw::inline law {\n"},
                        {"src/law/b.hpp", "namespace scalelaw::inline law::kaplan_law {\n"},
                        {"src/law/c.hpp", "namespace scalelaw::inline lawless {\n"},
                        {"src/law/d.cpp", "namespace {\n}\nnamespace scalelaw {\n"},
                        {"src/cli/e.cpp", "namespace scalelaw::cli {\n"},
                        {"models/f.hpp", "namespace scalelaw::inline models {\n"},
                        {"models/native/g.hpp", "namespace scalelaw::native {\n"},
                        {"models/native/h.hpp", "namespace scalelaw::inline fit {\n"}};
  EXPECT_THAT(
      rooms_have_their_namespace(planted),
      ElementsAre(HasSubstr("models/native/h.hpp:1"), HasSubstr("src/law/c.hpp:1"), HasSubstr("src/law/d.cpp:3")));
}

TEST(Rules, FunctionsAreShort) {
  EXPECT_EQ(text_of(functions_are_short(repository())), "");
  const std::string body(61, '\n');
  EXPECT_THAT(functions_are_short({{"src/fit/a.cpp", "int f(int x) {" + body + "}\n\nint g() {\n}\n"}}),
              ElementsAre(HasSubstr("src/fit/a.cpp:1: a function of 62 lines")));
}

}  // namespace
}  // namespace scalelaw::rules
