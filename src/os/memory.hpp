#pragma once
// How much memory this process may use.
#include <filesystem>

namespace scalelaw::inline os {

/// Bytes that a control group (version 2: a container, a job of a cluster) may use: the least limit of its own and of
/// all groups above it; infinite where none of them has one.
/// @param membership a file like /proc/self/cgroup, whose line "0::GROUP" names the group  @param root the folder of
/// all groups, like /sys/fs/cgroup, in which GROUP/memory.max holds a limit or "max"
[[nodiscard]] double control_group_memory(const std::filesystem::path& membership, const std::filesystem::path& root);

/// Bytes that this process may use: the machine's memory, or less where its control group allows less.
[[nodiscard]] double usable_memory();

}  // namespace scalelaw::inline os
