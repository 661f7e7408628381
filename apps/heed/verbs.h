// The verbs of the command line. Each stands in a file of its own and adds itself as frame/frame.h
// says.
#pragma once

#include "frame/frame.h"

namespace heed::cli {

void add_check(CLI::App& app);
void add_env(CLI::App& app);
void add_eval(CLI::App& app);
void add_predict(CLI::App& app);
void add_train(CLI::App& app);
void add_import(CLI::App& app);
void add_map(CLI::App& app);
void add_score(CLI::App& app);
void add_summary(CLI::App& app);

}  // namespace heed::cli
