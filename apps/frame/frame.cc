#include "frame.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <new>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/printable.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/core/problem_list.h"
#include "heed/core/threads.h"
#include "memory_reserve.h"
#include "result_buffer.h"

namespace heed::cli {
namespace {

constexpr int kInternalError = 1;

/// A file that is opened gets the lowest free number, and what is printed would go into it. What was
/// closed stays so for who uses it: the null device is opened the other way round.
void occupy_closed_streams() {
  for (int number = 0; number <= 2; ++number) {
    if (::fcntl(number, F_GETFD) >= 0 || errno != EBADF) continue;
    if (::open("/dev/null", number == 0 ? O_WRONLY : O_RDONLY) != number) std::abort();
  }
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

int fail_as_it_is(const CLI::App& app, int code, const std::string& message) {
  std::cout.flush();
  const auto line = app.get_name() + ": error: " + message + '\n';
  std::cerr << line << std::flush;  // at once: several processes may have one standard error
  return code;
}

/// Asks for no memory.
int fail_without_memory(std::string_view program) {
  for (const std::string_view part : {program, std::string_view(": error: not enough memory\n")})
    if (::write(STDERR_FILENO, part.data(), part.size()) < 0) break;
  return static_cast<int>(Failure::memory);
}

/// One line, whatever is named in it.
int fail(const CLI::App& app, int code, const std::string& message) {
  return fail_as_it_is(app, code, printable(message));
}

int fail_unexpectedly(const CLI::App& app, const std::exception& error) {
  return fail(app, kInternalError,
              std::string("unexpected failure, please report it: ") + error.what());
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

/// An empty text is no value of a flag or argument: none would do anything with it. Nor is the name of
/// a flag, which was meant as one. `above`: flags that stand before the verb.
void refuse_empty_values(CLI::App& app, std::vector<std::string> above = {}) {
  const auto own = flags_of(app);
  above.insert(above.end(), own.begin(), own.end());
  const auto check = [above](const std::string& given) -> std::string {
    if (given.empty()) return "expected a value, given an empty text";
    if (std::find(above.begin(), above.end(), given) == above.end()) return "";
    return "expected a value, given the flag " + given + "; a file of that name is ./" + given;
  };
  for (auto* option : app.get_options([](CLI::Option*) { return true; })) option->check(check, "");
  for (auto* verb : app.get_subcommands({})) refuse_empty_values(*verb, above);
}

/// A result that did not reach its reader is no success. A reader that went away (head) is not
/// worth a word.
int flush_results(const CLI::App& app, int code, const ResultBuffer& results) {
  std::cout.flush();
  errno = 0;
  const bool printed = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (results.error() == 0 && printed) return code;
  const int why = results.error() != 0 ? results.error() : errno;
  if (why == EPIPE) return 128 + SIGPIPE;
  return fail(app, static_cast<int>(Failure::file),
              "cannot write standard output" +
                  (why != 0 ? std::string(": ") + std::strerror(why) : std::string()));
}

/// Parses and runs; what is thrown becomes a message and an exit code.
int answer(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return parse_failure(app, error);
  } catch (const Exit& exit) {
    return exit.code;
  } catch (const ProblemList& error) {
    return fail_as_it_is(app, error.exit_code(), error.what());
  } catch (const Error& error) {
    return fail(app, error.exit_code(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(app, static_cast<int>(Failure::memory), "not enough memory");
  } catch (const std::length_error&) {
    return fail(app, static_cast<int>(Failure::memory), "not enough memory");
  } catch (const std::filesystem::filesystem_error& error) {
    return fail(app, static_cast<int>(Failure::file),
                "cannot look at " + error.path1().string() + ": " + error.code().message());
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::resource_unavailable_try_again)
      return fail(app, static_cast<int>(Failure::memory),
                  "cannot start a thread: " + error.code().message());
    return fail_unexpectedly(app, error);
  } catch (const std::exception& error) {
    return fail_unexpectedly(app, error);
  }
}

}  // namespace

CLI::Validator whole_number(int64_t least, int64_t most) {
  return CLI::Validator(
      [=](const std::string& text) {
        int64_t given = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), given);
        const bool whole = error == std::errc() && end == text.data() + text.size();
        if (whole && given >= least && given <= most) return std::string();
        return "expected a whole number from " + std::to_string(least) + " to " +
               std::to_string(most) + ", given '" + text + "'";
      },
      "");
}

CLI::Validator share() {
  return CLI::Validator(
      [](const std::string& text) {
        double given = -1;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), given);
        const bool is_number = error == std::errc() && end == text.data() + text.size();
        if (is_number && given >= 0 && given <= 1) return std::string();
        return "expected a number from 0 to 1, given '" + text + "'";
      },
      "");
}

void declare(CLI::App& app, const Program& program) {
  app.description(program.description);
  app.name(program.name);
  app.footer(program.footer);
  app.set_version_flag("--version", std::string(program.name) + " " HEED_VERSION);
  app.require_subcommand(1);
  app.fallthrough();  // so that the flags of all verbs may stand behind the verb
  const auto set_threads = [](const std::string& threads) {
    threads_from_text(threads, "--threads");
    setenv("HEED_NUM_THREADS", threads.c_str(), 1);
  };
  app.add_option_function<std::string>("--threads", set_threads,
                                       "Worker threads of every library, 1 to 8 for each core")
      ->type_name("N");
  program.add_verbs(app);
  refuse_empty_values(app);
}

int run(int argc, char** argv, const Program& program) {
  occupy_closed_streams();
  keep_memory_back();
  try {
    const ResultBuffer results(std::cout);
    CLI::App app;
    declare(app, program);
    const int code = answer(app, argc, argv);
    return flush_results(app, code, results);
  } catch (const std::bad_alloc&) {
    return fail_without_memory(program.name);
  }
}

}  // namespace heed::cli
