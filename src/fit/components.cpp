#include "fit/components.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/random/chi_squared_distribution.hpp>
#include <cmath>
#include <limits>
#include <map>

#include "core/linear_algebra.hpp"

namespace scalelaw::inline fit {
namespace {

// Shapes of fewer than these say nothing apart from the law's own term of N, and a design of so few has no law of two
// variables anyway.
constexpr std::size_t kFewestShapes = 3;
constexpr std::array kShapeShares = {0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8};
constexpr std::array kTrunkShares = {0.0, 0.2, 0.4, 0.6, 0.8};  // of what shapes leave
constexpr std::array kSlopes = {0.0, 2.0, 4.0};                 // Porian et al. 2024 quote sd ~ L^3.8

// The grid of shares and slopes, with the logarithm of the probability before the points.
struct SharesPoint {
  NoiseShares shares;
  double log_prior = 0;
};

std::vector<SharesPoint> candidates(const SharedUnits& units, const std::optional<NoiseModel>& seeds,
                                    const SharesAssumed& assumed) {
  const bool shapes = units.any_shape() && units.shapes >= kFewestShapes, trunks = units.any_trunk();
  std::vector<double> slopes(kSlopes.begin(), kSlopes.end());
  if (seeds && seeds->slope != 0) slopes = {seeds->slope};
  std::vector<SharesPoint> out;
  for (const double slope : slopes) {
    if (assumed.held) {
      out.push_back(
          {{.shape = shapes ? assumed.held->shape : 0, .trunk = trunks ? assumed.held->trunk : 0, .slope = slope}, 0});
      continue;
    }
    for (const double shape : kShapeShares) {
      if (shape > assumed.largest_shape + 1e-9 || (!shapes && shape > 0)) continue;
      // Half a step of the grid stands for the density about 0.
      const double log_prior = shapes ? assumed.shape_power * std::log(std::max(shape, 0.05)) : 0;
      for (const double trunk : kTrunkShares) {
        if (!trunks && trunk > 0) continue;
        out.push_back({{.shape = shape, .trunk = trunk * (1 - shape), .slope = slope}, log_prior});
      }
    }
  }
  return out;
}

// The points used, as the mixed model sees them: rows of J and Z = (S T), and ln(L/L0).
struct MixedModel {
  Eigen::MatrixXd jacobian, incidence;
  Eigen::VectorXd residual, log_ratio, root_seeds;
  Eigen::Index shapes = 0;
};

MixedModel mixed_model(const std::vector<Observation>& points, const FitResiduals& at, std::size_t parameters,
                       const NoiseComponents& noise) {
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (at.used[i]) rows.push_back(i);
  }
  const auto n = static_cast<Eigen::Index>(rows.size()), p = static_cast<Eigen::Index>(parameters);
  const auto shapes = static_cast<Eigen::Index>(noise.units.shapes),
             trunks = static_cast<Eigen::Index>(noise.units.trunks);
  MixedModel m{.jacobian = Eigen::MatrixXd(n, p),
               .incidence = Eigen::MatrixXd::Zero(n, shapes + trunks),
               .residual = Eigen::VectorXd(n),
               .log_ratio = Eigen::VectorXd(n),
               .root_seeds = Eigen::VectorXd(n),
               .shapes = shapes};
  for (Eigen::Index i = 0; i < n; ++i) {
    const std::size_t row = rows[static_cast<std::size_t>(i)];
    for (Eigen::Index k = 0; k < p; ++k)
      m.jacobian(i, k) = at.log_jacobian[row * parameters + static_cast<std::size_t>(k)];
    m.residual(i) = at.log_residual[row];
    m.log_ratio(i) = at.log_predicted[row] - noise.log_reference;
    m.root_seeds(i) = std::sqrt(points[row].seeds);
    m.incidence(i, static_cast<Eigen::Index>(noise.units.shape[row])) = 1;
    m.incidence(i, shapes + static_cast<Eigen::Index>(noise.units.trunk[row])) = 1;
  }
  // Columns of one length: what is left of the residuals depends on their span alone.
  for (Eigen::Index k = 0; k < p; ++k) {
    const double norm = m.jacobian.col(k).norm();
    if (norm > 0) m.jacobian.col(k) /= norm;
  }
  return m;
}

struct Likelihood {
  double log_value = 0;  ///< but for q, of the restricted likelihood
  double squares = 0;    ///< q
};

// Henderson's mixed-model equations (Henderson 1975, Biometrics 31, 423-447). With y = D^-1 r, X = D^-1 J, own share
// e = 1 - s - t and G the shares of the columns of Z that are not 0,
//   C = [X'X  X'Z; Z'X  Z'Z + e G^-1] / e,   ln|V| + ln|J'V^-1 J| = n ln e + ln|G| + ln|C| + 2 ln|D|,
//   q = (y'y - b' (e C)^-1 b)/e,   b = (X'y; Z'y),
// so that a cell costs a Cholesky factor of the size of parameters, shapes and trunks together, however many the runs.
std::optional<Likelihood> likelihood_at(const MixedModel& m, const NoiseShares& shares) {
  const Eigen::VectorXd inverse = ((-shares.slope * m.log_ratio.array()).exp() * m.root_seeds.array()).matrix();
  const Eigen::Index n = m.residual.size(), p = m.jacobian.cols(), q = m.incidence.cols();
  std::vector<Eigen::Index> open;
  for (Eigen::Index k = 0; k < q; ++k) {
    if ((k < m.shapes ? shares.shape : shares.trunk) > 0) open.push_back(k);
  }
  const auto random = static_cast<Eigen::Index>(open.size());
  Eigen::MatrixXd both(n, p + random);
  both.leftCols(p) = inverse.asDiagonal() * m.jacobian;
  both.rightCols(random) = m.incidence(Eigen::all, open);
  const Eigen::VectorXd y = inverse.cwiseProduct(m.residual);
  const double own = 1 - shares.shape - shares.trunk;
  Eigen::MatrixXd c = both.transpose() * both;
  double log_shares = 0;
  for (Eigen::Index k = 0; k < random; ++k) {
    const double share = open[static_cast<std::size_t>(k)] < m.shapes ? shares.shape : shares.trunk;
    c(p + k, p + k) += own / share;
    log_shares += std::log(share);
  }
  const std::optional<InverseForm> form = inverse_form(c, both.transpose() * y);
  if (!form) return std::nullopt;
  const double log_own = std::log(own), log_c = form->log_determinant - static_cast<double>(p + random) * log_own;
  return Likelihood{
      .log_value = -0.5 * (static_cast<double>(n) * log_own + log_shares + log_c) + inverse.array().log().sum(),
      .squares = (y.squaredNorm() - form->value) / own};
}

}  // namespace

