#include "manual.h"

#include <algorithm>
#include <sstream>

namespace heed::cli {
namespace {

std::vector<std::string> cut(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool has_any(const std::string& text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(),
                     [&](const char* word) { return text.find(word) != std::string::npos; });
}

Offer offer_of(const Word& word) {
  if (!word.choices.empty()) return Offer::choices;
  if (has_any(word.value, {"FILE", "PATH", "INPUT", "RECIPE", "PREDICTED", "MAP", "TENSORS"}))
    return Offer::files;
  return has_any(word.value, {"MODEL", "DIR", "FOLDER"}) ? Offer::folders : Offer::nothing;
}

Word word_of(const CLI::Option& option) {
  Word word;
  for (const auto& name : option.get_snames()) word.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) word.names.push_back("--" + name);
  word.help = option.get_description();
  word.required = option.get_required();
  word.repeated = option.get_expected_max() > 1;
  if (option.get_items_expected_max() == 0) return word;
  const std::string type = option.get_type_name();  // "NAME:{13a,intl}", "N:POSITIVE", "FILE"
  word.value = type.substr(0, type.find(':'));
  const size_t open = type.find(":{");
  if (open != std::string::npos)
    word.choices = cut(type.substr(open + 2, type.find('}') - open - 2), ',');
  word.offer = offer_of(word);
  return word;
}

void read_footer(const std::string& footer, VerbManual& verb) {
  bool examples = false;
  for (const auto& line : cut(footer, '\n')) {
    if (line == "Examples:") {
      examples = true;
    } else if (examples && line.starts_with("  ")) {
      verb.examples.push_back(line.substr(2));
    } else {
      examples = false;
      verb.text += line + '\n';
    }
  }
  const size_t first = verb.text.find_first_not_of('\n');
  verb.text.erase(0, std::min(first, verb.text.size()));
}

VerbManual verb_of(const CLI::App& app) {
  VerbManual verb;
  verb.name = app.get_name();
  verb.help = app.get_description();
  read_footer(app.get_footer(), verb);
  for (const auto* option : app.get_options())
    (option->get_positional() ? verb.arguments : verb.flags).push_back(word_of(*option));
  return verb;
}

}  // namespace

Manual manual_of(const CLI::App& app) {
  Manual manual{verb_of(app), {}};
  for (const auto* verb : app.get_subcommands({})) manual.verbs.push_back(verb_of(*verb));
  return manual;
}

}  // namespace heed::cli
