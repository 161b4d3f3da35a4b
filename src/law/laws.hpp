#pragma once
// Loss laws, their gradients, published constants and closed-form optima. Formulas and sources: docs/METHODS.md.
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "records/observation.hpp"

namespace scalelaw {

enum class LawKind {
  chinchilla,
  kaplan,
  power_n,
  power_d,
  power_c,
  kaplan_steps,
  data_constrained,
  overtraining,
  optimal
};

/// What a law may look at. Units: parameters, tokens, FLOPs, optimizer steps.
struct LawPoint {
  double params = 0;
  double tokens = 0;
  double flops = 0;          ///< 6 N D unless stated
  double unique_tokens = 0;  ///< 0 = all tokens are unique
  double steps = 0;          ///< S_min: steps at a batch far above the critical one
};
/// The point (N, D) with C = 6 N D and nothing else known.
[[nodiscard]] LawPoint law_point(const Scale& scale);
/// What an observation tells a law; its steps count as S_min (fit/prepare.hpp turns S into S_min).
[[nodiscard]] LawPoint law_point(const Observation& observation);

/// Names of a law and of its constants, in the order in which vectors hold them.
struct LawInfo {
  LawKind kind;
  std::string name;                     ///< "chinchilla", as --law takes it
  std::string formula;                  ///< for people: "E + A/N^alpha + B/D^beta"
  std::vector<std::string> parameters;  ///< {"E", "A", "B", "alpha", "beta"}
};
[[nodiscard]] const LawInfo& law_info(LawKind kind);
/// power-n, power-d and power-c: E + (X/x)^alpha of one variable x.
[[nodiscard]] inline bool is_power_law(LawKind kind) {
  return kind == LawKind::power_n || kind == LawKind::power_d || kind == LawKind::power_c;
}
/// Errors (config): unknown name, with the near miss.
[[nodiscard]] LawKind law_kind(std::string_view name);

/// Smallest and largest value among the runs behind a law; 0 and 0 where that is not known.
struct ValueRange {
  double low = 0, high = 0;
  [[nodiscard]] bool known() const { return high > 0; }
};
/// The runs that a law was fitted to. Units as in LawPoint, N as the law counts it.
struct LawRange {
  ValueRange params = {}, tokens = {}, flops = {}, tokens_per_param = {};
};

/// A law with its constants: published, given or fitted.
struct Law {
  LawKind kind = LawKind::chinchilla;
  std::vector<double> values;  ///< in the order of law_info(kind).parameters
  std::string name;            ///< "besiroglu2024", "fit"
  std::string source;          ///< paper, table or equation
  Convention convention;       ///< what N and C mean for these constants
  LawRange range = {};         ///< of a published law, as its paper states it
  [[nodiscard]] double value(
      std::string_view parameter) const;  ///< throws std::logic_error if the law has no such constant
};

/// Predicted loss, nats per token; for the kind `optimal`, N*(C) in parameters instead. NaN where the law needs a
/// quantity that the point lacks (steps for kaplan-steps).
[[nodiscard]] double predict_loss(const Law& law, const LawPoint& point);
[[nodiscard]] inline double predict_loss(const Law& law, const Scale& scale) {
  return predict_loss(law, law_point(scale));
}
/// d loss / d values[i], written to gradient (same length as law.values).
void loss_gradient(const Law& law, const LawPoint& point, std::span<double> gradient);

/// Every published set, in the order `scalelaw laws` lists them.
[[nodiscard]] const std::vector<Law>& published_laws();
/// Errors (config): unknown name, with the near miss and the list.
[[nodiscard]] const Law& published_law(std::string_view name);

/// Exponents of N*(C) ~ C^a and D*(C) ~ C^b. For chinchilla a = beta/(alpha+beta), b = alpha/(alpha+beta) (Hoffmann et
/// al. 2022, eq. 4). None where the law has no optimum over N and D.
struct AllocationExponents {
  double a = 0;
  double b = 0;
};
[[nodiscard]] std::optional<AllocationExponents> allocation_exponents(const Law& law);

/// Compute-optimal N and D for C = 6 N D. Errors (config): a law without an optimum (power-n, power-d, ...).
struct Optimum {
  Scale scale;
  double flops = 0;
  double loss_nats = 0;  ///< NaN for the kind `optimal`, which knows no loss
};
[[nodiscard]] Optimum compute_optimal(const Law& law, double flops);
/// The same with at most `unique_tokens` different tokens (0 = no limit), so that more tokens mean repetition: only
/// data-constrained knows a price for it, found numerically over N. Errors (config): another law with a limit below its
/// D*.
[[nodiscard]] Optimum compute_optimal(const Law& law, double flops, double unique_tokens);

/// The law with repeats worth less: E + A/N'^alpha + B/D'^beta with the decay constants R_D* and R_N* of Muennighoff et
/// al. 2023 (arXiv 2305.16264) added to a chinchilla law; a data-constrained law as it is. Errors (config): any other
/// law.
[[nodiscard]] Law with_repetition(const Law& law);

/// Critical batch B_crit(L) = tokens / L^(1/alpha), tokens (Kaplan et al. 2020, eq. 5.3; the constants of Table 5).
struct CriticalBatch {
  double tokens = 2.1e8;
  double alpha = 0.21;
};
[[nodiscard]] double critical_batch_tokens(double loss_nats, const CriticalBatch& critical = {});
/// S_min = S / (1 + B_crit / B): steps that a batch far above the critical one would need (Kaplan et al. 2020,
/// eq. 5.4).
[[nodiscard]] double minimum_steps(double steps, double batch_tokens, double critical_batch_tokens);
/// Loss of a law kaplan-steps after point.steps steps of batch_tokens: the L that solves L = (Nc/N)^alphaN +
/// (Sc/S_min(L))^alphaS. The right side falls with L, so there is exactly one. NaN without steps.
[[nodiscard]] double predict_loss_at_batch(const Law& law, const LawPoint& point, double batch_tokens,
                                           const CriticalBatch& critical);

}  // namespace scalelaw
