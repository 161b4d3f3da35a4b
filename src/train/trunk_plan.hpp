#pragma once
// A job's runs as members of a stack and branches of their trunks.
#include <string>
#include <vector>

#include "records/job.hpp"

namespace scalelaw::inline train {

/// Runs that end at the same step and left the trunk at the same step; one run per member.
struct Branch {
  std::int64_t trunk_step = 0;    ///< steps on the trunk; 0 where the schedule has none
  std::int64_t steps = 0;         ///< steps in all
  std::vector<std::size_t> runs;  ///< indices into Job::runs, by member
};

/// Branches in the order they are trained: the trunk moves from branch point to branch point, and at each the branch is
/// a copy that cools down on its own. A schedule without trunk branches at step 0. The plan does not depend on the
/// order of the runs in the job, nor on which of them are finished: so a resumed job does exactly what it would have
/// done.
struct TrunkPlan {
  std::vector<std::vector<std::size_t>> members;  ///< runs of each member, the shortest first
  std::vector<Branch> branches;
  std::vector<std::size_t> member_of;  ///< member of each run

  /// Members with a run in this branch or a later one: those the trunk still carries.
  [[nodiscard]] std::vector<std::size_t> members_from(std::size_t branch) const;
  /// Member steps trained before the trunk leaves for this branch's point; with branches.size(): all of them.
  [[nodiscard]] std::int64_t member_steps_before(std::size_t branch) const;
};

[[nodiscard]] TrunkPlan plan_trunk(const Job& job);

}  // namespace scalelaw::inline train
