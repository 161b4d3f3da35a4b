#include "core/names.hpp"

#include <gtest/gtest.h>

#include "core/fields.hpp"
#include "error_of.hpp"
#include "os/error.hpp"

namespace scalelaw {
namespace {

enum class Fruit { apple, pear_tree, none };
constexpr std::array<std::string_view, 3> names_of(Fruit) { return {"apple", "pear-tree", ""}; }

struct Basket {
  Fruit fruit = Fruit::apple;
};
template <class Visit, FieldsOf<Basket> T>
void fields(Visit&& visit, T& b) {
  visit("fruit", b.fruit, named<Fruit>(), "what is in it");
}

TEST(Names, GoBothWaysThroughOneTable) {
  for (const Fruit fruit : all_of<Fruit>()) EXPECT_EQ(find_named<Fruit>(name_of(fruit)), fruit);
  EXPECT_EQ(name_of(Fruit::pear_tree), "pear-tree");
  EXPECT_EQ(find_named<Fruit>("pear"), std::nullopt);
  EXPECT_EQ(fmt::format("{}, {:>6}", Fruit::pear_tree, Fruit::apple), "pear-tree,  apple");
  EXPECT_EQ(list_of_names<Fruit>(), "apple, pear-tree, ");
}

TEST(Names, AreWhatJsonHolds) {
  EXPECT_EQ(Json(Fruit::pear_tree), Json("pear-tree"));
  EXPECT_EQ((Json{{"a", Fruit::apple}, {"n", 1}}).dump(), R"({"a":"apple","n":1})");
}

TEST(Names, AreReadAndCheckedAsFields) {
  Basket basket;
  EXPECT_EQ(to_json_fields(basket), Json({{"fruit", "apple"}}));
  read_fields(Json{{"fruit", "pear-tree"}}, basket, Source{.name = "a.toml", .origin = {}});
  EXPECT_EQ(basket.fruit, Fruit::pear_tree);
  EXPECT_EQ(describe(named<Fruit>()), "apple | pear-tree | \"\"");
  for (const Json& wrong : {Json("aple"), Json(1), Json()}) {
    EXPECT_THROW(read_fields(Json{{"fruit", wrong}}, basket, Source{.name = "a.toml", .origin = {}}), Error) << wrong;
  }
  const std::string error = error_of(ExitCode::usage, [&] {
    read_fields(Json{{"fruit", "aple"}}, basket, Source{.name = "a.toml", .origin = {}});
  });
  EXPECT_NE(error.find("did you mean \"apple\""), std::string::npos) << error;
}

}  // namespace
}  // namespace scalelaw
