#include "select/noise.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "core/newton.hpp"
#include "core/stats.hpp"
#include "select/population.hpp"

namespace scalelaw::inline select {
namespace {

/// Replicates of one run.
struct Replicates {
  double log_loss = 0;  ///< mean
  double squares = 0;   ///< sum of squares about it
  double freedom = 0;
};

/// By what replicates share, then by seed: ln loss. A second run of one seed is no replicate.
using SeedLosses = std::map<std::string, std::map<double, double>>;

void add_replicate(SeedLosses& same, const std::string& key, const Observation& o) {
  if (!o.seed || !(o.loss_nats > 0) || !std::isfinite(o.loss_nats)) return;
  same[key].try_emplace(*o.seed, std::log(o.loss_nats));
}

/// What points say of replicate_key.
std::string point_key(const Observation& o) {
  return fmt::format("{} {} {} {} {} {} {}", o.params, o.tokens, o.unique_tokens.value_or(0), o.lr.value_or(0),
                     o.steps.value_or(0), o.batch_tokens.value_or(0), o.shape);
}

std::vector<Replicates> replicates_of(const SeedLosses& same) {
  std::vector<Replicates> out;
  for (const auto& [key, by_seed] : same) {
    if (by_seed.size() < 2) continue;
    std::vector<double> losses;
    for (const auto& [seed, loss] : by_seed) losses.push_back(loss);
    const double sd = standard_deviation(losses), freedom = static_cast<double>(losses.size()) - 1;
    out.push_back({.log_loss = mean(losses), .squares = sd * sd * freedom, .freedom = freedom});
  }
  return out;
}

// Minus the log likelihood of ln sd_i = ln sd + u + v (x_i - center), x_i = ln loss, as a function of (u, v).
void likelihood(const std::vector<Replicates>& sets, double sd, double center, std::span<const double> t,
                LocalModel& at) {
  at = LocalModel{};
  for (const Replicates& r : sets) {
    const double x = r.log_loss - center, u = t[0] + t[1] * x;
    const double share = r.squares / (sd * sd) * std::exp(-2 * u), slope = r.freedom - share;
    at.value += r.freedom * u + 0.5 * share;
    at.gradient[0] += slope;
    at.gradient[1] += slope * x;
    at.hessian[0][0] += 2 * share;
    at.hessian[0][1] += 2 * share * x;
    at.hessian[1][1] += 2 * share * x * x;
  }
  at.hessian[1][0] = at.hessian[0][1];
}

std::optional<NoiseModel> likeliest(const std::vector<Replicates>& sets) {
  double squares = 0, freedom = 0, center = 0;
  for (const Replicates& r : sets) {
    squares += r.squares;
    freedom += r.freedom;
    center += r.freedom * r.log_loss;
  }
  if (freedom < 3) return std::nullopt;
  center /= freedom;
  NoiseModel model{.sd = std::sqrt(squares / freedom),
                   .at_loss = std::exp(center),
                   .slope = 0,
                   .freedom = static_cast<std::int64_t>(freedom)};
  if (sets.size() < 3 || !(model.sd > 0)) return model;
  NewtonProblem problem{
      .size = 2,
      .evaluate = [&](std::span<const double> t, LocalModel& at) { likelihood(sets, model.sd, center, t, at); },
      .lower = {-20, -30},
      .upper = {20, 30},
      .max_step = {1, 2},
      .value_floor = 1e-10};
  const NewtonResult found = minimise(problem, {0, 0}, {.tolerance = 0, .polish = false});
  constexpr double kChi2 = 3.841458820694124;  // 95 % quantile with one degree of freedom
  if (found.status != NewtonStatus::converged || 2 * (0.5 * freedom - found.at.value) < kChi2) return model;
  model.sd *= std::exp(found.theta[0]);
  model.slope = found.theta[1];
  return model;
}

}  // namespace

double NoiseModel::at(double loss_nats) const { return sd * std::pow(loss_nats / at_loss, slope); }

double robust_scatter(std::vector<double> size, std::size_t parameters, bool huber) {
  constexpr double kNormal = 1.4826;  // standard deviation of normal values over their median size
  const std::size_t n = size.size(), fitted = std::min(parameters, n - 1);
  if (!huber) {
    return kNormal * quantile(size, 0.5) * std::sqrt(static_cast<double>(n) / static_cast<double>(n - fitted));
  }
  std::ranges::sort(size);
  return kNormal * quantile({size.begin() + static_cast<std::ptrdiff_t>(fitted), size.end()}, 0.5);
}

double outlier_limit(std::size_t n, std::size_t parameters, std::size_t trials, double level) {
  constexpr double kEfficiency = 0.37;  // of a median of sizes: it is worth so many of its degrees of freedom
  const double freedom = std::max(2.0, kEfficiency * (static_cast<double>(n) - static_cast<double>(parameters)));
  return student_quantile(1 - level / (2 * static_cast<double>(trials)), freedom);
}

std::optional<NoiseModel> estimate_noise(const std::vector<Observation>& points) {
  SeedLosses same;
  for (const Observation& o : points) add_replicate(same, point_key(o), o);
  return likeliest(replicates_of(same));
}

std::optional<NoiseModel> estimate_noise(const std::vector<RunRecord>& records, std::int64_t min_steps) {
  SeedLosses same;
  for (const RunRecord& record : records) {
    if (run_steps(record.spec) < min_steps) continue;
    if (const auto point = observe(record, {})) add_replicate(same, replicate_key(record.spec), *point);
  }
  return likeliest(replicates_of(same));
}

}  // namespace scalelaw::inline select
