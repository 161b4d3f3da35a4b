#include "fit/valley.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <set>

#include <fmt/ranges.h>

#include "core/format.hpp"
#include "core/linear_algebra.hpp"
#include "core/stats.hpp"
#include "fit/parametric.hpp"

namespace scalelaw::inline fit {
namespace {

constexpr double kOffValley = 0.05;  // relative; runs that never learned miss every valley by more
constexpr double kOffInNoise = 4;
constexpr double kMinimumBias = 0.1;  // of ln N*

// Largest |residual| of least squares of 1 on the columns, or infinity where a column but the first has a negative
// coefficient.
double misfit(const Eigen::MatrixXd& columns) {
  const Eigen::VectorXd ones = Eigen::VectorXd::Ones(columns.rows());
  const Eigen::VectorXd c = least_squares(columns, ones);
  for (Eigen::Index k = 1; k < c.size(); ++k) {
    if (!(c(k) >= 0)) return std::numeric_limits<double>::infinity();
  }
  return (ones - columns * c).cwiseAbs().maxCoeff();
}

// Minimum of a function with one, by golden section.
template <class F>
double golden_minimum(F&& f, double low, double high) {
  constexpr double kGolden = 0.6180339887498949;
  double a = high - kGolden * (high - low), b = low + kGolden * (high - low), fa = f(a), fb = f(b);
  while (high - low > 1e-7) {
    if (fa < fb) {
      high = b;
      b = a;
      fb = fa;
      a = high - kGolden * (high - low);
      fa = f(a);
    } else {
      low = a;
      a = b;
      fa = fb;
      b = low + kGolden * (high - low);
      fb = f(b);
    }
  }
  return 0.5 * (low + high);
}

// ln N of the law's optimum along a budget's own line of ln D against ln N, and of the parabola through the law's
// losses at the budget's sizes.
struct LawMinimum {
  double optimum = 0, parabola = 0;
};

LawMinimum law_minimum(const Law& law, const std::vector<Observation>& points,
                       const std::vector<std::size_t>& members) {
  std::vector<double> x, d, y, w;
  for (const std::size_t i : members) {
    x.push_back(std::log(points[i].params));
    d.push_back(std::log(points[i].tokens));
    y.push_back(predict_loss(law, points[i].scale()));
    w.push_back(points[i].weight);
  }
  const Line line = fit_line(x, d, w);
  const auto [low, high] = std::ranges::minmax(x);
  const auto loss = [&](double at) {
    return predict_loss(law, Scale{std::exp(at), std::exp(line.intercept + line.slope * at)});
  };
  return {golden_minimum(loss, low - 3, high + 3), fit_parabola(x, y, w).vertex()};
}

std::string percent_text(double log_ratio) {
  return fmt::format("{:.0f} % {}", 100 * std::abs(std::expm1(log_ratio)), log_ratio > 0 ? "above" : "below");
}

}  // namespace

const char* budget_status_text(BudgetStatus status) {
  switch (status) {
    case BudgetStatus::interior:
      return "minimum inside the sizes tried";
    case BudgetStatus::edge_low:
      return "no minimum inside: the loss still falls towards smaller sizes";
    case BudgetStatus::edge_high:
      return "no minimum inside: the loss still falls towards larger sizes";
    case BudgetStatus::not_convex:
      return "not convex: the parabola opens downwards";
    case BudgetStatus::not_a_parabola:
      return "not a parabola: runs that never learned, or a valley too wide for one";
    case BudgetStatus::too_few_points:
      return "too few points for a curve";
  }
  return "";
}

bool has_minimum(const IsoflopBudget& b) {
  return b.status == BudgetStatus::interior || (b.status == BudgetStatus::not_a_parabola && b.params > 0);
}

Parabola fit_parabola(std::span<const double> x, std::span<const double> y, std::span<const double> w) {
  const double center = mean(x);  // for accuracy
  Eigen::MatrixXd a(static_cast<Eigen::Index>(x.size()), 3);
  Eigen::VectorXd b(a.rows());
  for (Eigen::Index i = 0; i < a.rows(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    const double root = std::sqrt(w[k]), t = x[k] - center;
    a.row(i) << root, root * t, root * t * t;
    b(i) = root * y[k];
  }
  const Eigen::Vector3d c = least_squares(a, b);
  return {c(0) - c(1) * center + c(2) * center * center, c(1) - 2 * c(2) * center, c(2)};
}

std::optional<double> cubic_minimum(std::span<const double> x, std::span<const double> y, std::span<const double> w) {
  if (std::set<double>(x.begin(), x.end()).size() < 5) return std::nullopt;
  const double center = mean(x);
  Eigen::MatrixXd a(static_cast<Eigen::Index>(x.size()), 4);
  Eigen::VectorXd b(a.rows());
  for (Eigen::Index i = 0; i < a.rows(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    const double root = std::sqrt(w[k]), t = x[k] - center;
    a.row(i) << root, root * t, root * t * t, root * t * t * t;
    b(i) = root * y[k];
  }
  const Eigen::Vector4d c = least_squares(a, b);
  // c1 + 2 c2 t + 3 c3 t^2 = 0 with a positive second derivative, in the form that survives a small c3.
  const double root = c(2) * c(2) - 3 * c(1) * c(3);
  if (!(root > 0)) return std::nullopt;
  const double t = -c(1) / (c(2) + std::sqrt(root));
  const auto [low, high] = std::ranges::minmax(x);
  if (!(c(2) + 3 * c(3) * t > 0) || !(center + t > low) || !(center + t < high)) return std::nullopt;
  return center + t;
}

double valley_misfit(std::span<const double> x, std::span<const double> y) {
  static constexpr std::array kExponents = {0.1, 0.2, 0.35, 0.5, 0.7, 1.0};
  const double center = mean(x);
  const auto n = static_cast<Eigen::Index>(x.size());
  const auto column = [&](double exponent) {
    Eigen::VectorXd v(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      const auto k = static_cast<std::size_t>(i);
      v(i) = std::exp(exponent * (x[k] - center)) / y[k];
    }
    return v;
  };
  double best = std::numeric_limits<double>::infinity();
  Eigen::MatrixXd one(n, 2), two(n, 3);
  one.col(0) = two.col(0) = column(0);
  for (const double alpha : kExponents) {
    one.col(1) = two.col(1) = column(-alpha);
    best = std::min(best, misfit(one));
    one.col(1) = column(alpha);
    best = std::min(best, misfit(one));
    for (const double beta : kExponents) {
      two.col(2) = column(beta);
      best = std::min(best, misfit(two));
    }
  }
  return best;
}

ValleyCheck check_valley(std::span<const double> x, std::span<const double> y, double noise) {
  const double allowed = std::max(kOffValley, kOffInNoise * noise);
  std::vector<std::size_t> by_loss(y.size());
  for (std::size_t i = 0; i < y.size(); ++i) by_loss[i] = i;
  std::ranges::stable_sort(by_loss, std::ranges::greater(), [&](std::size_t i) { return y[i]; });
  ValleyCheck out;
  for (std::size_t dropped = 0; 2 * dropped <= y.size(); ++dropped) {
    std::vector<double> rest_x, rest_y;
    std::size_t sizes = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      if (std::find(by_loss.begin(), by_loss.begin() + static_cast<std::ptrdiff_t>(dropped), i) !=
          by_loss.begin() + static_cast<std::ptrdiff_t>(dropped)) {
        continue;
      }
      if (rest_x.empty() || x[i] > rest_x.back()) ++sizes;
      rest_x.push_back(x[i]);
      rest_y.push_back(y[i]);
    }
    if (sizes < 3) break;
    if (valley_misfit(rest_x, rest_y) > allowed) continue;
    out.above.assign(by_loss.begin(), by_loss.begin() + static_cast<std::ptrdiff_t>(dropped));
    return out;
  }
  out.valley = false;
  return out;
}

LawKind kind_beside(LawKind law) {
  return law_form(law).optimal_params != nullptr && !law_form(law).predicts_size ? law : LawKind::chinchilla;
}

std::optional<Law> law_beside(const std::vector<Observation>& points, LawKind law, int threads) {
  std::vector<Observation> used;
  std::ranges::copy_if(points, std::back_inserter(used), [](const Observation& o) { return o.weight > 0; });
  FitOptions options;
  options.law = kind_beside(law);
  options.profile = options.goodness = false;
  options.threads = threads;
  const FitResult fitted = fit_parametric(used, options);
  if (!fitted.converged()) return std::nullopt;
  return fitted.fitted;
}

std::vector<std::string> compare_minima(const std::vector<Observation>& points,
                                        const std::vector<std::vector<std::size_t>>& members,
                                        const std::optional<Law>& law, std::vector<IsoflopBudget>& budgets) {
  std::vector<double> bias, against_law, against_cubic, width;
  const IsoflopBudget* largest = nullptr;
  for (std::size_t k = 0; k < members.size(); ++k) {
    IsoflopBudget& b = budgets[k];
    if (!has_minimum(b)) continue;
    std::vector<double> x, y, w;
    for (const std::size_t i : members[k]) {
      x.push_back(std::log(points[i].params));
      y.push_back(points[i].loss_nats);
      w.push_back(points[i].weight);
    }
    if (const auto cubic = cubic_minimum(x, y, w)) {
      b.cubic_params = std::exp(*cubic);
      against_cubic.push_back(std::log(b.params / b.cubic_params));
    }
    width.push_back(0.5 * std::log(b.sizes.high / b.sizes.low));
    if (!law) continue;
    const LawMinimum at = law_minimum(*law, points, members[k]);
    b.law_params = std::exp(at.optimum);
    against_law.push_back(std::log(b.params / b.law_params));
    if (std::isfinite(at.parabola)) bias.push_back(at.parabola - at.optimum);
    if (b.cubic_params > 0) largest = &b;
  }
  if (bias.size() < 2 || !(std::abs(median(bias)) > kMinimumBias) || largest == nullptr) return {};
  return {fmt::format(
      "the parabolas put N* {} the optimum of the law {} fitted to the same runs, and {} the minimum of cubics "
      "in ln N (medians over {} budgets; {}, {} and {} at {} FLOPs); parabolas through that law's own losses at "
      "these sizes miss by as much: sizes x{:.0f} to either side are too wide for a valley that is not symmetric; "
      "narrow them to about x4 about the optimum, or use approach 3 (--method parametric)",
      percent_text(median(against_law)), law->form().name, percent_text(median(against_cubic)), bias.size(),
      short_count(largest->params), short_count(largest->law_params), short_count(largest->cubic_params),
      power_text(largest->flops), std::exp(median(width)))};
}

std::vector<std::string> rejected_parabolas(const std::vector<IsoflopBudget>& budgets) {
  std::vector<std::string> out;
  for (const IsoflopBudget& b : budgets) {
    if (b.status != BudgetStatus::not_a_parabola) continue;
    std::string text =
        fmt::format("budget {}: the parabola through all {} runs is rejected", power_text(b.flops), b.points);
    if (b.rejected_loss > 0) text += fmt::format(" (its minimum would be a loss of {:.4g})", b.rejected_loss);
    if (!b.plateau.empty()) {
      text += fmt::format(": {} far above every valley through the others, as a run that never learned is: {}",
                          b.plateau.size() == 1 ? "a run lies" : fmt::format("{} runs lie", b.plateau.size()),
                          fmt::join(b.plateau, ", "));
    } else {
      text += ": it does not follow the losses";
    }
    text += b.params > 0 ? fmt::format("; N* {} is that of the {}", short_count(b.params),
                                       b.plateau.empty() ? "sizes nearest the least loss" : "other runs")
                         : "; the others have no minimum inside, so the budget is left out";
    out.push_back(text);
  }
  return out;
}

}  // namespace scalelaw::inline fit
