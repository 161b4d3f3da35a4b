// Nonlinear least squares with certified answers, in the manner of NIST's Statistical Reference Datasets: several kinds
// of model, each from a far and a near start. The data are made so that the answer is known beforehand: residuals that
// are orthogonal to the Jacobian at chosen constants make these an exact stationary point, with a known sum of squares.
#include <Eigen/Dense>

#include "core/newton.hpp"
#include "fit/fixtures.hpp"

namespace scalelaw {
namespace {

/// A number and its derivatives by the constants: forward differentiation.
struct Dual {
  double x = 0;
  Vector d{};
  Dual(double value = 0) : x(value) {}  // NOLINT: numbers are constants of the model
  static Dual variable(double value, std::size_t k) {
    Dual v(value);
    v.d[k] = 1;
    return v;
  }
};
Dual chain(double value, const Dual& a, double da, const Dual& b = {}, double db = 0) {
  Dual r(value);
  for (std::size_t k = 0; k < kMaxFree; ++k) r.d[k] = da * a.d[k] + db * b.d[k];
  return r;
}
Dual operator+(const Dual& a, const Dual& b) { return chain(a.x + b.x, a, 1, b, 1); }
Dual operator-(const Dual& a, const Dual& b) { return chain(a.x - b.x, a, 1, b, -1); }
Dual operator*(const Dual& a, const Dual& b) { return chain(a.x * b.x, a, b.x, b, a.x); }
Dual operator/(const Dual& a, const Dual& b) { return chain(a.x / b.x, a, 1 / b.x, b, -a.x / (b.x * b.x)); }
Dual exp(const Dual& a) { return chain(std::exp(a.x), a, std::exp(a.x)); }
Dual pow(const Dual& a, const Dual& b) {
  const double v = std::pow(a.x, b.x);
  return chain(v, a, b.x * v / a.x, b, v * std::log(a.x));
}

using Constants = std::vector<Dual>;
struct Model {
  const char* name;
  Dual (*f)(double x, const Constants& b);
  std::vector<double> answer, far, near;
  std::vector<double> x;
  double scatter;  ///< residuals, as a share of the largest value
};

std::vector<double> spaced(double low, double high, int n) {
  std::vector<double> x;
  for (int i = 0; i < n; ++i) x.push_back(low + (high - low) * i / (n - 1));
  return x;
}

std::vector<Model> models() {
  return {
      {"saturation b1 (1 - exp(-b2 x)), few points",
       [](double x, const Constants& b) { return b[0] * (1 - exp(-1.0 * b[1] * x)); },
       {214, 0.55},
       {1, 1},
       {100, 0.75},
       {1, 2, 3, 5, 7, 10},
       0.05},
      {"saturation far from its plateau",
       [](double x, const Constants& b) { return b[0] * (1 - exp(-1.0 * b[1] * x)); },
       {240, 5.5e-4},
       {500, 1e-4},
       {250, 5e-4},
       spaced(77, 760, 14),
       0.002},
      {"sum of three exponentials",
       [](double x, const Constants& b) {
         return b[0] * exp(-1.0 * b[1] * x) + b[2] * exp(-1.0 * b[3] * x) + b[4] * exp(-1.0 * b[5] * x);
       },
       {0.1, 1, 0.9, 3, 1.5, 5},
       {1.2, 0.3, 5.6, 5.5, 6.5, 7.6},
       {0.5, 0.7, 3.6, 4.2, 4, 6.3},
       spaced(0, 1.15, 24),
       1e-5},
      {"a peak b1/b2 exp(-((x - b3)/b2)^2/2)",
       [](double x, const Constants& b) {
         const Dual z = (Dual(x) - b[2]) / b[1];
         return b[0] / b[1] * exp(-0.5 * z * z);
       },
       {1.55, 4.1, 451.5},
       {1, 10, 475},
       {1.5, 5, 450},
       spaced(400, 500, 35),
       0.02},
      {"rational b1 (x^2 + b2 x)/(x^2 + b3 x + b4)",
       [](double x, const Constants& b) { return b[0] * (x * x + b[1] * x) / (x * x + b[2] * x + b[3]); },
       {0.193, 0.191, 0.123, 0.136},
       {2.5, 3.9, 4.15, 3.9},
       {0.25, 0.39, 0.415, 0.39},
       {4, 2, 1, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625},
       0.01},
      {"rational of seven constants",
       [](double x, const Constants& b) {
         return (b[0] + b[1] * x + b[2] * (x * x) + b[3] * (x * x * x)) /
                (1 + b[4] * x + b[5] * (x * x) + b[6] * (x * x * x));
       },
       {1288, 1491, 583, 75, 0.966, 0.398, 0.0497},
       {1000, 1000, 400, 40, 0.7, 0.3, 0.03},
       {1300, 1500, 500, 75, 1, 0.4, 0.05},
       spaced(-3, 2.2, 37),
       0.005},
      {"growth b1/(1 + exp(b2 - b3 x))^(1/b4)",
       [](double x, const Constants& b) { return b[0] / pow(1 + exp(b[1] - b[2] * x), 1 / b[3]); },
       {700, 5.28, 0.76, 1.28},
       {100, 10, 1, 1},
       {700, 5, 0.75, 1.3},
       spaced(1, 15, 15),
       0.02},
      {"two exponentials on a floor",
       [](double x, const Constants& b) { return b[0] + b[1] * exp(-1.0 * b[3] * x) + b[2] * exp(-1.0 * b[4] * x); },
       {0.375, 1.94, -1.46, 0.0129, 0.0221},
       {0.5, 1.5, -1, 0.01, 0.02},
       {0.4, 1.8, -1.3, 0.012, 0.023},
       spaced(0, 320, 33),
       5e-4},
  };
}

Constants variables(std::span<const double> theta) {
  Constants b;
  for (std::size_t k = 0; k < theta.size(); ++k) b.push_back(Dual::variable(theta[k], k));
  return b;
}

/// A vector orthogonal to the columns of j, of root mean square 1.
Eigen::VectorXd orthogonal_noise(const Eigen::MatrixXd& j, std::uint64_t seed) {
  Rng rng = make_rng(seed, "certified");
  Eigen::VectorXd z(j.rows());
  for (Eigen::Index i = 0; i < z.size(); ++i) z(i) = standard_normal(rng);
  Eigen::MatrixXd scaled = j;
  for (Eigen::Index k = 0; k < scaled.cols(); ++k) scaled.col(k).normalize();
  const Eigen::HouseholderQR<Eigen::MatrixXd> qr(scaled);
  for (int twice = 0; twice < 2; ++twice) {
    Eigen::VectorXd c = qr.householderQ().transpose() * z;
    c.head(j.cols()).setZero();
    z = qr.householderQ() * c;
  }
  return z / std::sqrt(z.squaredNorm() / static_cast<double>(z.size()));
}

/// Half the sum of squares over made data, its gradient, and its Hessian: the Gauss-Newton part of it or, with
/// second_order, the rest too, by differences.
NewtonProblem least_squares(const Model& m, const std::vector<double>& y, bool second_order) {
  const std::size_t n = m.answer.size();
  NewtonProblem p{.size = n, .evaluate = {}, .lower = {}, .upper = {}, .max_step = {}};
  double total = 0;
  for (const double v : y) total += v * v;
  p.value_floor = 1e-30 * total;
  for (std::size_t k = 0; k < n; ++k) {
    const double reach = 100 * std::max(std::abs(m.far[k]), std::abs(m.answer[k]));
    p.lower[k] = m.answer[k] > 0 ? 1e-4 * m.answer[k] : -reach;  // signs are known, as those of a law's constants are
    p.upper[k] = reach;
    p.max_step[k] = reach / 50;
  }
  p.evaluate = [&m, y, n, second_order](std::span<const double> theta, LocalModel& at) {
    at = LocalModel{};
    const auto gradient_of = [&](std::span<const double> t, const std::vector<double>& r) {
      Vector g{};
      for (std::size_t i = 0; i < y.size(); ++i) {
        const Dual f = m.f(m.x[i], variables(t));
        for (std::size_t k = 0; k < n; ++k) g[k] += r[i] * f.d[k];
      }
      return g;
    };
    std::vector<double> r;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const Dual f = m.f(m.x[i], variables(theta));
      r.push_back(f.x - y[i]);
      at.value += 0.5 * r[i] * r[i];
      for (std::size_t k = 0; k < n; ++k) {
        for (std::size_t j = 0; j < n; ++j) at.hessian[k][j] += f.d[k] * f.d[j];
      }
    }
    at.gradient = gradient_of(theta, r);
    if (!second_order) return;
    std::vector<double> moved(theta.begin(), theta.end());
    for (std::size_t k = 0; k < n; ++k) {
      const double h = 1e-5 * std::max(std::abs(theta[k]), 1e-4 * std::abs(m.answer[k]));
      moved[k] = theta[k] + h;
      const Vector up = gradient_of(moved, r);
      moved[k] = theta[k] - h;
      const Vector down = gradient_of(moved, r);
      moved[k] = theta[k];
      for (std::size_t j = 0; j < n; ++j) {
        at.hessian[k][j] += 0.25 * (up[j] - down[j]) / h;
        at.hessian[j][k] += 0.25 * (up[j] - down[j]) / h;
      }
    }
  };
  return p;
}

Vector start_of(const std::vector<double>& values) {
  Vector theta{};
  std::ranges::copy(values, theta.begin());
  return theta;
}

TEST(Certified, ModelsLikeThoseOfNistFromFarAndNear) {
  for (const Model& m : models()) {
    const auto rows = static_cast<Eigen::Index>(m.x.size()), columns = static_cast<Eigen::Index>(m.answer.size());
    Eigen::MatrixXd j(rows, columns);
    std::vector<double> y;
    double largest = 0;
    for (Eigen::Index i = 0; i < rows; ++i) {
      const Dual f = m.f(m.x[static_cast<std::size_t>(i)], variables(m.answer));
      for (Eigen::Index k = 0; k < columns; ++k) j(i, k) = f.d[static_cast<std::size_t>(k)];
      y.push_back(f.x);
      largest = std::max(largest, std::abs(f.x));
    }
    const Eigen::VectorXd noise = orthogonal_noise(j, 1) * (m.scatter * largest);
    for (Eigen::Index i = 0; i < rows; ++i) y[static_cast<std::size_t>(i)] += noise(i);
    for (const auto& start : {m.far, m.near}) {
      // From afar with the Gauss-Newton part, which is never indefinite, or with the whole Hessian at once: the better.
      const NewtonOptions rough{.max_evaluations = 2000, .tolerance = 1e-6, .polish = false};
      const Vector near = minimise(least_squares(m, y, false), start_of(start), rough).theta;
      const NewtonResult slow = minimise(least_squares(m, y, true), near, {.max_evaluations = 2000});
      const NewtonResult fast = minimise(least_squares(m, y, true), start_of(start), {.max_evaluations = 2000});
      const NewtonResult& r = slow.at.value < fast.at.value ? slow : fast;
      EXPECT_EQ(r.status, NewtonStatus::converged) << m.name << (start == m.far ? ", far" : ", near");
      EXPECT_NEAR(2 * r.at.value / noise.squaredNorm(), 1, 1e-9) << m.name;
      // Exchanging two exponentials changes nothing, so constants are compared where the model has no such twins.
      for (std::size_t k = 0; k < m.answer.size(); ++k) {
        if (std::string(m.name) == "sum of three exponentials") break;
        EXPECT_NEAR(r.theta[k] / m.answer[k], 1, 1e-7) << m.name << ", b" << k + 1;
      }
    }
  }
}

// The same for the laws themselves through the whole fitter: residuals r = ln L_predicted - ln L (or L_predicted - L)
// with sum psi(r) dr/dtheta = 0 at the law's own constants.
struct LawCase {
  LawKind kind;
  std::vector<double> values;
};

std::vector<LawCase> law_cases() {
  return {{LawKind::chinchilla, {1.1, 10.0, 25.0, 0.26, 0.25}},
          {LawKind::kaplan, {3e7, 2e9, 0.2, 0.3}},
          {LawKind::power_n, {2e7, 0.2, 0.9}},
          {LawKind::power_d, {4e9, 0.15, 0.9}},
          {LawKind::power_c, {4e16, 0.1, 0.9}},
          {LawKind::kaplan_steps, {3e7, 900.0, 0.15, 0.6}},
          {LawKind::overtraining, {1.1, 40.0, 60.0, 0.13}},
          {LawKind::data_constrained, {1.1, 10.0, 25.0, 0.26, 0.25, 9.0, 4.0}},
          {LawKind::data_overfitting, {1.1, 10.0, 25.0, 0.26, 0.25, 0.3, 0.8, 0.4}},
          {LawKind::optimal, {0.3, 0.52}}};
}

// psi with J' psi = 0; with Huber's function every seventh residual lies beyond delta.
std::vector<double> residuals_for(const Eigen::MatrixXd& j, ObjectiveKind kind, double delta) {
  const Eigen::Index n = j.rows();
  std::vector<double> r(static_cast<std::size_t>(n));
  if (kind != ObjectiveKind::log_huber) {
    const Eigen::VectorXd z = orthogonal_noise(j, 2) * 0.004;
    for (Eigen::Index i = 0; i < n; ++i) r[static_cast<std::size_t>(i)] = z(i);
    return r;
  }
  Rng rng = make_rng(3, "certified");
  std::vector<Eigen::Index> inliers;
  Eigen::VectorXd outer = Eigen::VectorXd::Zero(j.cols());
  for (Eigen::Index i = 0; i < n; ++i) {
    if (i % 7 != 3) {
      inliers.push_back(i);
      continue;
    }
    const double sign = (i / 7) % 2 == 0 ? 1 : -1;
    r[static_cast<std::size_t>(i)] = sign * delta * (2 + 8 * uniform01(rng));
    outer += sign * delta * j.row(i).transpose();
  }
  Eigen::MatrixXd inner(static_cast<Eigen::Index>(inliers.size()), j.cols());
  Eigen::VectorXd z(inner.rows());
  for (Eigen::Index i = 0; i < inner.rows(); ++i) {
    inner.row(i) = j.row(inliers[static_cast<std::size_t>(i)]);
    z(i) = 0.3 * delta * standard_normal(rng);
  }
  Eigen::VectorXd scale(j.cols());
  for (Eigen::Index k = 0; k < j.cols(); ++k) scale(k) = 1 / inner.col(k).norm();
  const Eigen::MatrixXd scaled = inner * scale.asDiagonal();
  const Eigen::VectorXd target = scale.asDiagonal() * outer;
  for (int twice = 0; twice < 3; ++twice) {
    const Eigen::VectorXd off = scaled.transpose() * z + target;
    z -= scaled * (scaled.transpose() * scaled).ldlt().solve(off);
  }
  for (Eigen::Index i = 0; i < inner.rows(); ++i) {
    EXPECT_LT(std::abs(z(i)), delta) << "the construction needs its inliers inside";
    r[static_cast<std::size_t>(inliers[static_cast<std::size_t>(i)])] = z(i);
  }
  return r;
}

TEST(Certified, EveryLawUnderEveryObjective) {
  for (const LawCase& c : law_cases()) {
    const Law law{.kind = c.kind, .values = c.values, .name = "", .source = "", .convention = {}};
    for (const ObjectiveKind kind : {ObjectiveKind::log_mse, ObjectiveKind::mse, ObjectiveKind::log_huber}) {
      if (c.kind == LawKind::optimal && kind != ObjectiveKind::log_mse) continue;  // a straight line in logarithms
      const bool logs = kind != ObjectiveKind::mse;
      std::vector<Observation> points = test::isoflop_design(test::tiny_law(), test::kTinyBudgets, 14, 12, 0, 1);
      Eigen::MatrixXd j(std::ssize(points), std::ssize(c.values));
      std::vector<double> predicted;
      for (std::size_t i = 0; i < points.size(); ++i) {
        points[i].unique_tokens = points[i].tokens / std::pow(2.0, static_cast<double>(i % 6));
        points[i].steps = points[i].tokens / (1e3 * (1 + static_cast<double>(i % 5)));
        std::vector<double> g(c.values.size());
        (void)loss_and_gradient(law, law_point(points[i]), g);
        predicted.push_back(predict_loss(law, law_point(points[i])));
        for (std::size_t k = 0; k < g.size(); ++k) {
          j(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(k)) = logs ? g[k] / predicted[i] : g[k];
        }
      }
      const std::vector<double> r = residuals_for(j, kind, 1e-3);
      double expected = 0;
      for (std::size_t i = 0; i < points.size(); ++i) {
        const double observed = logs ? predicted[i] * std::exp(-r[i]) : predicted[i] - r[i];
        (c.kind == LawKind::optimal ? points[i].params : points[i].loss_nats) = observed;
        const double size = std::abs(r[i]);
        expected += kind != ObjectiveKind::log_huber ? size * size
                    : size <= 1e-3                   ? 0.5 * size * size
                                                     : 1e-3 * (size - 0.5e-3);
      }
      FitOptions options{.law = c.kind, .objective = {.kind = kind}, .offset = true, .profile = false};
      const FitResult fitted = fit_points(points, options);
      const std::string what = law_form(c.kind).name + " " + std::string(name_of(kind));
      ASSERT_TRUE(fitted.converged()) << what << ": " << fitted.message;
      EXPECT_NEAR(fitted.parametric().objective_value / expected, 1, 1e-9) << what;
      for (std::size_t k = 0; k < c.values.size(); ++k) {
        EXPECT_NEAR(fitted.fitted.values[k] / c.values[k], 1, 1e-6) << what << " " << law_form(c.kind).parameters[k];
      }
    }
  }
}

}  // namespace
}  // namespace scalelaw
