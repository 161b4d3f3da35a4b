#include "law/critical_batch.hpp"

#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <limits>
#include <numeric>

namespace scalelaw::inline law {

double critical_batch_tokens(double loss_nats, const CriticalBatch& critical) {
  return critical.tokens / std::pow(loss_nats, 1 / critical.alpha);
}

double minimum_steps(double steps, double batch_tokens, double critical_batch_tokens) {
  return steps / (1 + critical_batch_tokens / batch_tokens);
}

double predict_loss_at_batch(const Law& law, const LawPoint& point, double batch_tokens,
                             const CriticalBatch& critical) {
  if (!(point.steps > 0)) return std::numeric_limits<double>::quiet_NaN();
  const auto excess = [&](double loss) {
    LawPoint at = point;
    at.steps = minimum_steps(point.steps, batch_tokens, critical_batch_tokens(loss, critical));
    return predict_loss(law, at) - loss;
  };
  double low = predict_loss(law, point), high = low;  // all steps counting in full gives the least loss
  while (excess(high) > 0) high *= 2;
  if (high == low) return low;
  std::uintmax_t iterations = 200;
  const auto root =
      boost::math::tools::toms748_solve(excess, low, high, boost::math::tools::eps_tolerance<double>(50), iterations);
  return std::midpoint(root.first, root.second);
}

}  // namespace scalelaw::inline law