SharedUnits shared_units(const std::vector<Observation>& points) {
  SharedUnits out;
  std::map<std::pair<std::string, double>, std::size_t> shapes;
  std::map<std::string, std::size_t> trunks;
  for (const Observation& o : points) {
    const auto key = o.shape.empty() ? std::pair(std::string(), o.params) : std::pair(o.shape, 0.0);
    out.shape.push_back(shapes.try_emplace(key, shapes.size()).first->second);
    if (o.group.empty()) {
      out.trunk.push_back(out.trunks++);
    } else {
      const auto [it, fresh] = trunks.try_emplace(o.group, out.trunks);
      if (fresh) ++out.trunks;
      out.trunk.push_back(it->second);
    }
  }
  out.shapes = shapes.size();
  return out;
}

NoiseShares NoiseComponents::mean_shares() const {
  NoiseShares mean;
  double before = 0;
  for (const Cell& cell : cells) {
    const double probability = cell.cumulative - before;
    before = cell.cumulative;
    mean.shape += probability * cell.shares.shape;
    mean.trunk += probability * cell.shares.trunk;
    mean.slope += probability * cell.shares.slope;
  }
  return mean;
}

double NoiseComponents::sd() const {
  double variance = 0, before = 0;
  for (const Cell& cell : cells) {
    variance +=
        (cell.cumulative - before) * cell.squares / std::max(freedom - 2, 1.0);  // mean of squares / chi-squared
    before = cell.cumulative;
  }
  return std::sqrt(variance);
}

