// Manual pages and completions: what the command line declares stands in them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "apps/run.h"
#include "files.h"

namespace heed::test {
namespace {

using testing::HasSubstr;

const std::filesystem::path kShare = HEED_SHARE;

std::vector<std::string> found(const std::string& text, const std::string& pattern) {
  std::vector<std::string> all;
  const std::regex regex(pattern);
  for (std::sregex_iterator at(text.begin(), text.end(), regex), end; at != end; ++at)
    all.push_back((*at)[1]);
  return all;
}

std::vector<std::string> verbs() {
  const auto help = run({"--help"}).out;
  const size_t list = help.find("Subcommands:");
  return found(help.substr(list, help.find("\n\n", list) - list), "\n  ([a-z]+) ");
}

std::vector<std::string> flags(const std::string& verb) {
  return found(run({verb, "--help"}).out, "\n  (?:-\\w,)?(--[a-z-]+)");
}

/// Every '-' of a flag stands behind a backslash, so that it can be copied.
std::string in_manual(const std::string& flag) {
  std::string text;
  for (const char c : flag) text.append(c == '-' ? "\\-" : std::string(1, c));
  return text;
}

/// What bash offers for the last of the words.
std::string completions(const std::vector<std::string>& words) {
  std::string line =
      "source " + (kShare / "bash-completion/completions/heed").string() + "; COMP_WORDS=(heed";
  for (const auto& word : words) line += " '" + word + "'";
  line += "); COMP_CWORD=" + std::to_string(words.size()) + "; _heed; echo \"${COMPREPLY[*]}\"";
  return run({"-c", line}, {.program = "/bin/bash"}).out;
}

TEST(Manual, EveryVerbAndFlagHasItsPlace) {
  ASSERT_THAT(verbs(), testing::Contains("train"));
  const auto whole = read_bytes(kShare / "man/man1/heed.1");
  const auto zsh = read_bytes(kShare / "zsh/site-functions/_heed");
  const auto fish = read_bytes(kShare / "fish/vendor_completions.d/heed.fish");
  for (const auto& verb : verbs()) {
    EXPECT_THAT(whole, HasSubstr("\\fB" + verb + "\\fR"));
    const auto page = read_bytes(kShare / ("man/man1/heed-" + verb + ".1"));
    EXPECT_THAT(page, HasSubstr(".SH EXAMPLES")) << verb;
    EXPECT_THAT(zsh, HasSubstr("      " + verb + ")\n"));
    const auto offered = completions({verb, "--"});
    for (const auto& flag : flags(verb)) {
      const auto name = flag.substr(2);
      EXPECT_THAT(page, HasSubstr("\\fB" + in_manual(flag) + "\\fR")) << verb;
      EXPECT_THAT(zsh, testing::AnyOf(HasSubstr("'" + flag + "["), HasSubstr("'*" + flag + "[")))
          << verb;
      EXPECT_THAT(fish, HasSubstr(" -l " + name)) << verb;
      EXPECT_THAT(offered, HasSubstr(flag)) << verb;
    }
  }
}

TEST(Manual, BashOffersVerbsFlagsAndChoices) {
  EXPECT_EQ(completions({"tr"}), "train\n");
  EXPECT_EQ(completions({"--threads", "2", "su"}), "summary\n");
  EXPECT_EQ(completions({"train", "--re"}), "--resume\n");
  EXPECT_EQ(completions({"score", "--tokenize", "in"}), "intl\n");
  EXPECT_EQ(completions({"train", "recipes/"}), "\n");  // bash's own: names of files
}

}  // namespace
}  // namespace heed::test
