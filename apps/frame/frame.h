// The frame of a program of verbs: flags of all verbs, errors on standard error, exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace heed::cli {

/// Thrown by a verb that ends in good order with another code than 0: 128 + n after signal n.
struct Exit {
  int code;
};

struct Program {
  const char* name;
  const char* description;
  const char* footer;  ///< of its help; empty for none
  /// Adds the verbs: subcommands whose callbacks do the work. Results go to standard output,
  /// everything else to standard error, what goes wrong is thrown as heed::Error.
  void (*add_verbs)(CLI::App& app);
};

/// Parses the command line, runs the verb that it names and returns the program's exit code: 0
/// well, 1 a bug, otherwise as heed::Failure says, or Exit's. Unknown verbs and flags are named
/// with the nearest known one.
int run(int argc, char** argv, const Program& program);

/// Throws UsageError for a value that a flag is given twice, of which one would be ignored or count
/// double. Of KEY=VALUE only the key is looked at.
void refuse_twice(const char* flag, const std::vector<std::string>& values);

/// A check of an option: a whole number from `least` to `most`.
CLI::Validator whole_number(int64_t least, int64_t most);

}  // namespace heed::cli
