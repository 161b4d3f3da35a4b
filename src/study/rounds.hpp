#pragma once
// The runs of a study that its own results call for: rates beyond an edge, rates of large shapes from a law, runs from
// scratch. A function of the plan and its finished records alone: whatever was interrupted when, the same runs follow.
#include <optional>
#include <string>
#include <vector>

#include "design/plan.hpp"
#include "select/lr_law.hpp"
#include "study/store.hpp"

namespace scalelaw::inline study {

/// Why runs are added: the best rate lies on the edge; a rate by the law of the swept shapes; what branching costs.
enum class AdditionKind { edge, transfer, branch_check };
constexpr std::array<std::string_view, 3> names_of(AdditionKind) { return {"edge", "transfer", "branch_check"}; }

/// Runs added to a plan for one reason; one per seed.
struct Addition {
  std::string shape;  ///< "d32 L2"
  std::int64_t tokens = 0;
  double lr = 0;
  AdditionKind kind = AdditionKind::edge;
  std::string reason;  ///< for people
  std::int64_t runs = 0;
};

struct StudyRuns {
  std::vector<PlannedRun> runs;    ///< of the plan, then those added so far
  std::vector<Addition> added;     ///< in the order of the runs
  std::vector<std::string> notes;  ///< edges that stay edges, and why; a law that could not be fitted
  std::vector<LeftOut> left_out;   ///< points of large shapes for which no rate was found
  bool settled = false;            ///< every run is finished and calls for no other
};

/// The plan with what its finished runs call for. Shapes are taken one by one, and a shape gets nothing before all
/// its runs so far are finished; so the runs that a shape gets at once, which are trained as one job, do not depend on
/// when the study was interrupted.
///
/// - design.lr_extend: a point (shape, D) whose best mean loss over seeds lies at its lowest or highest rate gets the
///   rate half or twice that, and so on, at most lr_extend on a side. Above a rate at which every seed diverged nothing
///   is added.
/// - design.lr_transfer_above: once no swept shape needs another rate, the law of fit_lr_law over the smaller ones
///   gives the rate of each point of the larger shapes that are not swept, to 4 digits, times each of
///   lr_transfer_factors.
/// - design.branch_checks: once a shape needs no other rate, its middle D (of an even number the larger middle one) is
///   trained from scratch at its best rate, with the warmup that a run of this length alone would have, with
///   branch_checks seeds from the design's first one up. Needs two token budgets.
[[nodiscard]] StudyRuns extend_plan(const StudyConfig& config, const Plan& plan, const RecordSet& records);

/// How the law of the best rate is fitted to the study's sweeps.
[[nodiscard]] LrLawOptions lr_law_options(const StudyConfig& config);

/// "d16 L2 at 4.2M tokens: lr .001 (best rate .002 was the lowest)"
[[nodiscard]] std::string describe(const Addition& addition);

}  // namespace scalelaw::inline study
