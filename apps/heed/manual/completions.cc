#include "manual.h"

namespace heed::cli {
namespace {

std::string joined(const std::vector<std::string>& words, const char* between = " ") {
  std::string all;
  for (const auto& word : words) all += (all.empty() ? "" : between) + word;
  return all;
}

std::vector<std::string> names_of(const std::vector<Word>& words) {
  std::vector<std::string> names;
  for (const auto& word : words) names.insert(names.end(), word.names.begin(), word.names.end());
  return names;
}

std::vector<std::string> names_of(const std::vector<VerbManual>& verbs) {
  std::vector<std::string> names;
  for (const auto& verb : verbs) names.push_back(verb.name);
  return names;
}

/// Text within single quotes of a shell that has `quote` for one of them.
std::string quoted(const std::string& text, const std::string& quote) {
  std::string safe = "'";
  for (const char c : text) safe += c == '\'' ? quote : std::string(1, c);
  return safe + "'";
}

/// What bash does for a value; where nothing is replied its own file names come.
std::string bash_reply(const Word& word) {
  switch (word.offer) {
    case Offer::files:
      return "return";
    case Offer::folders:
      return "mapfile -t COMPREPLY < <(compgen -d -- \"$word\"); return";
    case Offer::choices:
      return "mapfile -t COMPREPLY < <(compgen -W '" + joined(word.choices) +
             "' -- \"$word\"); return";
    default:
      return "compopt +o default; return";
  }
}

std::string bash_values(const std::string& verb, const std::vector<Word>& flags) {
  std::string cases;
  for (const auto& flag : flags) {
    if (flag.value.empty()) continue;
    for (const auto& name : flag.names)
      cases += "    '" + verb + " " + name + "') " + bash_reply(flag) + " ;;\n";
  }
  return cases;
}

std::string zsh_action(const Word& word) {
  switch (word.offer) {
    case Offer::files:
      return "_files";
    case Offer::folders:
      return "_files -/";
    case Offer::choices:
      return "(" + joined(word.choices) + ")";
    default:
      return " ";
  }
}

/// A help text inside a specification of _arguments, where brackets and colons mean something.
std::string zsh_text(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') safe += '\\';
    safe += c;
  }
  return safe;
}

std::string zsh_flag(const Word& flag) {
  std::string lines;
  for (const auto& name : flag.names) {
    std::string spec = (flag.repeated ? "*" : "") + name + "[" + zsh_text(flag.help) + "]";
    if (!flag.value.empty()) spec += ":" + zsh_text(flag.value) + ":" + zsh_action(flag);
    lines += " \\\n        " + quoted(spec, "'\\''");
  }
  return lines;
}

std::string zsh_verb(const Manual& manual, const VerbManual& verb) {
  std::string lines = "      " + verb.name + ")\n      _arguments";
  for (const auto& flag : verb.flags) lines += zsh_flag(flag);
  for (const auto& flag : manual.program.flags) {
    if (flag.names != verb.flags.front().names) lines += zsh_flag(flag);  // --help is of both
  }
  for (const auto& argument : verb.arguments) {
    const std::string spec = std::string(argument.repeated   ? "*"
                                         : argument.required ? ""
                                                             : ":") +
                             ":" + zsh_text(argument.value) + ":" + zsh_action(argument);
    lines += " \\\n        " + quoted(spec, "'\\''");
  }
  return lines + " ;;\n";
}

std::string fish_flag(const std::string& command, const Word& flag) {
  std::string line = command;
  for (const auto& name : flag.names)
    line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (flag.offer == Offer::files) line += " -r -F";
  if (flag.offer == Offer::folders) line += " -x -a '(__fish_complete_directories)'";
  if (flag.offer == Offer::choices) line += " -x -a '" + joined(flag.choices) + "'";
  if (flag.offer == Offer::nothing && !flag.value.empty()) line += " -x";
  return line + " -d " + quoted(flag.help, "\\'") + "\n";
}

}  // namespace

std::string bash_completion(const Manual& manual) {
  const auto& program = manual.program;
  const std::string verbs = joined(names_of(manual.verbs), "|");
  std::string values = bash_values("", program.flags), flags;
  for (const auto& verb : manual.verbs) {
    values += bash_values(verb.name, verb.flags) + bash_values(verb.name, program.flags);
    flags += "    " + verb.name + ") words='" + joined(names_of(verb.flags)) + " --threads' ;;\n";
  }
  return "# Completion of heed for bash.\n_heed() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb='' "
         "words='' i\n"
         "  COMPREPLY=()\n"
         "  for ((i = 1; i < COMP_CWORD; ++i)); do\n    case ${COMP_WORDS[i]} in\n      " +
         verbs +
         ") verb=${COMP_WORDS[i]}; break ;;\n    esac\n  done\n  case \"$verb $before\" in\n" +
         values + "  esac\n  case $verb in\n" + flags + "    *) words='" +
         joined(names_of(program.flags)) + " " + joined(names_of(manual.verbs)) +
         "' ;;\n  esac\n"
         "  if [[ -z $verb || $word == -* ]]; then\n"
         "    compopt +o default\n"
         "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
         "  fi\n}\ncomplete -o default -F _heed heed\n";
}

std::string zsh_completion(const Manual& manual) {
  std::string text =
      "#compdef heed\n# Completion of heed for zsh.\n_heed() {\n  local state\n  local -a verbs\n  "
      "verbs=(\n";
  for (const auto& verb : manual.verbs)
    text += "    " + quoted(verb.name + ":" + zsh_text(verb.help), "'\\''") + "\n";
  text += "  )\n  _arguments -C";
  for (const auto& flag : manual.program.flags) text += zsh_flag(flag);
  text +=
      " \\\n        '1:verb:->verb' '*::argument:->argument'\n  case $state in\n"
      "    verb) _describe -t verbs verb verbs ;;\n    argument)\n    case $words[1] in\n";
  for (const auto& verb : manual.verbs) text += zsh_verb(manual, verb);
  return text + "    esac ;;\n  esac\n}\n_heed \"$@\"\n";
}

std::string fish_completion(const Manual& manual) {
  const std::string all = joined(names_of(manual.verbs));
  const std::string none = "complete -c heed -n 'not __fish_seen_subcommand_from " + all + "'";
  std::string text = "# Completion of heed for fish.\n";
  for (const auto& flag : manual.program.flags) text += fish_flag("complete -c heed", flag);
  for (const auto& verb : manual.verbs)
    text += none + " -f -a " + verb.name + " -d " + quoted(verb.help, "\\'") + "\n";
  for (const auto& verb : manual.verbs) {
    const std::string command =
        "complete -c heed -n '__fish_seen_subcommand_from " + verb.name + "'";
    for (const auto& flag : verb.flags) text += fish_flag(command, flag);
    for (const auto& argument : verb.arguments) {
      if (argument.offer == Offer::folders)
        text += command + " -f -a '(__fish_complete_directories)'\n";
    }
  }
  return text;
}

}  // namespace heed::cli
