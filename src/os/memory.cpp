#include "os/memory.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace scalelaw::inline os {

double control_group_memory(const std::filesystem::path& membership, const std::filesystem::path& root) {
  std::ifstream groups(membership);
  std::filesystem::path group = "/";
  for (std::string line; std::getline(groups, line);) {
    if (line.starts_with("0::")) group = line.substr(3);
  }
  double bytes = std::numeric_limits<double>::infinity();
  for (;; group = group.parent_path()) {
    std::ifstream limit(root.string() + group.string() + "/memory.max");
    if (double allowed = 0; limit >> allowed) bytes = std::min(bytes, allowed);
    if (!group.has_relative_path()) return bytes;
  }
}

double usable_memory() {
  const double machine = static_cast<double>(::sysconf(_SC_PHYS_PAGES)) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  return std::min(machine, control_group_memory("/proc/self/cgroup", "/sys/fs/cgroup"));
}

}  // namespace scalelaw::inline os
