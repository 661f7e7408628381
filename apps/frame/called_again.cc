#include "called_again.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "core/printable.h"
#include "core/system_file.h"

namespace heed::cli {
namespace {

/// As the system keeps them, each ended by a NUL.
std::vector<std::string> own_words() {
  auto file = system_file("/proc/self/cmdline");
  std::vector<std::string> words;
  for (std::string word; std::getline(file, word, '\0');) words.push_back(word);
  return words;
}

}  // namespace

std::string called_again_with(const std::string& verb, const std::string& flag) {
  const auto words = own_words();
  bool added = std::find(words.begin(), words.end(), flag) != words.end();
  std::string line;
  for (size_t i = 0; i < words.size(); ++i) {
    line += (i > 0 ? " " : "") + shell_quoted(words[i]);
    if (added || i == 0 || words[i] != verb) continue;
    line += " " + flag, added = true;
  }
  return line;
}

}  // namespace heed::cli
