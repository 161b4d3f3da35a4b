#pragma once
// From the records of a study to its results: selection, fits, allocation, comparison. Everything here can be rebuilt
// from runs/ at any time; nothing else holds state.
#include <optional>
#include <string>
#include <vector>

#include "alloc/allocate.hpp"
#include "fit/budgets.hpp"
#include "fit/choice.hpp"
#include "fit/fit.hpp"
#include "inference/compare.hpp"
#include "select/lr_law.hpp"
#include "select/select.hpp"

namespace scalelaw::inline analysis {

/// What the analysis of a study may be told; the defaults are those of a study without [analysis] and [compare].
struct AnalysisOptions {
  LawKind law = LawKind::chinchilla;
  bool choose_law = true;  ///< a wider law answers where the points reject this one
  Convention convention;
  Resample resample = Resample::automatic;
  std::int64_t bootstrap = 500;  ///< replicates of the main fits; 0 = no intervals
  std::uint64_t seed = 2;
  int threads = 1;
  std::int64_t min_steps = 150;              ///< runs with fewer optimizer steps are left out
  LrLawOptions lr_law = {};                  ///< of the law of the best rate
  std::vector<double> planned_budgets = {};  ///< isoFLOP budgets of the design, FLOPs; empty = found from the points
  std::vector<double> hold = {};             ///< of them: those that are predicted, not fitted
  Convention planned_convention = {};        ///< of the FLOPs in planned_budgets
  std::vector<double> allocation_flops =
      {};  ///< empty = 1, 10 and 100 times the largest planned budget, or C of a point
  std::string compare_law = "besiroglu2024";  ///< published law simulated at the same points; empty = no comparison
  Margin margin;                              ///< equivalence margin of exponents
  std::int64_t studies = 200;                 ///< simulated studies
  std::uint64_t compare_seed = 1;             ///< of the simulated studies
};

/// The fits of the same runs under one way of counting N and C.
struct ConventionFit {
  Convention convention;
  FitResult parametric;
  FitResult isoflop;
};

/// Training loss of one run against tokens seen, from curves/<run_id>.csv.
struct LossCurve {
  std::string run;
  std::string shape;
  double params = 0;
  double tokens = 0;  ///< D of the run
  double lr = 0;
  std::vector<double> at_tokens;
  std::vector<double> loss_nats;
};

struct Analysis {
  std::string study;        ///< name for titles
  std::string table = {};   ///< file that holds the observations where there are no records; empty for records
  std::string repeat = {};  ///< command that gives the same results; empty where none is known
  AnalysisOptions options;
  std::vector<RunRecord> records;
  std::optional<NoiseModel> noise;       ///< between seeds, before they are averaged
  Selection selection;                   ///< its observations carry the isoFLOP budget they belong to
  LrLaw lr_law;                          ///< of the best learning rate, in the study's own convention of N
  std::vector<std::string> added_rates;  ///< rates run beyond those listed in the plan, one line each
  std::optional<LawChoice> choice;       ///< none where one law was asked for, or nothing lies around it
  FitResult parametric;                  ///< of the law that answers
  FitResult isoflop;
  std::vector<ConventionFit> conventions;  ///< total, non-embedding and effective with 6ND; total with exact C
  std::vector<Allocation> allocations;
  std::optional<Comparison> comparison;  ///< none where none was asked for or there was nothing to compare
  std::vector<LossCurve> curves;         ///< of the run nearest the best learning rate of each (shape, D)
  std::vector<std::string> warnings;     ///< one line each, for people
};

/// The whole pipeline in memory. A fit that does not converge, or points too few, are results with their status and a
/// warning. Errors: only unusable options (an unknown law).
[[nodiscard]] Analysis analyze(const std::string& study, std::vector<RunRecord> records,
                               const AnalysisOptions& options);

/// The same of tuned observations that no records stand behind. Their budgets are those that they name or, where none
/// does, found from the points. What needs records is left empty: the counts of N and C, the law of learning rates,
/// curves.
/// @param table the file that holds them
/// @param noise between seeds, before they were averaged
[[nodiscard]] Analysis analyze_table(const std::string& table, Selection selection,
                                     const std::optional<NoiseModel>& noise, const AnalysisOptions& options);

}  // namespace scalelaw::inline analysis
