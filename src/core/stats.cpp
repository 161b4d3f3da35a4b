#include "core/stats.hpp"

#include <algorithm>
#include <boost/math/distributions/fisher_f.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>

#include "os/error.hpp"

namespace scalelaw::inline core {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double mean(std::span<const double> x) {
  if (x.empty()) return kNan;
  double sum = 0;
  for (const double v : x) sum += v;
  return sum / static_cast<double>(x.size());
}

double standard_deviation(std::span<const double> x) {
  if (x.size() < 2) return kNan;
  const double m = mean(x);
  double sum = 0;
  for (const double v : x) sum += (v - m) * (v - m);
  return std::sqrt(sum / static_cast<double>(x.size() - 1));
}

double quantile(std::vector<double> x, double q) {
  std::ranges::sort(x);
  return sorted_quantile(x, q);
}

double median(std::vector<double> x) { return quantile(std::move(x), 0.5); }

double sorted_quantile(std::span<const double> x, double q) {
  if (x.empty()) return kNan;
  const double position = q * static_cast<double>(x.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, x.size() - 1);
  return x[below] + (position - static_cast<double>(below)) * (x[above] - x[below]);
}

std::pair<double, double> central_interval(const std::vector<double>& x, double level) {
  return {quantile(x, (1 - level) / 2), quantile(x, (1 + level) / 2)};
}

double student_quantile(double p, double freedom) { return boost::math::quantile(boost::math::students_t(freedom), p); }

double normal_cdf(double z) { return boost::math::cdf(boost::math::normal(), z); }

double f_tail(double f, double freedom, double rest) {
  return boost::math::cdf(boost::math::complement(boost::math::fisher_f(freedom, rest), f));
}

double jackknife_stderr(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  return standard_deviation(values) * (n - 1) / std::sqrt(n);
}

Line fit_line(std::span<const double> x, std::span<const double> y, std::span<const double> weights) {
  SCALELAW_CHECK(x.size() == y.size() && (weights.empty() || weights.size() == x.size()), "lengths differ");
  double sw = 0, sx = 0, sy = 0;
  const auto weight = [&](std::size_t i) { return weights.empty() ? 1.0 : weights[i]; };
  for (std::size_t i = 0; i < x.size(); ++i) {
    sw += weight(i);
    sx += weight(i) * x[i];
    sy += weight(i) * y[i];
  }
  const double mx = sx / sw, my = sy / sw;
  double sxx = 0, sxy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sxx += weight(i) * (x[i] - mx) * (x[i] - mx);
    sxy += weight(i) * (x[i] - mx) * (y[i] - my);
  }
  Line line;
  line.slope = sxx > 0 ? sxy / sxx : kNan;
  line.intercept = my - line.slope * mx;
  return line;
}

}  // namespace scalelaw::inline core
