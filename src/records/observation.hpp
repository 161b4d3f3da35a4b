#pragma once
// What a fit sees of a run: one point (N, D, C, loss) under a stated convention.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "records/records.hpp"

namespace scalelaw::inline records {

/// A point of a loss surface. Never two bare doubles.
struct Scale {
  double params = 0;
  double tokens = 0;
};

/// What counts as N and what as C (docs/METHODS.md, "What counts as N and C").
struct Convention {
  ParamsCount params = ParamsCount::total;
  FlopsCount flops = FlopsCount::six_nd;
};
template <class Visit, FieldsOf<Convention> T>
void fields(Visit&& visit, T& c) {
  visit("params", c.params, named<ParamsCount>(), "what counts as N");
  visit("flops", c.flops, named<FlopsCount>(), "what counts as C");
}

/// What a column of losses holds. All but bits_per_byte become nats per token; bits_per_byte become nats per byte, or
/// stay what they are where a fit is asked for them.
enum class LossUnit { nats, bits, perplexity, bits_per_byte };
constexpr std::array<std::string_view, 4> names_of(LossUnit) { return {"nats", "bits", "perplexity", "bits_per_byte"}; }
/// For people: "nats per token", "bits per byte".
[[nodiscard]] std::string_view loss_unit_text(LossUnit unit);

struct Observation {
  double params = 0;     ///< N
  double tokens = 0;     ///< D
  double flops = 0;      ///< C
  double loss_nats = 0;  ///< > 0, but for objective mse, which takes any; in loss_unit where that is another
  std::optional<double> loss_stderr;
  double weight = 1;  ///< >= 0, multiplies the point's share of the objective
  std::string group;  ///< runs that are not independent share it (a trunk); empty = on its own
  std::optional<double> unique_tokens;
  std::optional<double> lr;
  std::optional<double> seed;
  double seeds = 1;                     ///< runs that differ in their seed alone, whose mean this is
  std::string run;                      ///< id or name
  std::string shape;                    ///< "d32 L2": runs of one model shape share it; empty if unknown
  double budget = 0;                    ///< isoFLOP budget the run was planned for; 0 if unknown
  std::optional<double> steps;          ///< optimizer steps S
  std::optional<double> batch_tokens;   ///< tokens in one step
  std::string counted;                  ///< how a foreign file counted N and C; points that differ are never pooled
  LossUnit loss_unit = LossUnit::nats;  ///< of the loss and its error: nats, or bits_per_byte where asked for

  [[nodiscard]] Scale scale() const { return {params, tokens}; }
};

/// Whether a run has read some of its data more than once; a per cent is rounding.
[[nodiscard]] inline bool repeats_data(const Observation& o) {
  return o.unique_tokens && *o.unique_tokens > 0 && o.tokens > 1.01 * *o.unique_tokens;
}

/// Budgets, or FLOPs of runs, that are one budget lie within this factor of each other.
constexpr double kSameBudget = 1.05;
[[nodiscard]] inline bool same_budget(double a, double b) { return std::max(a, b) <= kSameBudget * std::min(a, b); }

/// N and C of a record under a convention.
[[nodiscard]] double params_of(const RunRecord& record, const Convention& convention);
[[nodiscard]] double flops_of(const RunRecord& record, const Convention& convention);
/// The record with its loss and that loss's standard error in bits per byte in the place of nats. Errors (data): a
/// record with a loss in nats alone.
[[nodiscard]] RunRecord in_bits_per_byte(RunRecord record);
/// A completed record as an observation; none where it has no loss.
[[nodiscard]] std::optional<Observation> observe(const RunRecord& record, const Convention& convention);
/// "d32 L2"
[[nodiscard]] std::string shape_name(const ModelSpec& model);

/// Observations of a table that people have, without what was understood on the way: records/read_observations.hpp has
/// the rules, the errors and the options.
/// @param columns renames: our name -> the file's ("params" -> "N").
/// @param need_loss false: a file without a column loss is read too, its losses 1 (the law `optimal` looks at none)
[[nodiscard]] std::vector<Observation> read_observations(const std::filesystem::path& path,
                                                         const std::map<std::string, std::string>& columns = {},
                                                         bool need_loss = true);
/// CSV text that read_observations reads back to the same values.
[[nodiscard]] std::string observations_csv(const std::vector<Observation>& points);

}  // namespace scalelaw::inline records
