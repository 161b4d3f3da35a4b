#include "exec/study_summary.hpp"

#include "core/format.hpp"

namespace scalelaw::inline exec {

ExitCode StudySummary::exit_code() const {
  if (interrupted) return ExitCode::interrupted;
  return failed.empty() ? ExitCode::ok : ExitCode::some_failed;
}

std::string describe(const StudySummary& s) {
  const std::int64_t missing = s.planned - s.before - s.made;
  std::string out = fmt::format("{} of {} runs finished ({} before, {} now in {}){}\n", s.before + s.made, s.planned,
                                s.before, s.made, short_duration(s.seconds),
                                s.diverged > 0 ? fmt::format(", {} of them diverged", s.diverged) : "");
  if (!s.added.empty()) {
    std::int64_t runs = 0;
    for (const Addition& addition : s.added) runs += addition.runs;
    out += fmt::format("{} of the runs were added for what others gave:\n", runs);
    for (const Addition& addition : s.added) out += fmt::format("  {}\n", describe(addition));
  }
  for (const std::string& other : s.others) out += fmt::format("in the folder, not of this plan: {}\n", other);
  for (const std::string& note : s.later_notes) out += fmt::format("note: {}\n", note);
  for (const FailedJob& job : s.failed) out += fmt::format("failed: job {} ({}): {}\n", job.id, job.what, job.reason);
  if (s.interrupted) {
    out += "interrupted; run the same command again to go on\n";
  } else if (missing > 0) {
    out += fmt::format("{} run{} missing; the same command tries again\n", missing, missing == 1 ? " is" : "s are");
  }
  return out;
}

Json to_json(const StudySummary& s) {
  Json failed = Json::array();
  for (const FailedJob& job : s.failed) failed.push_back({{"job", job.id}, {"what", job.what}, {"reason", job.reason}});
  Json bad = Json::array();
  for (const BadRecord& record : s.bad) bad.push_back({{"file", record.file}, {"reason", record.reason}});
  Json left_out = Json::array();
  for (const LeftOut& point : s.left_out) {
    left_out.push_back(
        {{"shape", point.shape}, {"budget", point.budget_flops}, {"tokens", point.tokens}, {"reason", point.reason}});
  }
  Json added = Json::array();
  for (const Addition& a : s.added) {
    added.push_back({{"shape", a.shape},
                     {"tokens", a.tokens},
                     {"lr", a.lr},
                     {"kind", a.kind},
                     {"reason", a.reason},
                     {"runs", a.runs}});
  }
  return {{"planned", s.planned},
          {"added", added},
          {"finished_before", s.before},
          {"made", s.made},
          {"diverged", s.diverged},
          {"failed", failed},
          {"bad_records", bad},
          {"left_out", left_out},
          {"notes", s.notes},
          {"later_notes", s.later_notes},
          {"others", s.others},
          {"interrupted", s.interrupted},
          {"seconds", s.seconds}};
}

}  // namespace scalelaw::inline exec
