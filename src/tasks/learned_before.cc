#include "tasks/learned_before.h"

#include <algorithm>
#include <fstream>

#include "heed/core/files.h"
#include "heed/data/describe.h"

namespace heed {
namespace {

namespace fs = std::filesystem;

bool same_bytes(const fs::path& a, const fs::path& b) {
  std::error_code failed;
  if (fs::file_size(a, failed) != fs::file_size(b, failed) || failed) return false;
  std::ifstream first(a, std::ios::binary), second(b, std::ios::binary);
  std::vector<char> x(1 << 16), y(x.size());
  while (first && second) {
    first.read(x.data(), std::ssize(x)), second.read(y.data(), std::ssize(y));
    if (first.gcount() != second.gcount()) return false;
    if (!std::equal(x.begin(), x.begin() + first.gcount(), y.begin())) return false;
  }
  return first.eof() && second.eof();
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code failed;
  if (a == b) return true;  // also what begins the names of files
  if (fs::equivalent(a, b, failed)) return true;
  if (kind_of(a) != PathKind::file || kind_of(b) != PathKind::file) return false;
  return fs::file_size(a, failed) > 0 && same_bytes(a, b);
}

}  // namespace

bool is_learned(const Source& part, const Source& learned) {
  const auto is_there = [&](const std::string& path) {
    return std::any_of(learned.paths.begin(), learned.paths.end(),
                       [&](const std::string& other) { return same_file(path, other); });
  };
  if (!part.paths.empty() && std::all_of(part.paths.begin(), part.paths.end(), is_there))
    return true;
  return part.records && learned.records && data::all_are_in(*part.records, *learned.records);
}

}  // namespace heed
