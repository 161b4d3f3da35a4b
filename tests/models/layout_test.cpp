#include "models/layout.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "records/shape.hpp"

namespace scalelaw {
namespace {

ModelSpec shape(std::int64_t d_model, std::int64_t n_layer, bool tied) {
  ModelSpec m;
  m.d_model = d_model;
  m.n_layer = n_layer;
  m.d_head = 8;
  m.n_head = d_model / 8;
  m.d_ff = 3 * d_model;
  m.tie_embeddings = tied;
  return m;
}

TEST(Layout, HoldsExactlyTheParametersThatAreCounted) {
  for (const bool tied : {false, true}) {
    for (const std::int64_t d : {8, 24, 64}) {
      for (const std::int64_t layers : {1, 2, 5}) {
        ModelSpec m = shape(d, layers, tied);
        const bool learned = layers != 2;
        if (learned) m.qk_scale.name = QkScale::learned;
        const Layout layout = make_layout(m);
        const ParamCounts counts = count_params(m);
        std::map<std::string, std::int64_t> groups;
        std::int64_t offset = 0;
        for (const Slice& slice : layout.slices) {
          EXPECT_EQ(slice.offset, offset) << slice.name;
          offset += slice.size();
          groups[slice.group] += slice.size();
        }
        EXPECT_EQ(offset, counts.total);
        EXPECT_EQ(layout.params, learned ? (offset + 7) / 8 * 8 : offset);
        EXPECT_EQ(groups["embedding"], counts.embedding);
        EXPECT_EQ(groups["attention"], counts.attention);
        EXPECT_EQ(groups["mlp"], counts.mlp);
        EXPECT_EQ(groups["head"], counts.head);
        ASSERT_EQ(layout.groups.size(), learned ? 2 : 1);  // one update for all of it, and one for scales
        EXPECT_EQ(layout.groups[0].begin, 0);
        for (std::size_t i = 0; i < layout.groups.size(); ++i) {
          EXPECT_EQ(layout.groups[i].decay, i == 0 ? 1 : 0);
          EXPECT_EQ(layout.groups[i].rate, 1);
          EXPECT_EQ(layout.groups[i].eps, 1);
        }
        if (learned) {
          EXPECT_EQ(layout.groups[1].begin, layout.at("layers.0.attention.qk_scale").offset);
        }
      }
    }
  }
}

TEST(Layout, RefusesAnImpossibleShape) {
  ModelSpec m = shape(16, 1, false);
  m.n_head = 3;
  EXPECT_THROW((void)make_layout(m), Error);
}

TEST(Initialize, DependsOnSeedAndNameOnlyAndHasTheStatedScale) {
  const Layout small = make_layout(shape(16, 1, false)), deep = make_layout(shape(16, 4, false));
  std::vector<float> a(static_cast<std::size_t>(small.params)), b(static_cast<std::size_t>(deep.params));
  initialize(small, 3, a);
  initialize(deep, 3, b);
  const Slice& up = small.at("layers.0.mlp.up");
  for (std::int64_t i = 0; i < up.size(); ++i) {
    ASSERT_EQ(a[static_cast<std::size_t>(up.offset + i)],
              b[static_cast<std::size_t>(deep.at("layers.0.mlp.up").offset + i)]);
  }
  for (const Slice& slice : deep.slices) {
    double square = 0;
    for (std::int64_t i = 0; i < slice.size(); ++i) {
      const double x = b[static_cast<std::size_t>(slice.offset + i)];
      square += x * x;
    }
    // the sample deviation of n normals is within 4 / sqrt(2 n) of the true one but once in 16,000 times
    const auto n = static_cast<double>(slice.size());
    EXPECT_NEAR(std::sqrt(square / n) / slice.init_std, 1, 4 / std::sqrt(2 * n)) << slice.name;
  }
  EXPECT_DOUBLE_EQ(deep.at("layers.3.mlp.down").init_std, 1 / std::sqrt(48.0) / std::sqrt(8.0));
  initialize(deep, 4, b);
  EXPECT_NE(a[static_cast<std::size_t>(up.offset)], b[static_cast<std::size_t>(deep.at("layers.0.mlp.up").offset)]);
}

}  // namespace
}  // namespace scalelaw
