// Constants as their authors published them. Tables of one paper are separate fits and are never mixed.
#include <boost/math/tools/toms748_solve.hpp>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/ranges.h>

#include "law/laws.hpp"

namespace scalelaw {
namespace {

// Kaplan et al. 2020 give compute in PF-days: 1e15 FLOP/s for a day (sec. 1.3).
constexpr double kPfDay = 8.64e19;

// Hoffmann et al. 2022, abstract: over 400 models of 70 million to over 16 billion parameters on 5 to over 500 billion
// tokens; Besiroglu et al. 2024 fit 240 of the same runs.
constexpr LawRange kHoffmannRuns{.params = {7e7, 1.6e10}, .tokens = {5e9, 5e11}};
// Kaplan et al. 2020, sec. 3: 768 to 1.5 billion non-embedding parameters, 22 million to 23 billion tokens; Fig. 1
// draws compute from about 1e-9 to 10 PF-days, the product of these with 6.
constexpr LawRange kKaplanRuns{
    .params = {768, 1.5e9}, .tokens = {2.2e7, 2.3e10}, .flops = {1e-9 * kPfDay, 10 * kPfDay}};
// Muennighoff et al. 2023: the 182 runs that its fitting code reads.
constexpr LawRange kMuennighoffRuns{.params = {7.1e6, 8.7e9}, .tokens = {1e8, 9e11}};

std::vector<Law> make_published() {
  const Convention total;
  const Convention kaplan{.params = ParamsCount::non_embedding, .flops = FlopsCount::six_nd};
  std::vector<Law> laws;
  const auto add = [&](LawKind kind, std::vector<double> values, const char* name, const char* source,
                       const Convention& convention, const LawRange& range) {
    laws.push_back({.kind = kind,
                    .values = std::move(values),
                    .name = name,
                    .source = source,
                    .convention = convention,
                    .range = range});
  };
  add(LawKind::chinchilla, {std::exp(0.5267228), std::exp(6.0073404), std::exp(6.0179186), 0.33917084, 0.2849083},
      "hoffmann2022",
      "Hoffmann et al. 2022, arXiv 2203.15556, approach 3; the digits of its TeX source as given by Besiroglu et al. "
      "2024",
      total, kHoffmannRuns);
  add(LawKind::chinchilla, {1.69, 406.4, 410.7, 0.34, 0.28}, "hoffmann2022-rounded",
      "Hoffmann et al. 2022, arXiv 2203.15556, eq. 10 as printed", total, kHoffmannRuns);
  add(LawKind::chinchilla, {1.8172, 482.01, 2085.43, 0.3478, 0.3658}, "besiroglu2024",
      "Besiroglu et al. 2024, arXiv 2404.10102, eq. 4", total, kHoffmannRuns);
  add(LawKind::kaplan, {6.4e13, 1.8e13, 0.076, 0.103}, "kaplan2020-joint",
      "Kaplan et al. 2020, arXiv 2001.08361, Table 2 (joint fit)", kaplan, kKaplanRuns);
  add(LawKind::power_n, {8.8e13, 0.076, 0}, "kaplan2020-n", "Kaplan et al. 2020, arXiv 2001.08361, eq. 1.1 and Table 5",
      kaplan, kKaplanRuns);
  add(LawKind::power_d, {5.4e13, 0.095, 0}, "kaplan2020-d", "Kaplan et al. 2020, arXiv 2001.08361, eq. 1.2 and Table 5",
      kaplan, kKaplanRuns);
  add(LawKind::power_c, {3.1e8 * kPfDay, 0.050, 0}, "kaplan2020-c",
      "Kaplan et al. 2020, arXiv 2001.08361, eq. 1.3 and Table 5: least compute C_min, 3.1e8 PF-days", kaplan,
      kKaplanRuns);
  add(LawKind::power_c, {1.6e7 * kPfDay, 0.057, 0}, "kaplan2020-c-fixed-batch",
      "Kaplan et al. 2020, arXiv 2001.08361, Table 5: compute at a fixed batch, 1.6e7 PF-days", kaplan, kKaplanRuns);
  add(LawKind::kaplan_steps, {6.5e13, 2.1e3, 0.077, 0.76}, "kaplan2020-steps",
      "Kaplan et al. 2020, arXiv 2001.08361, Table 3 (joint fit with S_min)", kaplan, kKaplanRuns);
  add(LawKind::optimal, {1.3e9 * std::pow(kPfDay, -0.73), 0.73}, "kaplan2020-optimal",
      "Kaplan et al. 2020, arXiv 2001.08361, Table 6: N* = 1.3e9 params at 1 PF-day of C_min", kaplan, kKaplanRuns);
  add(LawKind::data_constrained,
      {std::exp(0.6254804), std::exp(6.255414), std::exp(7.3049974), 0.3526596, 0.3526596, 15.387756, 5.309743},
      "muennighoff2023", "Muennighoff et al. 2023, arXiv 2305.16264, constants of its published fitting code", total,
      kMuennighoffRuns);
  return laws;
}

}  // namespace

const std::vector<Law>& published_laws() {
  static const std::vector<Law> laws = make_published();
  return laws;
}

const Law& published_law(std::string_view name) {
  std::vector<std::string> names;
  for (const Law& law : published_laws()) {
    if (law.name == name) return law;
    names.push_back(law.name);
  }
  const std::string near = nearest_word(name, names);
  fail_config("unknown published law '{}'{}; the sets are {}", name,
              near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near), fmt::join(names, ", "));
}

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

}  // namespace scalelaw
