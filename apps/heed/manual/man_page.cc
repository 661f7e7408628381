#include "manual.h"

namespace heed::cli {
namespace {

/// Text as roff prints it: no character of it is a command.
std::string plain(const std::string& text) {
  std::string roff;
  bool begins = true;  // a line
  for (const char c : text) {
    if (begins && (c == '.' || c == '\'')) roff += "\\&";
    if (c == '\\')
      roff += "\\e";
    else if (c == '-')
      roff += "\\-";
    else
      roff += c;
    begins = c == '\n';
  }
  return roff;
}

std::string bold(const std::string& text) { return "\\fB" + plain(text) + "\\fR"; }
std::string slanted(const std::string& text) { return "\\fI" + plain(text) + "\\fR"; }

std::string title(const std::string& page) {
  std::string capital;
  for (const char c : page)
    capital += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return ".TH " + plain(capital) + " 1 \"\" \"heed " HEED_VERSION "\" \"Heed\"\n";
}

std::string section(const std::string& name, const std::string& text) {
  return text.empty() ? "" : ".SH " + name + "\n" + text;
}

/// Lines as they stand.
std::string as_it_stands(const std::string& text) {
  return text.empty() ? "" : ".nf\n" + plain(text) + (text.back() == '\n' ? "" : "\n") + ".fi\n";
}

std::string list(const std::vector<Word>& words) {
  std::string roff;
  for (const auto& word : words) {
    std::string head;
    for (const auto& name : word.names) head += (head.empty() ? "" : ", ") + bold(name);
    if (!word.value.empty()) head += (head.empty() ? "" : " ") + slanted(word.value);
    roff += ".TP\n" + head + "\n" + plain(word.help);
    std::string choices;
    for (const auto& choice : word.choices) choices += (choices.empty() ? "" : ", ") + choice;
    if (!choices.empty() && word.help.find(choices) == std::string::npos)
      roff += plain("; one of " + choices);
    if (word.required && !word.names.empty()) roff += "; required";
    if (word.repeated && !word.names.empty()) roff += "; may be given several times";
    roff += "\n";
  }
  return roff;
}

std::string synopsis(const std::string& command, const VerbManual& verb) {
  std::string roff = bold(command) + " [" + slanted("OPTIONS") + "]";
  for (const auto& argument : verb.arguments)
    roff += argument.required ? " " + slanted(argument.value)
                              : " [" + slanted(argument.value) + (argument.repeated ? "...]" : "]");
  return roff + "\n";
}

std::string examples(const VerbManual& verb) {
  std::string lines;
  for (const auto& line : verb.examples) lines += line + '\n';
  return as_it_stands(lines);
}

}  // namespace

std::string man_page(const Manual& manual) {
  const auto& program = manual.program;
  std::string verbs, pages;
  for (const auto& verb : manual.verbs) {
    verbs += ".TP\n" + bold(verb.name) + "\n" + plain(verb.help) + "\n";
    pages += (pages.empty() ? "" : ",\n") + bold(program.name + "-" + verb.name) + "(1)";
  }
  return title(program.name) +
         section("NAME", plain(program.name) + " \\- " + plain(program.help) + "\n") +
         section("SYNOPSIS",
                 bold(program.name) + " " + slanted("VERB") + " [" + slanted("OPTIONS") + "]\n") +
         section("VERBS", verbs) + section("OPTIONS", list(program.flags)) +
         section("DESCRIPTION", as_it_stands(program.text)) +
         section("EXAMPLES", examples(program)) + section("SEE ALSO", pages + "\n");
}

std::string man_page(const Manual& manual, const VerbManual& verb) {
  const std::string command = manual.program.name + " " + verb.name;
  const std::string page = manual.program.name + "-" + verb.name;
  return title(page) + section("NAME", plain(page) + " \\- " + plain(verb.help) + "\n") +
         section("SYNOPSIS", synopsis(command, verb)) + section("ARGUMENTS", list(verb.arguments)) +
         section("OPTIONS", list(verb.flags)) + section("DESCRIPTION", as_it_stands(verb.text)) +
         section("EXAMPLES", examples(verb)) +
         section("SEE ALSO", bold(manual.program.name) +
                                 "(1), for the exit codes and the options of all verbs\n");
}

}  // namespace heed::cli
