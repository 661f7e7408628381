#include "frame.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <new>
#include <utility>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/core/threads.h"

namespace heed::cli {
namespace {

constexpr int kInternalError = 1;

/// LibTorch remembers the number that it is told; otherwise its first operator resets the pool of
/// all three libraries.
void use_threads(int threads) {
  set_num_threads(threads);
  at::set_num_threads(threads);
}

std::vector<std::string> flags_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* option : app.get_options()) {
    for (const auto& name : option->get_lnames()) names.push_back("--" + name);
    for (const auto& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> verbs_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const auto* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  return names;
}

/// What is wrong with the command line; names the nearest verb or flag where an unknown one is the
/// cause.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  const auto unknown = app.remaining(true);
  if (unknown.empty()) return error.what();
  const CLI::App* verb = &app;  // the last that was chosen
  std::string where = app.get_name();
  auto flags = flags_of(app);
  while (!verb->get_subcommands().empty()) {
    verb = verb->get_subcommands().back();
    where += " " + verb->get_name();
    auto own = flags_of(*verb);
    for (const auto& flag : flags) {
      if (std::find(own.begin(), own.end(), flag) == own.end()) own.push_back(flag);
    }
    flags = std::move(own);
  }
  const std::string word = unknown.front().substr(0, unknown.front().find('='));
  const bool is_flag = word.size() > 1 && word.front() == '-';
  if (!is_flag && !verb->get_subcommands({}).empty()) {
    return "unknown verb '" + word + "'" + suggestion(word, verbs_of(*verb));
  }
  if (!is_flag) return "unexpected argument '" + unknown.front() + "' of '" + where + "'";
  return "unknown flag '" + word + "' of '" + where + "'" + suggestion(word, flags);
}

int fail(const CLI::App& app, int code, const std::string& message) {
  std::cout.flush();
  std::cerr << app.get_name() << ": error: " << message << std::endl;
  return code;
}

int parse_failure(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const int usage = static_cast<int>(Failure::usage);
  if (app.get_subcommands().empty() && app.remaining(true).empty() &&
      dynamic_cast<const CLI::RequiredError*>(&error)) {
    std::cerr << app.help();
    return usage;
  }
  return fail(app, usage, usage_message(app, error));
}

/// LibTorch says that memory ran out in words only.
int torch_failure(const CLI::App& app, const c10::Error& error) {
  const std::string message = error.what_without_backtrace();
  for (const char* words : {"can't allocate memory", "not enough memory", "out of memory"}) {
    if (message.find(words) != std::string::npos) {
      return fail(app, static_cast<int>(Failure::memory), "not enough memory: " + message);
    }
  }
  return fail(app, kInternalError,
              "unexpected failure inside LibTorch, please report it: " + message);
}

/// A result that did not reach its reader is no success. A reader that went away (head) is not
/// worth a word.
int flush_results(const CLI::App& app, int code) {
  errno = 0;
  if (std::cout.flush() && std::fflush(stdout) == 0) return code;
  if (errno == EPIPE) return 128 + SIGPIPE;
  return fail(app, static_cast<int>(Failure::file),
              std::string("cannot write standard output: ") + std::strerror(errno));
}

}  // namespace

int run(int argc, char** argv, const Program& program) {
  CLI::App app(program.description, program.name);
  app.footer(program.footer);
  app.set_version_flag("--version", std::string(program.name) + " " HEED_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // so that the flags of all verbs may stand behind the verb
  use_threads(num_threads());
  app.add_option_function<int>("--threads", use_threads, "Worker threads of every library, 1..1024")
      ->check(CLI::Range(1, 1024))
      ->type_name("N");
  program.add_verbs(app);
  try {
    app.parse(argc, argv);
    return flush_results(app, 0);
  } catch (const CLI::ParseError& error) {
    return flush_results(app, parse_failure(app, error));
  } catch (const Exit& exit) {
    return flush_results(app, exit.code);
  } catch (const Error& error) {
    return fail(app, error.exit_code(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(app, static_cast<int>(Failure::memory), "not enough memory");
  } catch (const c10::Error& error) {
    return torch_failure(app, error);
  } catch (const std::exception& error) {
    return fail(app, kInternalError,
                std::string("unexpected failure, please report it: ") + error.what());
  }
}

}  // namespace heed::cli
