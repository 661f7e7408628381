// Runs the built program as a user does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace heed::test {

struct Result {
  int code;  ///< of exit, or 128 + n when signal n ended it
  std::string out, err;
};

struct RunOptions {
  std::vector<std::pair<std::string, std::string>> environment = {};  ///< set in addition
  std::string input = {};                                             ///< of standard input
  std::filesystem::path out = {};  ///< where standard output goes instead of Result::out
  std::vector<int> closed = {};    ///< of the descriptors 0, 1 and 2, when it starts
  int signal = 0;                  ///< sent once, when `when` says so
  std::function<bool()> when = {};
  uint64_t largest_file = 0;  ///< bytes; a longer write fails as on a full disk; 0: any
  const char* program = HEED_PROGRAM;
};

/// The program with ARGUMENTS, to its end. Neither output is a terminal.
Result run(const std::vector<std::string>& arguments, const RunOptions& options = {});

}  // namespace heed::test
