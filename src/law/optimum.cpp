#include "law/optimum.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "law/least_loss.hpp"
#include "law/published.hpp"

namespace scalelaw::inline law {
namespace {

double optimal_params(const Law& law, double flops) {
  const LawForm& form = law.form();
  if (form.optimal_params == nullptr) {
    fail_config("the law '{}' ({}) has no compute-optimal N and D; take a law of both, for example hoffmann2022",
                law.name, form.name);
  }
  return form.optimal_params(law.values, flops);
}

Optimum optimum_at(const Law& law, double flops, double params, double unique_tokens) {
  Optimum best{.scale = {.params = params, .tokens = flops / (6 * params)}, .flops = flops};
  LawPoint point = law_point(best.scale);
  point.unique_tokens = unique_tokens;
  best.loss_nats = law.form().predicts_size ? std::numeric_limits<double>::quiet_NaN() : predict_loss(law, point);
  return best;
}

/// The first published constants of a law.
const Law& published_of(LawKind kind) { return published_law(law_form(kind).published.at(0).name); }

}  // namespace

Law with_repetition(const Law& law) {
  const LawForm& form = law.form();
  if (form.knows_repetition()) return law;
  if (!form.with_decays) {
    fail_config(
        "unique tokens: the law '{}' ({}) has no form for repeated data; use a chinchilla or data-constrained law",
        law.name, form.name);
  }
  const Law& published = published_of(*form.with_decays);
  Law repeated = published;
  const std::vector<std::string>& names = published.form().parameters;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto it = std::ranges::find(form.parameters, names[i]);
    if (it != form.parameters.end()) {
      repeated.values[i] = law.values[static_cast<std::size_t>(it - form.parameters.begin())];
    }
  }
  repeated.name = law.name;
  repeated.source = law.source + "; repeats after " + published.source;
  repeated.convention = law.convention;
  repeated.range = law.range;
  return repeated;
}

std::optional<AllocationExponents> allocation_exponents(const Law& law) {
  const LawForm& form = law.form();
  if (form.allocation != nullptr) return form.allocation(law.values);
  if (!form.ratio) return std::nullopt;
  const double numerator = law.values[form.ratio->numerator], other = law.values[form.ratio->other];
  return AllocationExponents{.a = numerator / (other + numerator), .b = other / (other + numerator)};
}

Optimum compute_optimal(const Law& law, double flops) {
  if (!(flops > 0) || !std::isfinite(flops))
    fail_config("a compute budget of {} FLOPs has no optimum; give a positive number", flops);
  return optimum_at(law, flops, optimal_params(law, flops), 0);
}

Optimum compute_optimal(const Law& law, double flops, double unique_tokens) {
  const Optimum unlimited = compute_optimal(law, flops);
  if (unique_tokens <= 0 || unlimited.scale.tokens <= unique_tokens) return unlimited;
  if (!law.form().knows_repetition()) {
    fail_config(
        "the law '{}' ({}) does not know what repeating {} unique tokens costs; take a data-constrained law, for "
        "example muennighoff2023",
        law.name, law.form().name, unique_tokens);
  }
  // Both N and D repeat at N*, so the optimum may lie on either side of it: scan six decades, then refine between
  // neighbours.
  const auto loss = [&](double log_params) {
    return optimum_at(law, flops, std::exp(log_params), unique_tokens).loss_nats;
  };
  constexpr int kScan = 240;
  const double low = std::log(unlimited.scale.params) - std::log(1e3), step = 2 * std::log(1e3) / kScan;
  const Optimum best = optimum_at(law, flops, std::exp(least_of_scan(loss, low, step, kScan)), unique_tokens);
  // A loss that jumps up with the first repeat is least at the edge, where every token is read once.
  const Optimum once = optimum_at(law, flops, flops / (6 * unique_tokens), unique_tokens);
  return once.loss_nats < best.loss_nats * (1 - 1e-12) ? once : best;
}

}  // namespace scalelaw::inline law