NoiseComponents noise_components(const std::vector<Observation>& points, const FitResiduals& at, std::size_t parameters,
                                 const std::optional<NoiseModel>& seeds, const SharesAssumed& assumed) {
  NoiseComponents out;
  out.units = shared_units(points);
  out.log_predicted = at.log_predicted;
  double used = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    out.seeds.push_back(points[i].seeds);
    if (!at.used[i]) continue;
    out.log_reference += at.log_predicted[i];
    used += 1;
  }
  out.freedom = used - static_cast<double>(parameters);
  if (out.freedom < 1) return out;
  out.log_reference /= used;
  double seed_squares = 0;
  if (seeds) {
    const auto freedom = static_cast<double>(seeds->freedom);
    seed_squares = freedom * std::pow(seeds->at(std::exp(out.log_reference)), 2);
    out.freedom += freedom;
  }
  const MixedModel model = mixed_model(points, at, parameters, out);
  std::vector<double> log_weight;
  double largest = -std::numeric_limits<double>::infinity();
  for (const SharesPoint& candidate : candidates(out.units, seeds, assumed)) {
    const std::optional<Likelihood> at_cell = likelihood_at(model, candidate.shares);
    if (!at_cell || !(at_cell->squares + seed_squares > 0)) continue;
    const double squares = at_cell->squares + seed_squares;
    log_weight.push_back(candidate.log_prior + at_cell->log_value - 0.5 * out.freedom * std::log(squares));
    largest = std::max(largest, log_weight.back());
    out.cells.push_back({.shares = candidate.shares, .squares = squares});
  }
  double sum = 0;
  for (std::size_t k = 0; k < out.cells.size(); ++k) out.cells[k].cumulative = sum += std::exp(log_weight[k] - largest);
  for (NoiseComponents::Cell& cell : out.cells) cell.cumulative /= sum;
  return out;
}

std::vector<double> draw_noise(const NoiseComponents& noise, Rng& rng) {
  const double at = uniform01(rng);
  const auto it = std::ranges::lower_bound(noise.cells, at, {}, &NoiseComponents::Cell::cumulative);
  const NoiseComponents::Cell& cell = it == noise.cells.end() ? noise.cells.back() : *it;
  const double sd = std::sqrt(cell.squares / boost::random::chi_squared_distribution<double>(noise.freedom)(rng));
  const auto normals = [&](std::size_t count, double share) {
    std::vector<double> out(count);
    for (double& x : out) x = std::sqrt(share) * standard_normal(rng);
    return out;
  };
  const NoiseShares& shares = cell.shares;
  const std::vector<double> shape = normals(noise.units.shapes, shares.shape),
                            trunk = normals(noise.units.trunks, shares.trunk),
                            own = normals(noise.units.points(), std::max(0.0, 1 - shares.shape - shares.trunk));
  std::vector<double> out(noise.units.points());
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double scale =
        sd * std::exp(shares.slope * (noise.log_predicted[i] - noise.log_reference)) / std::sqrt(noise.seeds[i]);
    out[i] = scale * (shape[noise.units.shape[i]] + trunk[noise.units.trunk[i]] + own[i]);
  }
  return out;
}

std::string describe(const NoiseComponents& noise) {
  const NoiseShares shares = noise.mean_shares();
  constexpr double kNothing = 0.005;
  const bool shape = noise.units.any_shape() && shares.shape > kNothing;
  const bool trunk = noise.units.any_trunk() && shares.trunk > kNothing;
  std::string text = fmt::format("sd of ln loss {:.2g}", noise.sd());
  if (!shape && !trunk) return text + ", independent from run to run";
  if (shape) text += fmt::format(", {:.2f} of its variance shared by the runs of a shape", shares.shape);
  if (trunk && shape) text += fmt::format(", {:.2f} by those of a trunk", shares.trunk);
  if (trunk && !shape) text += fmt::format(", {:.2f} of its variance shared by the runs of a trunk", shares.trunk);
  return text;
}

}  // namespace scalelaw::inline fit
