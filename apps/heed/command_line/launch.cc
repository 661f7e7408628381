// heed launch: the processes of one training on this machine, without Python.
#include "frame/launch.h"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "command_line.h"
#include "heed/core/error.h"

namespace heed::cli {
namespace {

std::vector<std::string>& words_of_copies() {
  static std::vector<std::string> words;
  return words;
}

void run(LaunchOptions options, bool is_number_given) {
  options.words = words_of_copies();
  if (options.words.empty())
    throw UsageError(
        "heed launch: expected -- and what each process runs: heed launch -n 2 -- train RECIPE");
  const char* each = std::getenv("PET_NPROC_PER_NODE");
  if (!is_number_given && each) options.processes = std::max(1L, std::atol(each));
  if (const int code = launch(options); code != 0) throw Exit{code};
}

/// Whether that is the verb, behind flags of all verbs.
bool is_launch(int argc, char** argv) {
  int i = 1;
  while (i < argc && argv[i][0] == '-') i += std::string_view(argv[i]) == "--threads" ? 2 : 1;
  return i < argc && std::string_view(argv[i]) == "launch";
}

}  // namespace

int keep_words_of_copies(int argc, char** argv) {
  if (!is_launch(argc, argv)) return argc;
  char** const end = argv + argc;
  char** const dashes = std::find(argv, end, std::string_view("--"));
  if (dashes == end) return argc;
  words_of_copies().assign(dashes + 1, end);
  return static_cast<int>(dashes - argv);
}

void add_launch(CLI::App& app) {
  auto* verb =
      app.add_subcommand("launch", "Start several processes on this machine that train as one");
  auto options = std::make_shared<LaunchOptions>();
  auto* number = verb->add_option("-n,--nproc-per-node", options->processes,
                                  "Processes; default: PET_NPROC_PER_NODE, or 1")
                     ->check(whole_number(1, 1024))
                     ->type_name("N");
  verb->add_option("--restarts", options->restarts,
                   "Times that all begin anew from the newest checkpoint after one was lost")
      ->check(whole_number(0, 1000))
      ->type_name("N");
  verb->add_option("--log-dir", options->log_dir,
                   "Folder for what each process says, rank-N.log; without it they say it here")
      ->type_name("FOLDER");
  verb->callback([=] { run(*options, number->count() > 0); });
  verb->footer(R"(
What stands behind -- is each process' command line.

Examples:
  heed launch -n 2 -- train recipes/fashion-mnist-demo.toml
  heed launch -n 2 --restarts 3 -- train recipes/fashion-mnist-demo.toml --resume --threads 1
  heed launch -n 2 --log-dir logs -- env)");
}

}  // namespace heed::cli
