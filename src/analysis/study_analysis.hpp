#pragma once
// The analysis of a study's folder.
#include <filesystem>

#include "analysis/analysis.hpp"
#include "design/config.hpp"
#include "select/population.hpp"

namespace scalelaw::inline analysis {

/// [analysis], [compare] and the budgets of a study's config.
[[nodiscard]] AnalysisOptions analysis_options(const StudyConfig& config, int threads);

/// The analysis of a study folder: the records of its plan (study/members.hpp; others and unreadable ones are named in
/// the warnings), its config where there is a study.toml, else the defaults, and the points that the plan left out.
/// Errors (data): the folder has no runs/, no readable record in it, or runs that do not belong together.
[[nodiscard]] Analysis analyze_study(const std::filesystem::path& study_folder, int threads,
                                     const PopulationChoice& choice = {});

/// Reads the loss curves that the figures show; runs without a curve file (simulated ones) are left out. At most
/// `max_points` points a curve, spaced evenly in ln tokens.
void load_curves(Analysis& analysis, const std::filesystem::path& study_folder, std::size_t max_points = 300);

}  // namespace scalelaw::inline analysis
