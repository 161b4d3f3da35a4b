#pragma once
// From the records of a study to its results: selection, fits, allocation, comparison. Everything here can be rebuilt
// from runs/ at any time; nothing else holds state.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "alloc/allocate.hpp"
#include "design/config.hpp"
#include "fit/budgets.hpp"
#include "fit/fit.hpp"
#include "fit/lr_law.hpp"
#include "fit/population.hpp"
#include "fit/select.hpp"
#include "inference/compare.hpp"

namespace scalelaw {

/// What the analysis of a study may be told; the defaults are those of a study without [analysis] and [compare].
struct AnalysisOptions {
  LawKind law = LawKind::chinchilla;
  Convention convention;
  Objective objective;
  std::string resample = "auto";            ///< auto | runs | groups | parametric
  std::int64_t bootstrap = 500;             ///< replicates of the main fits; 0 = no intervals
  std::int64_t convention_bootstrap = 500;  ///< replicates of the fits under the other conventions
  std::uint64_t seed = 2;
  int threads = 1;
  std::int64_t drop_highest = 0;
  std::int64_t min_steps = 150;              ///< runs with fewer optimizer steps are left out
  bool keep_edge = true;                     ///< see SelectionOptions
  double lr_transfer_above = 0;              ///< the law of the best rate is fitted to shapes up to this; 0 = to all
  std::vector<double> planned_budgets = {};  ///< isoFLOP budgets of the design, FLOPs; empty = found from the points
  Convention planned_convention = {};        ///< of the FLOPs in planned_budgets
  std::vector<double> allocation_flops =
      {};  ///< empty = 1, 10 and 100 times the largest planned budget, or C of a point
  std::string compare_law = "besiroglu2024";  ///< published law simulated at the same points; empty = no comparison
  Margin margin;                              ///< equivalence margin of exponents
  std::int64_t studies = 200;                 ///< simulated studies
  std::uint64_t compare_seed = 1;             ///< of the simulated studies
  double noise = 0;                           ///< sd of ln loss in them; 0 = estimated from the fit's residuals
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
  std::string study;  ///< name for titles
  AnalysisOptions options;
  std::vector<RunRecord> records;
  std::optional<NoiseModel> noise;       ///< between seeds, before they are averaged
  Selection selection;                   ///< its observations carry the isoFLOP budget they belong to
  LrLaw lr_law;                          ///< of the best learning rate, in the study's own convention of N
  std::vector<std::string> added_rates;  ///< rates run beyond those listed in the plan, one line each
  FitResult parametric;
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

/// [analysis], [compare] and the budgets of a study's config. Errors (config): an unknown law.
[[nodiscard]] AnalysisOptions analysis_options(const StudyConfig& config, int threads);

/// The analysis of a study folder: the records of its plan (study/members.hpp; others and unreadable ones are named in
/// the warnings), its config where there is a study.toml, else the defaults, and the points that the plan left out.
/// Errors (data): the folder has no runs/, no readable record in it, or runs that do not belong together.
[[nodiscard]] Analysis analyze_study(const std::filesystem::path& study_folder, int threads,
                                     const PopulationChoice& choice = {});

/// Reads the loss curves that the figures show; runs without a curve file (simulated ones) are left out. At most
/// `max_points` points a curve, spaced evenly in ln tokens.
void load_curves(Analysis& analysis, const std::filesystem::path& study_folder, std::size_t max_points = 300);

/// Writes what is derived, each file atomically: records.csv, fits/parametric.json, fits/isoflop.json, allocation.json,
/// fits/learning_rates.json, comparison.json (where there is one), report.html, and plots/*.svg. Where gnuplot is
/// missing the plots are left out and the text says so.
/// @return a warning line for people, or empty.
std::string write_analysis(const std::filesystem::path& study_folder, const Analysis& analysis);

/// What a study prints at its end: exponents with intervals, allocation, comparison. Ends with a newline.
[[nodiscard]] std::string summary_text(const Analysis& analysis, const std::filesystem::path& study_folder);

/// The sweeps, the law of the best rate and the branching check: fits/learning_rates.json.
[[nodiscard]] Json learning_rates_json(const Analysis& analysis);
/// "learning rates: 30 of 30 points bracketed" or the points that are not, the law, the branching check; a line each.
[[nodiscard]] std::string learning_rates_text(const Analysis& analysis);

/// "trained", "simulated", "imported" or "trained and simulated": where the records come from.
[[nodiscard]] std::string source_text(const std::vector<RunRecord>& records);
/// The same so that nobody overlooks it: "trained", "SIMULATED, no model was trained", "trained and SIMULATED, pooled".
[[nodiscard]] std::string source_title(const std::vector<RunRecord>& records);

/// What simulated the records, and whether its amplitudes are those published, others given, or refitted to records:
/// "simulated with besiroglu2024, its exponents kept and A, B, E refitted to 24 points of tutorial.csv". Empty where
/// none was simulated.
[[nodiscard]] std::string simulation_text(const std::vector<RunRecord>& records);

}  // namespace scalelaw
