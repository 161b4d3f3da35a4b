#pragma once
// RunSpec -> RunRecord without training: loss from a law, with noise and a price for imperfect training.
#include <vector>

#include "law/laws.hpp"
#include "law/optimum.hpp"
#include "records/observation.hpp"
#include "records/records.hpp"

namespace scalelaw::inline sim {

/// The anchor of a simulation that wants published amplitudes at any scale.
inline constexpr const char* kPublishedAnchor = "published";

/// The law of a simulation: a published set, or a kind of law, with constants replaced as told and N counted as
/// `convention` says. Errors (config): unknown law or constant, missing constants, a kind that predicts no loss
/// ("optimal"), a fit file or anchor that was not resolved (sim/resolve.hpp).
[[nodiscard]] Law simulation_law(const SimulationSpec& simulation);

/// The learning rate that costs nothing: lr_best_coefficient N^lr_best_exponent D^lr_best_tokens_exponent (the form in
/// N of Porian et al. 2024, arXiv 2406.19146).
/// @param params N under the convention of the simulation's law
/// @param tokens D
[[nodiscard]] double best_lr(const SimulationSpec& simulation, double params, double tokens);

/// The law's loss at a point, nats per token, for a batch of batch_tokens.
///
/// Batch (Kaplan et al. 2020, arXiv 2001.08361, sec. 5.1): with B_crit(L) = B* / L^(1/alpha_B) at the loss itself, S
/// steps of B tokens do what S / (1 + B_crit/B) steps of a far larger batch do, which is what kaplan-steps asks for (B*
/// = 2.1e8 where none is given), and what D / (1 + B/B_crit) tokens in far smaller batches do, which is what laws of D
/// get where B* is given. Errors (config): a batch so far above the critical one that no loss is consistent with it.
/// Repetition: where the point has fewer unique tokens than tokens, a chinchilla law is taken with_repetition; laws
/// without a form for it are a config error.
[[nodiscard]] double expected_loss(const Law& law, const LawPoint& point, const SimulationSpec& simulation,
                                   double batch_tokens);

/// N (as the law counts it), D, C, unique tokens and steps of a run, as the simulator sees them.
[[nodiscard]] LawPoint simulated_point(const RunSpec& spec, const SimulationSpec& simulation);

/// The expected_loss of a run. Errors (config): it is above ln(vocab), the loss of a model that knows nothing: the
/// law's amplitudes do not hold at this scale. With an embedding_coefficient embeddings follow no vocabulary, and there
/// is no such limit.
[[nodiscard]] double possible_loss(const Law& law, const SimulationSpec& simulation, const RunSpec& spec);

/// Share of the peak rate that a schedule leaves at its end: 0 = decayed in full. For trunk_cooldown with minimum m and
/// cooldown share c it is 1 - (1 - m) min(1, c / 0.2): 20 % is the share beyond which Haegele et al. 2024 (arXiv
/// 2405.18392) find no gain; m for cosine and linear, 1 for constant.
[[nodiscard]] double undecayed_share(const ScheduleSpec& schedule);

/// loss = min(ln(vocab), max(floor_nats, L exp(sd z) + lr_penalty ln(lr / lr_best)^2 + warmup_penalty (w -
/// warmup_best)^2 + schedule_penalty u^2)) with L the possible_loss, w the warmup's share of the run, u the
/// undecayed_share, and
///   sd = noise (L / noise_at_nats)^noise_exponent
///   z = sqrt(s) z_seed + sqrt(t) z_trunk + sqrt(1 - s - t) z_run,
/// standard normals that depend on the spec alone: z_seed on all of it but tokens, rate and warmup, z_trunk on its
/// trunk_id (z_run where it has none), z_run on its run id. So the same spec gives the same record everywhere. The
/// record holds no times and no host: it is a function of the spec and the build.
/// Errors (config): noise shares above 1 together; a loss that is not finite; see possible_loss.
[[nodiscard]] RunRecord simulate(const RunSpec& spec);

/// The same spec as a simulated run.
[[nodiscard]] RunSpec as_simulated(RunSpec spec, const SimulationSpec& simulation);

/// Which points have a part of their noise in common: those of one group (a trunk), those of one shape (without one: of
/// one N), or those of one seed (without one: all).
enum class SharedBy { trunk, shape, seed };
constexpr std::array<std::string_view, 3> names_of(SharedBy) { return {"trunk", "shape", "seed"}; }

/// Noise of ln loss at a set of points.
struct PointNoise {
  double sd = 0;           ///< standard deviation of ln loss at at_nats, >= 0
  double group_share = 0;  ///< share of the variance that points of one unit have in common, 0 .. 1
  SharedBy shared_by = SharedBy::trunk;
  double exponent = 0;  ///< sd grows as (loss / at_nats)^exponent
  double at_nats = 2;
};

/// The loss L that `law` gives at every point, times exp(s (sqrt(share) z_unit + sqrt(1 - share) z)) with standard
/// normal z and s = sd (L / at_nats)^exponent: a study at the same (N, D) points, with the same weights and groups.
/// Bit-identical for the same seed and index.
[[nodiscard]] std::vector<Observation> simulate_points(const std::vector<Observation>& points, const Law& law,
                                                       const PointNoise& noise, std::uint64_t seed,
                                                       std::uint64_t index);

}  // namespace scalelaw::inline sim
