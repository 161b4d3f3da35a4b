#include "law/least_loss.hpp"

#include <boost/math/tools/minima.hpp>
#include <cmath>
#include <limits>
#include <vector>

namespace scalelaw::inline law {
namespace {

constexpr double kLargest = std::numeric_limits<double>::max();

double finite_or_largest(double loss) { return std::isfinite(loss) ? loss : kLargest; }

double refined(const std::function<double(double)>& loss, double low, double step, int cell) {
  const auto at = [&](double x) { return finite_or_largest(loss(x)); };
  return boost::math::tools::brent_find_minima(at, low + (cell - 1) * step, low + (cell + 1) * step, 52).first;
}

}  // namespace

double least_of_scan(const std::function<double(double)>& loss, double low, double step, int cells) {
  int best = 1;
  double least = finite_or_largest(loss(low + step));
  for (int i = 2; i < cells; ++i) {
    const double value = finite_or_largest(loss(low + i * step));
    if (value < least) {
      best = i;
      least = value;
    }
  }
  return refined(loss, low, step, best);
}

double valley_of_scan(const std::function<double(double)>& loss, double low, double step, int cells) {
  int best = 0;
  double before = kLargest, here = finite_or_largest(loss(low)), least = kLargest;
  for (int i = 0; i < cells; ++i) {
    const double after = finite_or_largest(loss(low + (i + 1) * step));
    if (i > 0 && here < before && here <= after && here < least) {
      best = i;
      least = here;
    }
    before = here;
    here = after;
  }
  return best > 0 ? refined(loss, low, step, best) : least_of_scan(loss, low, step, cells);
}

}  // namespace scalelaw::inline law
