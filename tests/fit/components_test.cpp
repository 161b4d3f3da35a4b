// Noise that shapes and trunks share: its likelihood against plain matrices, what is found of it, and its draws.
#include "fit/components.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "fit/fixtures.hpp"
#include "fit/minimum.hpp"

namespace scalelaw {
namespace {

/// shapes x lengths; each shape has two trunks.
std::vector<Observation> grid(int shapes, int lengths) {
  std::vector<Observation> points;
  for (int i = 0; i < shapes; ++i) {
    for (int j = 0; j < lengths; ++j) {
      Observation o;
      o.params = 1e4 * std::pow(100.0, i / (shapes - 1.0));
      o.tokens = 1e6 * std::pow(100.0, j / (lengths - 1.0));
      o.flops = 6 * o.params * o.tokens;
      o.shape = std::to_string(i);
      o.group = fmt::format("{}/{}", i, j % 2);
      o.loss_nats = predict_loss(test::tiny_law(), o.scale());
      points.push_back(o);
    }
  }
  return points;
}

void add_noise(std::vector<Observation>& points, double sd, double shape_share, std::uint64_t seed) {
  Rng rng = make_rng(seed, "noise");
  std::map<std::string, double> shared;
  for (Observation& o : points) {
    const double z = shared.try_emplace(o.shape, standard_normal(rng)).first->second;
    o.loss_nats *= std::exp(sd * (std::sqrt(shape_share) * z + std::sqrt(1 - shape_share) * standard_normal(rng)));
  }
}

using Matrix = std::vector<std::vector<double>>;

/// Cholesky factor in plain loops, in place; the logarithm of the determinant.
double factor(Matrix& a) {
  double log_determinant = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = a[i][j];
      for (std::size_t k = 0; k < j; ++k) sum -= a[i][k] * a[j][k];
      a[i][j] = i == j ? std::sqrt(sum) : sum / a[j][j];
    }
    log_determinant += 2 * std::log(a[i][i]);
  }
  return log_determinant;
}
std::vector<double> solved(const Matrix& l, std::vector<double> b) {  // L y = b
  for (std::size_t i = 0; i < b.size(); ++i) {
    for (std::size_t k = 0; k < i; ++k) b[i] -= l[i][k] * b[k];
    b[i] /= l[i][i];
  }
  return b;
}
double dot(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// ln p(shares) but for a constant, and q, from the covariance matrix itself.
std::pair<double, double> by_plain_matrices(const std::vector<Observation>& points, const FitResiduals& at,
                                            std::size_t p, const NoiseShares& shares, double log_reference) {
  const std::size_t n = points.size();
  Matrix v(n, std::vector<double>(n));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      const double scale = std::exp(shares.slope * (at.log_predicted[i] + at.log_predicted[j] - 2 * log_reference));
      v[i][j] = scale * ((points[i].shape == points[j].shape ? shares.shape : 0) +
                         (points[i].group == points[j].group ? shares.trunk : 0) +
                         (i == j ? 1 - shares.shape - shares.trunk : 0));
    }
  }
  const double log_v = factor(v);
  std::vector<std::vector<double>> x;
  for (std::size_t k = 0; k < p; ++k) {
    std::vector<double> column(n);
    double norm = 0;
    for (std::size_t i = 0; i < n; ++i) norm += std::pow(column[i] = at.log_jacobian[i * p + k], 2);
    for (double& c : column) c /= std::sqrt(norm);
    x.push_back(solved(v, column));
  }
  const std::vector<double> r = solved(v, at.log_residual);
  Matrix gram(p, std::vector<double>(p));
  std::vector<double> right(p);
  for (std::size_t k = 0; k < p; ++k) {
    right[k] = dot(x[k], r);
    for (std::size_t l = 0; l < p; ++l) gram[k][l] = dot(x[k], x[l]);
  }
  const double log_gram = factor(gram);
  const std::vector<double> explained = solved(gram, right);
  const double q = dot(r, r) - dot(explained, explained);
  return {-0.5 * (log_v + log_gram) - 0.5 * static_cast<double>(n - p) * std::log(q), q};
}

NoiseComponents noise_of(const std::vector<Observation>& points, const std::optional<NoiseModel>& seeds = {},
                         const SharesAssumed& assumed = {}) {
  FitOptions options{.objective = {.kind = ObjectiveKind::log_mse}, .profile = false, .goodness = false};
  options.noise = seeds;
  return *noise_of_fit(fit_points(points, options), points, options, assumed);
}

TEST(NoiseComponents, TheirLikelihoodIsThatOfTheCovarianceMatrixItself) {
  std::vector<Observation> points = grid(6, 5);
  add_noise(points, 0.01, 0.5, 1);
  const FitOptions options{.objective = {.kind = ObjectiveKind::log_mse}, .profile = false, .goodness = false};
  const FitResult fit = fit_points(points, options);
  const Minimum m = minimum_of(fit, points, options);
  FitResiduals at;
  Rng rng = make_rng(3, "jacobian");
  for (const Observation& o : points) {
    at.log_predicted.push_back(std::log(predict_loss(fit.fitted, o.scale())));
    at.log_residual.push_back(at.log_predicted.back() - std::log(o.loss_nats));
    for (int k = 0; k < 5; ++k) at.log_jacobian.push_back(standard_normal(rng));
    at.used.push_back(true);
  }
  ASSERT_EQ(m.problem.free.size(), 5U);
  const NoiseComponents noise = noise_components(points, at, 5, std::nullopt, {.largest_shape = 0.8, .shape_power = 0});
  ASSERT_GT(noise.cells.size(), 100U);
  const NoiseComponents::Cell& first = noise.cells.front();
  const auto base = by_plain_matrices(points, at, 5, first.shares, noise.log_reference);
  double before = 0;
  for (const NoiseComponents::Cell& cell : noise.cells) {
    const auto [value, q] = by_plain_matrices(points, at, 5, cell.shares, noise.log_reference);
    EXPECT_NEAR(cell.squares / q, 1, 1e-8);
    const double probability = cell.cumulative - before;
    before = cell.cumulative;
    if (probability > 1e-12) {
      EXPECT_NEAR(std::log(probability / first.cumulative), value - base.first, 1e-6)
          << cell.shares.shape << " " << cell.shares.trunk << " " << cell.shares.slope;
    }
  }
  EXPECT_NEAR(before, 1, 1e-12);
}

