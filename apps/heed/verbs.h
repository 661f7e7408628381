// The verbs of the command line. Each stands in a file of its own and adds itself as a subcommand
// whose callback does the work: results go to standard output, everything else to standard error,
// what goes wrong is thrown as heed::Error.
#pragma once

#include <CLI/CLI.hpp>

namespace heed::cli {

/// Thrown by a verb that ends in good order with another code than 0: 128 + n after signal n.
struct Exit {
  int code;
};

void add_check(CLI::App& app);
void add_bench(CLI::App& app);
void add_env(CLI::App& app);
void add_eval(CLI::App& app);
void add_predict(CLI::App& app);
void add_train(CLI::App& app);
void add_import(CLI::App& app);
void add_map(CLI::App& app);
void add_score(CLI::App& app);
void add_summary(CLI::App& app);

}  // namespace heed::cli
