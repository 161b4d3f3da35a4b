#pragma once
// Config -> the runs of a study, in a fixed order.
#include <optional>
#include <string>
#include <vector>

#include "design/config.hpp"
#include "records/token_view.hpp"

namespace scalelaw::inline design {

/// What the plan needs to know of the corpus.
struct CorpusFacts {
  std::string sha256;             ///< of the token stream
  std::int64_t train_tokens = 0;  ///< in the training split
  std::int64_t validation_tokens = 0;
  TokenWidth width = TokenWidth::uint8;  ///< of a token in the files
};

struct PlannedRun {
  RunSpec spec;
  double budget_flops = 0;  ///< isoFLOP budget; 0 in a grid
  double epochs = 0;        ///< passes over the usable training tokens; 0 where there is no corpus
};

enum class Limit { steps, epochs, other };  ///< design.min_steps, design.max_epochs, another reason

/// A point (shape, tokens) that the limits of the design exclude.
struct LeftOut {
  std::string shape;        ///< "d32 L2"
  double budget_flops = 0;  ///< 0 in a grid
  std::int64_t tokens = 0;
  std::string reason;  ///< "97 steps, fewer than min_steps = 150"
  Limit limit = Limit::other;
};

/// "d32 L2 at 10¹² FLOPs, 1.5M tokens: 97 steps, fewer than min_steps = 150"
[[nodiscard]] std::string describe(const LeftOut& point);

struct Plan {
  std::vector<PlannedRun>
      runs;  ///< by params, then tokens, then position of rate and seed in the config; ids are unique
  /// Runs of the shapes above lr_transfer_above but the lr_transfer_checks largest, one for each point and seed, whose
  /// rate (0 here) comes from the law fitted to the others once those are done.
  std::vector<PlannedRun> transfer;
  std::vector<LeftOut> left_out;
  std::vector<std::string> notes;  ///< what the user should know: a budget whose optimum is not bracketed by its sizes
};

/// The runs of a study, as trained runs; those that their results call for (design.lr_extend, lr_transfer_above,
/// branch_checks) come later, from study/rounds.hpp. Token budgets are whole optimizer steps (tokens = steps *
/// batch_tokens). With a trunk_cooldown schedule the runs of a trunk (same shape, rate and seed) get warmup fractions
/// that make warmup_steps equal: `warmup` times the steps of the shortest of them; other schedules have no trunk, and
/// each run warms up on its own. A half-life of beta2 is cut to beta2_half_life_max of the same shortest run. Where
/// corpus is null the hash is left empty and nothing is left out for its epochs. Errors (config): no run is left (with
/// the limit that excludes them and what would keep one); a split of the corpus that does not hold one window; every
/// shape is above lr_transfer_above; a budget of design.hold that no run has, or that all have.
[[nodiscard]] Plan make_plan(const StudyConfig& config, const CorpusFacts* corpus);

/// Four significant digits, so that a last-bit difference of pow() between machines never changes a run's id.
[[nodiscard]] double rounded_rate(double rate);

/// Tokens of an optimizer step by the rule of design.batch_coefficient, for runs of these lengths that must share one:
/// coefficient * (geometric mean of tokens)^batch_exponent in whole windows of `context`, at least batch_tokens, at
/// most batch_max_tokens and what leaves the shortest of them min_steps steps. Lengths that batch_tokens cannot give
/// min_steps steps are passed over. Without a coefficient: batch_tokens.
[[nodiscard]] std::int64_t batch_tokens_for(const DesignConfig& design, std::int64_t context,
                                            const std::vector<double>& tokens);

/// Training FLOPs (6 N_total D) of a set of runs when branches of a trunk share it: what a trainer really does.
[[nodiscard]] double training_flops(const std::vector<RunSpec>& runs);

}  // namespace scalelaw::inline design