TEST(NoiseComponents, ManyShapesShowWhatTheyShareWhateverIsAssumed) {
  std::vector<Observation> shared = grid(40, 5), alone = grid(40, 5);
  add_noise(shared, 0.005, 0.6, 2);
  add_noise(alone, 0.005, 0, 2);
  EXPECT_NEAR(noise_of(shared).mean_shares().shape, 0.6, 0.15);
  EXPECT_LT(noise_of(alone).mean_shares().shape, 0.25);
  EXPECT_NEAR(noise_of(shared).sd(), 0.005, 0.0015);
  EXPECT_NEAR(noise_of(alone).sd(), 0.005, 0.001);
}

TEST(NoiseComponents, FewShapesAreTakenToShareWhatIsAssumedAndSeedsSayOtherwise) {
  std::vector<Observation> points = grid(5, 6);
  add_noise(points, 0.003, 0, 4);
  EXPECT_GT(noise_of(points).mean_shares().shape, 0.6);
  EXPECT_EQ(noise_of(points, {}, {.largest_shape = 0}).mean_shares().shape, 0);
  // Seeds that differ by as much as the residuals: nothing is left that shapes could share unseen.
  const NoiseModel seeds{.sd = 0.003, .at_loss = 1.5, .slope = 0, .freedom = 100};
  EXPECT_LT(noise_of(points, seeds).mean_shares().shape, noise_of(points).mean_shares().shape - 0.1);
  EXPECT_NEAR(noise_of(points, seeds).sd(), 0.003, 0.0008);
}

TEST(NoiseComponents, DrawsHaveTheSharesAndTheSizeOfTheirCell) {
  std::vector<Observation> points = grid(5, 6);
  add_noise(points, 0.003, 0, 5);
  for (Observation& o : points) o.seeds = 4;  // means of four seeds
  const NoiseComponents noise = noise_of(points, {}, {.held = NoiseShares{.shape = 0.5, .trunk = 0.3}});
  double variance = 0, shape = 0, trunk = 0, apart = 0;
  constexpr int kDraws = 20000;
  for (int i = 0; i < kDraws; ++i) {
    Rng rng = make_rng(1, "draw", static_cast<std::uint64_t>(i));
    const std::vector<double> e = draw_noise(noise, rng);
    variance += e[14] * e[14];
    trunk += e[14] * e[16];  // of one shape, of one trunk
    shape += e[14] * e[15];  // of one shape, of two trunks
    apart += e[14] * e[20];
  }
  EXPECT_NEAR(shape / variance, 0.5, 0.05);
  EXPECT_NEAR(trunk / variance, 0.8, 0.05);
  EXPECT_NEAR(apart / variance, 0, 0.05);
  EXPECT_NEAR(std::sqrt(variance / kDraws) / (noise.sd() / 2), 1, 0.15) << "sd is of one run";
}

TEST(SharedUnits, AreShapesOrElseSizesAndGroupsOrElseRuns) {
  std::vector<Observation> points = grid(3, 2);
  points[0].shape.clear();
  points[1].shape.clear();
  points[5].group.clear();
  const SharedUnits units = shared_units(points);
  EXPECT_EQ(units.shapes, 3U);
  EXPECT_EQ(units.shape[0], units.shape[1]) << "one N";
  EXPECT_EQ(units.trunks, 6U);
  EXPECT_TRUE(units.any_shape());
  EXPECT_FALSE(units.any_trunk()) << "every trunk has one point here";
}

TEST(ComponentsBootstrap, IsWiderThanThatOfIndependentNoiseAndTheSameOnAnyNumberOfThreads) {
  std::vector<Observation> points = grid(6, 6);
  add_noise(points, 0.003, 0.7, 6);
  FitOptions options{.profile = false, .bootstrap = {.replicates = 200}};
  const FitResult r = fit_points(points, options);
  EXPECT_EQ(r.bootstrap.resample, Resample::components);
  EXPECT_THAT(r.bootstrap.noise, testing::HasSubstr("shared by the runs of a shape"));
  options.threads = 2;
  EXPECT_EQ(fit_points(points, options).bootstrap.draws, r.bootstrap.draws);
  options.bootstrap.resample = Resample::parametric;
  EXPECT_GT(r.bootstrap.derived_se.at("a"), 1.3 * fit_points(points, options).bootstrap.derived_se.at("a"));
  options.bootstrap.resample = Resample::shapes;
  EXPECT_GT(fit_points(points, options).bootstrap.draws.size(), 150U);
}

}  // namespace
}  // namespace scalelaw
