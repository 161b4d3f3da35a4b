#include "cli/compare_source.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "analysis/analysis.hpp"
#include "analysis/sources.hpp"
#include "cli/fit_budgets.hpp"
#include "core/format.hpp"
#include "inference/compare.hpp"
#include "law/published.hpp"
#include "select/select.hpp"

namespace scalelaw::cli {
namespace {

void require_source(const std::string& source) {
  if (source == "-" || std::filesystem::exists(source)) return;
  std::vector<std::string> names;
  for (const Law& law : published_laws()) names.push_back(law.name);
  const std::string near = nearest_word(source, names);
  fail_data("{}: there is no such study folder, CSV or published law{}", source,
            near.empty() ? "; scalelaw laws lists the laws" : fmt::format(" (did you mean '{}'?)", near));
}

/// The one set of points of a source. Errors (data): several.
FitSources only_part(const std::string& source, std::vector<FitSources> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  std::vector<std::string> counted;
  for (const FitSources& part : parts) counted.push_back(part.counted.empty() ? "no convention" : part.counted);
  fail_data(
      "{}: holds {} sets of points that are never pooled ({}), and compare takes one: choose rows with --where "
      "convention=VALUE, or one loss with --columns loss=NAME",
      source, parts.size(), fmt::join(counted, "; "));
}

double least_log_vocab(const std::vector<RunRecord>& records) {
  double least = 0;
  for (const RunRecord& record : records) {
    if (record.spec.backend.simulation.embedding_coefficient > 0) continue;  // its vocabulary is no model's
    const double largest = std::log(static_cast<double>(record.spec.model.vocab));
    least = least > 0 ? std::min(least, largest) : largest;
  }
  return least;
}

void add_record_notes(CompareSource& out, const FitSources& part, const FitInput& input) {
  for (const std::string& note : part.notes) out.notes.push_back(fmt::format("{}: {}", out.name, note));
  const auto unreadable = std::ssize(part.excluded);
  const std::vector<Exclusion> selected(input.excluded.begin() + unreadable, input.excluded.end());
  if (input.points.empty()) {
    fail_data("{}: none of its {} records can be used{}", out.name, part.records.size(),
              selected.empty() ? "" : ": " + describe_reasons(selected));
  }
  if (!selected.empty()) {
    out.notes.push_back(fmt::format("{}: left out by the selection: {}", out.name, describe_reasons(selected)));
  }
  if (unreadable > 0) {
    out.notes.push_back(fmt::format("{}: {}, the first: {}", out.name, counted(unreadable, "unreadable record"),
                                    part.excluded.front().reason));
  }
  if (std::ranges::any_of(part.records, [](const RunRecord& r) { return r.source == RunSource::simulated; })) {
    out.simulated.push_back(
        fmt::format("{}: {}; {}", out.name, source_title(part.records), simulation_text(part.records)));
  }
}

void add_table_notes(CompareSource& out, const FitSources& part, const FitInput& input) {
  out.notes.insert(out.notes.end(), input.notes.begin(), input.notes.end());
  for (const ReadReport& report : part.reports) {
    for (const std::string& line : {report.read_as(), report.left_out()}) {
      if (!line.empty()) out.notes.push_back(fmt::format("{}: {}", report.file, line));
    }
    out.notes.insert(out.notes.end(), report.warnings.begin(), report.warnings.end());
    if (report.own_counts) out.counted = kOwnCounts;
  }
  if (!part.counted.empty()) out.counted = part.counted;
  for (const std::string& line : selection_lines(input)) out.notes.push_back(fmt::format("{}: {}", out.name, line));
}

}  // namespace

std::string compare_label(const std::string& source) {
  if (source == "-") return "standard input";
  const std::filesystem::path path = std::filesystem::path(source).lexically_normal();
  return path.filename().empty() ? path.parent_path().filename().string() : path.filename().string();
}

CompareSource read_compare_source(const std::string& source, const CompareSourceOptions& options) {
  require_source(source);
  std::vector<FitSources> parts = split_by_counting(read_fit_sources({source}, options.read, options.population));
  if (options.groups) check_groups(parts);
  const FitSources part = only_part(source, std::move(parts));
  const std::int64_t min_steps = part.min_steps.value_or(SelectionOptions{}.min_steps);
  const FitInput input = observe_sources(part, options.convention, min_steps, false);
  CompareSource out;
  out.name = compare_label(source);
  out.noise = input.noise;
  out.largest_loss = least_log_vocab(part.records);
  if (part.records.empty()) {
    add_table_notes(out, part, input);
  } else {
    add_record_notes(out, part, input);
  }
  out.points =
      options.isoflop ? isoflop_points(input.points, budgeted_points({source}, part, min_steps)) : input.points;
  return out;
}

}  // namespace scalelaw::cli
