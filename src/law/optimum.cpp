// Compute-optimal N and D under C = 6 N D.
#include <algorithm>
#include <boost/math/tools/minima.hpp>
#include <cmath>

#include "law/laws.hpp"

namespace scalelaw {
namespace {

// N*(C) of the laws that have one. Each follows from setting d loss / d ln N to 0 along D = C / (6 N).
double optimal_params(const Law& law, double flops) {
  const auto& v = law.values;
  const double nd = flops / 6;
  switch (law.kind) {
    case LawKind::chinchilla:
    case LawKind::data_constrained: {
      // alpha A N^-alpha = beta B D^-beta. Without repetition the data-constrained law is the same one up to N*, and
      // worse than it beyond.
      const double g = std::pow(v[3] * v[1] / (v[4] * v[2]), 1 / (v[3] + v[4]));
      return g * std::pow(nd, v[4] / (v[3] + v[4]));
    }
    case LawKind::kaplan: {
      // r (Nc/N)^r = Dc / D with r = alphaN / alphaD.
      const double r = v[2] / v[3];
      return std::exp((std::log(r * nd / v[1]) + r * std::log(v[0])) / (1 + r));
    }
    case LawKind::overtraining:
      // A M^eta = B M^-eta: the same D/N at every budget.
      return std::sqrt(nd / std::pow(v[2] / v[1], 1 / (2 * v[3])));
    case LawKind::optimal:
      return v[0] * std::pow(flops, v[1]);
    default:
      fail_config("the law '{}' ({}) has no compute-optimal N and D; take a law of both, for example hoffmann2022",
                  law.name, law_info(law.kind).name);
  }
}

Optimum optimum_at(const Law& law, double flops, double params, double unique_tokens) {
  Optimum best{.scale = {.params = params, .tokens = flops / (6 * params)}, .flops = flops};
  LawPoint point = law_point(best.scale);
  point.unique_tokens = unique_tokens;
  best.loss_nats = law.kind == LawKind::optimal ? std::numeric_limits<double>::quiet_NaN() : predict_loss(law, point);
  return best;
}

}  // namespace

Law with_repetition(const Law& law) {
  if (law.kind == LawKind::data_constrained) return law;
  if (law.kind != LawKind::chinchilla) {
    fail_config(
        "unique tokens: the law '{}' ({}) has no form for repeated data; use a chinchilla or data-constrained law",
        law.name, law_info(law.kind).name);
  }
  const Law& published = published_law("muennighoff2023");
  Law repeated = published;
  const std::vector<std::string>& names = law_info(LawKind::data_constrained).parameters;
  const std::vector<std::string>& own = law_info(LawKind::chinchilla).parameters;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto it = std::find(own.begin(), own.end(), names[i]);
    if (it != own.end()) repeated.values[i] = law.values[static_cast<std::size_t>(it - own.begin())];
  }
  repeated.name = law.name;
  repeated.source = law.source + "; repeats after " + published.source;
  repeated.convention = law.convention;
  repeated.range = law.range;
  return repeated;
}

std::optional<AllocationExponents> allocation_exponents(const Law& law) {
  const auto& v = law.values;
  switch (law.kind) {
    case LawKind::chinchilla:
    case LawKind::data_constrained:
      return AllocationExponents{.a = v[4] / (v[3] + v[4]), .b = v[3] / (v[3] + v[4])};
    case LawKind::kaplan:
      return AllocationExponents{.a = v[3] / (v[2] + v[3]), .b = v[2] / (v[2] + v[3])};
    case LawKind::overtraining:
      return AllocationExponents{.a = 0.5, .b = 0.5};
    case LawKind::optimal:
      return AllocationExponents{.a = v[1], .b = 1 - v[1]};
    default:
      return std::nullopt;
  }
}

Optimum compute_optimal(const Law& law, double flops) {
  if (!(flops > 0) || !std::isfinite(flops))
    fail_config("a compute budget of {} FLOPs has no optimum; give a positive number", flops);
  return optimum_at(law, flops, optimal_params(law, flops), 0);
}

Optimum compute_optimal(const Law& law, double flops, double unique_tokens) {
  const Optimum unlimited = compute_optimal(law, flops);
  if (unique_tokens <= 0 || unlimited.scale.tokens <= unique_tokens) return unlimited;
  if (law.kind != LawKind::data_constrained) {
    fail_config(
        "the law '{}' ({}) does not know what repeating {} unique tokens costs; take a data-constrained law, for "
        "example muennighoff2023",
        law.name, law_info(law.kind).name, unique_tokens);
  }
  // Both N and D repeat at N*, so the optimum may lie on either side of it: scan six decades, then refine between
  // neighbours.
  const auto loss = [&](double log_params) {
    return optimum_at(law, flops, std::exp(log_params), unique_tokens).loss_nats;
  };
  constexpr int kScan = 240;
  const double low = std::log(unlimited.scale.params) - std::log(1e3), step = 2 * std::log(1e3) / kScan;
  int best = 1;
  for (int i = 2; i < kScan; ++i) {
    if (loss(low + i * step) < loss(low + best * step)) best = i;
  }
  const auto refined =
      boost::math::tools::brent_find_minima(loss, low + (best - 1) * step, low + (best + 1) * step, 52);
  return optimum_at(law, flops, std::exp(refined.first), unique_tokens);
}

}  // namespace scalelaw
