#include "analysis/sources.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "law/published.hpp"

namespace scalelaw::inline analysis {

std::string source_text(const std::vector<RunRecord>& records) {
  const std::set<RunSource> sources = [&] {
    std::set<RunSource> out;
    for (const auto& r : records) out.insert(r.source);
    return out;
  }();
  std::string text;
  // Trained first: the order in which a reader asks.
  for (const RunSource source : {RunSource::trained, RunSource::imported, RunSource::simulated}) {
    if (sources.contains(source)) text += (text.empty() ? "" : " and ") + std::string(name_of(source));
  }
  return text.empty() ? "no records" : text;
}

std::string source_title(const std::vector<RunRecord>& records) {
  const std::string source = source_text(records);
  if (source == name_of(RunSource::simulated)) return "SIMULATED, no model was trained";
  const std::size_t at = source.find("simulated");
  return at == std::string::npos ? source : source.substr(0, at) + "SIMULATED, pooled";
}

namespace {

/// The law of a simulation: of a published set, or one that is given with its constants.
const LawForm* form_of(const std::string& name) {
  if (const Law* published = find_published_law(name)) return &published->form();
  const auto kind = find_named<LawKind>(name);
  return kind ? &law_form(*kind) : nullptr;
}

/// What a re-anchoring refits: amplitudes and the offset, but not what repetition alone shows.
bool is_refitted(const LawForm* form, const std::string& constant) {
  if (form == nullptr) return true;
  const auto it = std::ranges::find(form->constants, constant, &Constant::name);
  if (it == form->constants.end()) return true;
  return !it->repetition && (it->role == Role::amplitude || it->role == Role::offset);
}

}  // namespace

std::string simulation_text(const std::vector<RunRecord>& records) {
  std::set<std::string> texts;
  for (const RunRecord& record : records) {
    if (record.source != RunSource::simulated) continue;
    const SimulationSpec& s = record.spec.backend.simulation;
    std::vector<std::string> amplitudes, all;
    for (const auto& [name, value] : s.params) {
      all.push_back(name);
      if (is_refitted(form_of(s.law), name)) amplitudes.push_back(name);
    }
    if (!s.anchored.empty()) {
      texts.insert(fmt::format("simulated with {}, its exponents kept and {} refitted to {}", s.law,
                               fmt::join(amplitudes, ", "), s.anchored));
    } else {
      texts.insert(fmt::format(
          "simulated with {}, {}", s.law,
          all.empty() ? "its constants as published" : fmt::format("{} as given in the config", fmt::join(all, ", "))));
    }
  }
  return fmt::format("{}", fmt::join(texts, "; "));
}

}  // namespace scalelaw::inline analysis
