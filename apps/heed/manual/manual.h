// Manual pages and completions of shells, from the declarations of the command line.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace heed::cli {

/// What a shell may offer for a value.
enum class Offer { nothing, files, folders, choices };

/// A flag, or an argument without a name of a flag.
struct Word {
  std::vector<std::string> names;  ///< "-k", "--k"; none of an argument
  std::string value;               ///< "FILE"; empty of a flag that takes none
  std::string help;
  std::vector<std::string> choices;
  Offer offer = Offer::nothing;
  bool required = false, repeated = false;
};

struct VerbManual {
  std::string name, help, text;       ///< text: what stands below the options, without examples
  std::vector<std::string> examples;  ///< lines
  std::vector<Word> arguments, flags;
};

struct Manual {
  VerbManual program;  ///< its own flags are those of all verbs
  std::vector<VerbManual> verbs;
};

Manual manual_of(const CLI::App& app);

/// roff for man(1): of the program, or of one verb.
std::string man_page(const Manual& manual);
std::string man_page(const Manual& manual, const VerbManual& verb);

std::string bash_completion(const Manual& manual);
std::string zsh_completion(const Manual& manual);
std::string fish_completion(const Manual& manual);

}  // namespace heed::cli
