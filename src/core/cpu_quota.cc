#include "core/cpu_quota.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/system_file.h"

namespace heed::detail {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> parts_of(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(line);
  in.exceptions(std::ios::badbit);  // a stream would keep to itself that there is no memory
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool has(const std::string& list, const std::string& word) {
  const auto words = parts_of(list, ',');
  return std::find(words.begin(), words.end(), word) != words.end();
}

/// A hierarchy of groups that may limit processors: where it is mounted, which group its mount point shows.
struct Mount {
  bool v2;
  fs::path root, point;
};

/// From "36 25 0:31 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate".
std::vector<Mount> mounts(const fs::path& file) {
  std::vector<Mount> found;
  auto in = system_file(file);
  for (std::string line; std::getline(in, line);) {
    const auto parts = parts_of(line, ' ');
    const auto dash =
        static_cast<size_t>(std::find(parts.begin(), parts.end(), "-") - parts.begin());
    if (parts.size() < 5 || dash + 3 >= parts.size()) continue;
    const bool v2 = parts[dash + 1] == "cgroup2";
    if (v2 || (parts[dash + 1] == "cgroup" && has(parts[dash + 3], "cpu")))
      found.push_back({v2, parts[3], parts[4]});
  }
  return found;
}

/// The group of this process, "/user.slice", from "0::/user.slice" (v2) or "4:cpu,cpuacct:/docker/1f" (v1).
std::optional<std::string> group(const fs::path& file, bool v2) {
  auto in = system_file(file);
  for (std::string line; std::getline(in, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (v2 ? controllers.empty() : has(controllers, "cpu")) return line.substr(second + 1);
  }
  return std::nullopt;
}

/// Of one group: "150000 100000" or "max 100000" in one file (v2), two files of a number each (v1).
std::optional<double> quota_of(const fs::path& folder, bool v2) {
  std::ifstream first(folder / (v2 ? "cpu.max" : "cpu.cfs_quota_us"));
  std::ifstream other(folder / "cpu.cfs_period_us");
  double quota = 0, period = 0;
  if (!(first >> quota) || !((v2 ? first : other) >> period) || quota <= 0 || period <= 0)
    return std::nullopt;
  return quota / period;
}

}  // namespace

std::optional<double> cpu_quota(const fs::path& root) {
  std::optional<double> least;
  for (const auto& [v2, shown, point] : mounts(root / "proc/self/mountinfo")) {
    const auto own = group(root / "proc/self/cgroup", v2);
    if (!own) continue;
    const auto below = fs::path(*own).lexically_relative(shown);
    const bool inside = !below.empty() && *below.begin() != "..";
    const fs::path top = root / point.relative_path();
    // From the process' own group up to the one that is mounted.
    for (fs::path at = inside ? below : fs::path(".");; at = at.parent_path()) {
      if (const auto quota = quota_of(top / at, v2); quota && (!least || *quota < *least))
        least = quota;
      if (at.empty() || at == ".") break;
    }
  }
  return least;
}

int threads_within(int cores, std::optional<double> quota) noexcept {
  if (!quota || *quota >= cores) return cores;
  return static_cast<int>(std::ceil(*quota));
}

}  // namespace heed::detail
