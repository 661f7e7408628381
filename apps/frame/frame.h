// The frame of a program of verbs: flags of all verbs, errors on standard error, exit codes.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>

#include "frame/exit.h"

namespace heed::cli {

struct Program {
  const char* name;
  const char* description;
  const char* footer;  ///< of its help; empty for none
  /// Adds the verbs: subcommands whose callbacks do the work. Results go to standard output,
  /// everything else to standard error, what goes wrong is thrown as heed::Error.
  void (*add_verbs)(CLI::App& app);
};

/// Gives `app` the program's verbs and what all verbs take. --threads sets HEED_NUM_THREADS, which
/// heed::num_threads() reads when it is first called.
void declare(CLI::App& app, const Program& program);

/// Parses the command line, runs the verb that it names and returns the program's exit code: 0
/// well, 1 a bug, otherwise as heed::Failure says, or Exit's. Unknown verbs and flags are named
/// with the nearest known one.
int run(int argc, char** argv, const Program& program);

/// A check of an option: a whole number from `least` to `most`.
CLI::Validator whole_number(int64_t least, int64_t most);
/// The same of a number from 0 to 1, and no NaN.
CLI::Validator share();

}  // namespace heed::cli
