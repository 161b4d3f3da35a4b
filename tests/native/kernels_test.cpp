// Each kernel of each instruction set against plain double loops; each gradient against finite differences in double.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "core/rng.hpp"
#include "models/native/gemm_bf16.hpp"
#include "models/native/step.hpp"
#include "native/reference_model.hpp"

namespace scalelaw::native {

// The kernels with vectors of 16, as for AVX-512, put together by the compiler from narrower ones
// (tests/CMakeLists.txt).
namespace wide {
extern const Kernels kernels;
}

namespace {

std::vector<const Kernels*> all_kernels() {
  std::vector<const Kernels*> list(available_kernels().begin(), available_kernels().end());
  list.push_back(&wide::kernels);
  static const Kernels tiles = [] {
    Kernels kernels = emulated::with_bf16_products(wide::kernels);
    kernels.name = "emulated_amx";
    return kernels;
  }();
  list.push_back(&tiles);
  return list;
}

using reference::Matrix;
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::size_t at(Index i) { return static_cast<std::size_t>(i); }

/// A float matrix with padded rows; the padding is NaN, which no result may show.
struct Rows {
  Index rows, cols, ld;
  std::vector<float> values;
  Rows(Index r, Index c) : rows(r), cols(c), ld(stride(c)), values(at(r * ld + kSlack), kNan) {}
  Rows(const Matrix& m) : Rows(m.rows, m.cols) {
    for (Index r = 0; r < rows; ++r) {
      for (Index c = 0; c < cols; ++c) (*this)(r, c) = static_cast<float>(m(r, c));
    }
  }
  float& operator()(Index r, Index c) { return values[at(r * ld + c)]; }
  float* data() { return values.data(); }
};

Matrix random_matrix(Index rows, Index cols, std::uint64_t seed, double size = 1) {
  Rng rng = make_rng(seed, "kernel test");
  Matrix m(rows, cols);
  for (double& x : m.values) x = static_cast<double>(static_cast<float>(size * standard_normal(rng)));
  return m;
}

Matrix rounded_to_bf16(Matrix m) {
  for (double& x : m.values) x = reference::rounded_to_bf16(x);
  return m;
}

void expect_near(Rows& found, const Matrix& expected, double tolerance, const std::string& what) {
  for (Index r = 0; r < expected.rows; ++r) {
    for (Index c = 0; c < expected.cols; ++c) {
      ASSERT_NEAR(static_cast<double>(found(r, c)), expected(r, c), tolerance) << what << " at " << r << ", " << c;
    }
  }
}

/// Slope of f in each element of x, by central differences.
Matrix slopes(Matrix x, const std::function<double(const Matrix&)>& f) {
  Matrix result(x.rows, x.cols);
  for (std::size_t i = 0; i < x.values.size(); ++i) {
    constexpr double kStep = 1e-5;
    const double here = x.values[i];
    x.values[i] = here + kStep;
    const double up = f(x);
    x.values[i] = here - kStep;
    result.values[i] = (up - f(x)) / (2 * kStep);
    x.values[i] = here;
  }
  return result;
}
double dot(const Matrix& a, const Matrix& b) {
  double total = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) total += a.values[i] * b.values[i];
  return total;
}

class NativeKernels : public testing::TestWithParam<const Kernels*> {
 protected:
  void SetUp() override { k_.begin(); }
  void TearDown() override { k_.end(); }
  const Kernels& k_ = *GetParam();
};

TEST_P(NativeKernels, ProductsEqualPlainLoopsForEveryShapeAndTranspose) {
  for (const Index m : {1, 2, 5, 6, 7, 12, 13, 25}) {
    for (const Index n : {1, 3, 4, 8, 11, 16, 24, 37, 64}) {
      for (const Index depth : {1, 7, 64, 256, 300}) {
        // Factors that bf16 holds exactly are exact in either precision; only the order of sums differs.
        const Matrix a = rounded_to_bf16(random_matrix(m, depth, 1)), b = rounded_to_bf16(random_matrix(depth, n, 2));
        const Matrix expected = reference::times(a, b);
        const double tolerance = 1e-5 * std::sqrt(static_cast<double>(depth));
        const std::string what = fmt::format("{}x{}x{}", m, n, depth);
        Rows left(a), left_t(reference::transposed(a)), right(b);
        const Right plain = plain_right(k_, right.data(), right.ld);
        Rows c(m, n);
        k_.product(m, n, depth, {left.data(), left.ld, 1}, plain, c.data(), c.ld, false);
        expect_near(c, expected, tolerance, what);
        for (Index r = 0; r < m; ++r) {
          for (Index p = n; p < c.ld; ++p) ASSERT_TRUE(std::isnan(c(r, p))) << what << " wrote beyond the matrix";
        }
        for (Index r = 0; r < m; ++r) {
          for (Index j = 0; j < n; ++j) c(r, j) = 1.0F;
        }
        Matrix plus_one = expected;
        for (double& x : plus_one.values) x += 1;
        k_.product(m, n, depth, {left_t.data(), 1, left_t.ld}, plain, c.data(), c.ld, true);
        expect_near(c, plus_one, tolerance, what + " added, left transposed");

        const std::vector<float> dense(b.values.begin(), b.values.end());
        const Matrix bt = reference::transposed(b);
        const std::vector<float> dense_t(bt.values.begin(), bt.values.end());
        std::vector<float> packed(at(packed_size(k_, depth, n)), kNan), packed_t = packed;
        k_.pack(dense.data(), depth, n, packed.data());
        k_.pack_transposed(dense_t.data(), n, depth, packed_t.data());
        packed.resize(at(packed_size(k_, depth, n) - kSlack));
        packed_t.resize(packed.size());
        ASSERT_EQ(packed, packed_t) << what;  // also: no NaN is left
        k_.product(m, n, depth, {left.data(), left.ld, 1}, packed_right(k_, packed.data(), depth), c.data(), c.ld,
                   false);
        expect_near(c, expected, tolerance, what + " packed");
      }
    }
  }
}

TEST_P(NativeKernels, ProductsOfManyBlocksEqualPlainLoops) {
  constexpr Index kRows = 150, kCols = 530, kInner = 1100;
  const Matrix a = rounded_to_bf16(random_matrix(kRows, kInner, 1)),
               b = rounded_to_bf16(random_matrix(kInner, kCols, 2));
  const Matrix expected = reference::times(a, b);
  Rows left(a), left_t(reference::transposed(a)), right(b);
  const std::vector<float> dense(b.values.begin(), b.values.end());
  std::vector<float> packed(at(packed_size(k_, kInner, kCols)));
  k_.pack(dense.data(), kInner, kCols, packed.data());
  for (const bool transposed : {false, true}) {
    const Left l = transposed ? Left{left_t.data(), 1, left_t.ld} : Left{left.data(), left.ld, 1};
    for (const Right& r : {plain_right(k_, right.data(), right.ld), packed_right(k_, packed.data(), kInner)}) {
      Rows c(kRows, kCols);
      k_.product(kRows, kCols, kInner, l, r, c.data(), c.ld, false);
      expect_near(c, expected, 5e-4, transposed ? "left transposed" : "left by rows");
    }
  }
}

TEST_P(NativeKernels, NormAndItsGradient) {
  for (const Index width : {1, 2, 6, 8, 15, 16, 40, 64}) {
    const Matrix x = random_matrix(3, width, 3), dy = random_matrix(3, width, 4);
    Rows in(x), out(3, width), upstream(dy), dx(3, width);
    std::vector<float> scale(3);
    k_.norm(in.data(), out.data(), in.ld, scale.data(), 3, width, 1e-6F);
    expect_near(out, reference::normed(x, width), 2e-6, "norm");
    const Matrix expected = slopes(x, [&](const Matrix& v) { return dot(reference::normed(v, width), dy); });
    k_.norm_backward(upstream.data(), out.data(), scale.data(), dx.data(), dx.ld, 3, width, false);
    // One element: the slope is the remainder of a cancellation, eps x / |x|^3.
    expect_near(dx, expected, 1e-4, "gradient");
    Matrix twice = expected;
    reference::add(twice, expected);
    k_.norm_backward(upstream.data(), out.data(), scale.data(), dx.data(), dx.ld, 3, width, true);
    expect_near(dx, twice, 2e-4, "added gradient");
  }
}

struct RotaryTables {
  std::vector<float> cos, sin;
  RotaryTables(Index context, Index d) {
    for (Index t = 0; t < context; ++t) {
      for (Index c = 0; c < d; ++c) {
        const double angle =
            static_cast<double>(t) / std::pow(10000.0, 2.0 * static_cast<double>(c / 2) / static_cast<double>(d));
        cos.push_back(static_cast<float>(std::cos(angle)));
        sin.push_back(static_cast<float>(c % 2 == 0 ? -std::sin(angle) : std::sin(angle)));
      }
    }
  }
};

TEST_P(NativeKernels, RotatedQueriesAndKeysAndTheirGradients) {
  for (const Index d : {2, 4, 6, 8, 12, 16, 64}) {
    const Index heads = 2, context = 5, width = heads * d;
    const std::vector<float> scales = {0.5F, -1.5F};
    const AttentionShape shape{1, context, heads, d, scales.data()};
    const Matrix x = random_matrix(context, 3 * width, 5), dy = random_matrix(context, 3 * width, 6);
    const auto turned = [&](const Matrix& v) {
      Matrix y = v;
      const Matrix qk = reference::columns(v, 0, 2 * width);
      reference::put_columns(y, reference::rotated(reference::normed(qk, d), d, 1), 0);
      return y;
    };
    const RotaryTables tables(context, d);
    Rows rows(x), drows(dy);
    std::vector<float> scale(at(context * 2 * heads)), dscales = {3, 4};
    k_.rotate_qk(rows.data(), rows.ld, scale.data(), tables.cos.data(), tables.sin.data(), shape, 1e-6F);
    expect_near(rows, turned(x), 3e-6, "rotated");
    k_.rotate_qk_backward(drows.data(), rows.data(), rows.ld, scale.data(), tables.cos.data(), tables.sin.data(), shape,
                          dscales.data());
    // The head's scale is left out of what comes in: the sum below has it.
    Matrix scaled = dy;
    for (Index t = 0; t < context; ++t) {
      for (Index c = 0; c < 2 * width; ++c) scaled(t, c) *= static_cast<double>(scales[at(c / d % heads)]);
    }
    expect_near(drows, slopes(x, [&](const Matrix& v) { return dot(turned(v), scaled); }), 1e-4, "gradient");
    for (Index h = 0; h < heads; ++h) {
      const double product = dot(reference::columns(turned(x), h * d, d), reference::columns(dy, h * d, d));
      EXPECT_NEAR(dscales[at(h)], 3 + static_cast<double>(h) + product, 1e-4) << "scale of head " << h;
    }
  }
}

TEST_P(NativeKernels, AttentionAndItsGradient) {
  for (const auto& [shape_context, shape_d] :
       {std::pair<Index, Index>{1, 8}, {5, 2}, {13, 6}, {16, 8}, {30, 16}, {26, 12}, {7, 64}}) {
    const Index context = shape_context, d = shape_d, heads = 2, sequences = 2, width = heads * d,
                tokens = sequences * context;
    const std::vector<float> scales = {0.5F, -1.5F};
    const AttentionShape shape{sequences, context, heads, d, scales.data()};
    Matrix x = random_matrix(tokens, 3 * width, 7);
    reference::put_columns(x, reference::normed(reference::columns(x, 0, 2 * width), d), 0);
    const Matrix dout = random_matrix(tokens, width, 8);
    const auto attended = [&](const Matrix& v) {
      Matrix out(tokens, width);
      for (Index s = 0; s < sequences; ++s) {
        Matrix rows(context, 3 * width);
        for (Index t = 0; t < context; ++t) {
          for (Index c = 0; c < 3 * width; ++c) rows(t, c) = v(s * context + t, c);
        }
        for (Index h = 0; h < heads; ++h) {
          const Matrix p =
              reference::causal_weights(reference::columns(rows, h * d, d), reference::columns(rows, width + h * d, d),
                                        static_cast<double>(scales[at(h)]));
          const Matrix o = reference::times(p, reference::columns(rows, 2 * width + h * d, d));
          for (Index t = 0; t < context; ++t) {
            for (Index c = 0; c < d; ++c) out(s * context + t, h * d + c) = o(t, c);
          }
        }
      }
      return out;
    };
    Rows qkv(x), out(tokens, width), upstream(dout), dqkv(tokens, 3 * width);
    std::vector<float> weights(at(sequences * heads * context * stride(context)), kNan);
    std::vector<float> inverse(at(tokens * heads), kNan), scratch(at(attention_scratch(shape)), kNan);
    k_.attention({qkv.data(), qkv.ld, out.data(), out.ld, weights.data(), inverse.data(), scratch.data()}, shape);
    const std::string what = fmt::format("context {} d_head {}", context, d);
    expect_near(out, attended(x), 5e-6, what);
    k_.attention_backward({qkv.data(), qkv.ld, out.data(), out.ld, weights.data(), inverse.data(), upstream.data(),
                           upstream.ld, dqkv.data(), scratch.data()},
                          shape);
    Matrix expected = slopes(x, [&](const Matrix& v) { return dot(attended(v), dout); });
    for (Index t = 0; t < tokens; ++t) {  // queries and keys leave the head's scale out
      for (Index c = 0; c < 2 * width; ++c) expected(t, c) /= static_cast<double>(scales[at(c / d % heads)]);
    }
    expect_near(dqkv, expected, 3e-5, what + " gradient");
  }
}

TEST_P(NativeKernels, GeluAndItsSlopeOverTheWholeRange) {
  Matrix x(1, 4001);
  for (Index i = 0; i < x.cols; ++i) x(0, i) = static_cast<double>(static_cast<float>(i - 2000) * 0.01F);
  x(0, 0) = -1e4;
  x(0, 4000) = 1e4;
  Rows u(x), slope(1, x.cols);
  k_.gelu(u.data(), slope.data(), u.ld, 1, x.cols);
  for (Index i = 0; i < x.cols; ++i) {
    const double v = x(0, i);
    ASSERT_NEAR(static_cast<double>(u(0, i)), reference::gelu(v), 1e-6 * std::max(1.0, std::abs(v))) << v;
    ASSERT_NEAR(static_cast<double>(slope(0, i)), reference::gelu_slope(v), 2e-6) << v;
  }
  for (Index i = 1; i < 4000; i += 10) {
    constexpr double kStep = 1e-5;
    const double v = x(0, i);
    const double difference = (reference::gelu(v + kStep) - reference::gelu(v - kStep)) / (2 * kStep);
    ASSERT_NEAR(static_cast<double>(slope(0, i)), difference, 2e-6) << v;
  }
  u(0, 0) = kNan;
  k_.gelu(u.data(), slope.data(), u.ld, 1, x.cols);
  EXPECT_TRUE(std::isnan(u(0, 0)) && std::isnan(slope(0, 0)));
}

TEST_P(NativeKernels, CrossEntropyAndItsGradient) {
  for (const Index vocab : {1, 2, 7, 16, 61, 256}) {
    for (const double size : {1.0, 30.0}) {
      const Matrix x = random_matrix(3, vocab, 9, size);
      const std::vector<std::int64_t> targets = {0, vocab - 1, vocab / 2};
      const auto losses_of = [&](const Matrix& v) {
        std::vector<double> losses;
        for (Index r = 0; r < 3; ++r) {
          double top = v(r, 0), total = 0;
          for (Index c = 0; c < vocab; ++c) top = std::max(top, v(r, c));
          for (Index c = 0; c < vocab; ++c) total += std::exp(v(r, c) - top);
          losses.push_back(std::log(total) + top - v(r, targets[at(r)]));
        }
        return losses;
      };
      Rows logits(x);
      std::vector<float> losses(3);
      k_.cross_entropy(logits.data(), logits.ld, targets.data(), losses.data(), 0.0F, 3, vocab);
      logits = Rows(x);
      std::vector<float> again(3);
      k_.cross_entropy(logits.data(), logits.ld, targets.data(), again.data(), 0.25F, 3, vocab);
      EXPECT_EQ(losses, again);
      const std::vector<double> expected = losses_of(x);
      for (std::size_t r = 0; r < 3; ++r) EXPECT_NEAR(static_cast<double>(losses[r]), expected[r], 3e-6 * size);
      const Matrix slope = slopes(x, [&](const Matrix& v) {
        const std::vector<double> l = losses_of(v);
        return 0.25 * (l[0] + l[1] + l[2]);
      });
      expect_near(logits, slope, 1e-6, fmt::format("vocab {}", vocab));
    }
  }
}

TEST_P(NativeKernels, GathersAndScattersRows) {
  for (const Index width : {1, 8, 13, 24}) {
    const Matrix table = random_matrix(5, width, 10);
    const std::vector<float> dense(table.values.begin(), table.values.end());
    const std::vector<std::int64_t> tokens = {4, 0, 4};
    Rows x(3, width);
    k_.gather(dense.data(), tokens.data(), x.data(), x.ld, 3, width);
    std::vector<float> gradient(dense.size());
    k_.scatter_add(x.data(), x.ld, tokens.data(), gradient.data(), 3, width);
    const std::vector<float> times_used = {1, 0, 0, 0, 2};
    for (Index r = 0; r < 5; ++r) {
      for (Index c = 0; c < width; ++c) {
        EXPECT_EQ(gradient[at(r * width + c)], times_used[at(r)] * dense[at(r * width + c)]);
      }
    }
  }
}

TEST_P(NativeKernels, MultipliesInPlace) {
  const Matrix a = random_matrix(3, 21, 11), b = random_matrix(3, 21, 12);
  Matrix expected = a;
  for (std::size_t i = 0; i < a.values.size(); ++i) expected.values[i] *= b.values[i];
  Rows x(a), y(b);
  k_.multiply(x.data(), y.data(), x.ld, 3, 21);
  expect_near(x, expected, 1e-6, "product");
}

TEST(NativeStep, OfSixteenLanesEqualsTheOthers) {
  for (const ModelSpec& spec :
       {ModelSpec{.d_model = 32, .n_layer = 2, .d_head = 8, .n_head = 4, .d_ff = 128, .context = 33, .vocab = 100},
        ModelSpec{.d_model = 24,
        .n_layer = 1,
        .d_head = 12,
        .n_head = 2,
        .d_ff = 20,
        .context = 7,
        .vocab = 61,
        .tie_embeddings = true}}) {
    const Layout layout = make_layout(spec);
    std::vector<float> parameters(at(layout.params));
    initialize(layout, 1, parameters);
    std::vector<std::int64_t> tokens;
    for (Index t = 0; t < 5 * spec.context; ++t) tokens.push_back(t * t % spec.vocab);
    std::vector<std::vector<float>> gradients;
    for (const Kernels* kernels : all_kernels()) {
      if (kernels->bf16) continue;
      std::vector<float> losses(5);
      gradients.emplace_back(parameters.size());
      Step(layout, *kernels)
          .run(parameters.data(), gradients.back().data(), tokens.data(), tokens.data(), 5, losses.data());
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        ASSERT_NEAR(gradients.back()[i], gradients.front()[i], 1e-6) << kernels->name;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, NativeKernels, testing::ValuesIn(all_kernels()),
                         [](const auto& set) { return std::string(set.param->name); });

}  // namespace
}  // namespace scalelaw::native
