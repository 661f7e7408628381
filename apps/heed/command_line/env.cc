#include "command_line.h"

namespace heed::cli {

void add_env(CLI::App& app) {
  auto* verb = app.add_subcommand("env", "Show versions, SIMD targets, cores, threads and memory");
  auto flags = std::make_shared<EnvFlags>();
  verb->add_flag("--json", flags->json, "Print one JSON object");
  on_run(*verb, flags);
  verb->footer(R"(
Examples:
  heed env
  heed env --threads 1 --json)");
}

}  // namespace heed::cli
