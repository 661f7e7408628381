#include "heed/core/nearest.h"

#include <algorithm>

namespace heed {
namespace {

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> two_ago(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], two_ago[j - 2] + 1);
    }
    std::swap(two_ago, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::string nearest_name(std::string_view given, const std::vector<std::string>& names) {
  std::string best;
  size_t best_distance = 0;
  for (const auto& name : names) {
    const size_t distance = edit_distance(given, name);
    const size_t limit = (std::max(given.size(), name.size()) + 2) / 3;
    if (distance > limit || (!best.empty() && distance >= best_distance)) continue;
    best = name, best_distance = distance;
  }
  return best;
}

std::string suggestion(std::string_view given, const std::vector<std::string>& names) {
  const std::string near = nearest_name(given, names);
  if (!near.empty()) return ", did you mean '" + near + "'?";
  std::string known = "; known: ";
  for (size_t i = 0; i < names.size(); ++i) known += (i ? ", " : "") + names[i];
  return known;
}

}  // namespace heed
