#include "cli/analysis_source.hpp"

#include <filesystem>

#include "analysis/study_analysis.hpp"
#include "cli/fit_input.hpp"
#include "cli/study_common.hpp"
#include "study/store.hpp"

namespace scalelaw::cli {
namespace {

namespace fs = std::filesystem;

bool is_table(const AnalysisSource& source) { return source.input == "-" || fs::is_regular_file(source.input); }

std::string table_name(const AnalysisSource& source) {
  return source.input == "-" ? "standard input" : fs::path(source.input).filename().string();
}

Analysis analyze_rows(const AnalysisSource& source, const Globals& globals, bool compare) {
  const std::vector<FitSources> parts =
      split_by_counting(read_fit_sources({source.input}, read_options(source.read), source.choice));
  if (parts.size() > 1) {
    std::string names;
    for (const FitSources& part : parts) names += (names.empty() ? "" : ", ") + part.counted;
    fail_data(
        "{}: its rows count N and C in several ways ({}), which cannot be pooled; give one of them a file of its "
        "own, or name its columns with --columns",
        source.input, names);
  }
  if (!parts.front().records.empty()) {
    fail_data("{}: is a run record; give the folder of its study, or a table of runs", source.input);
  }
  AnalysisOptions options;
  options.threads = globals.threads;
  if (!compare) options.compare_law = "";
  FitInput input = observe_sources(parts.front(), options.convention, options.min_steps, false);
  Selection selection{.observations = std::move(input.points),
                      .sweeps = std::move(input.sweeps),
                      .excluded = std::move(input.excluded),
                      .branching = {}};
  Analysis analysis = analyze_table(table_name(source), std::move(selection), input.noise, options);
  const fs::path path(source.input);
  analysis.repeat = fmt::format("scalelaw report {}", path.is_absolute() ? table_name(source) : source.input);
  analysis.warnings.insert(analysis.warnings.begin(), input.notes.begin(), input.notes.end());
  for (const ReadReport& report : parts.front().reports) {
    analysis.warnings.insert(analysis.warnings.end(), report.warnings.begin(), report.warnings.end());
  }
  return analysis;
}

}  // namespace

void add_analysis_source(CLI::App& command, AnalysisSource& source) {
  command.add_option("study", source.input, "folder of a study, or a table of runs (CSV, JSON, '-')")->required();
  add_population_options(command, source.choice);
  add_read_options(command, source.read);
}

Analysis read_analysis(const AnalysisSource& source, const Globals& globals, bool compare) {
  return is_table(source) ? analyze_rows(source, globals, compare)
                          : analyze_study(source.input, globals.threads, source.choice);
}

fs::path report_folder(const AnalysisSource& source, const std::string& out) {
  if (out.empty()) {
    if (!is_table(source)) return source.input;
    return source.input == "-" ? fs::path("report") : fs::path(fs::path(source.input).stem().string() + "-report");
  }
  std::error_code none;
  if (fs::exists(config_path(out)) && !fs::equivalent(out, source.input, none)) {
    fail_config("--out {}: is the folder of a study, whose own report would be lost; give another folder", out);
  }
  return out;
}

}  // namespace scalelaw::cli
