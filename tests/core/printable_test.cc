#include "core/printable.h"

#include <gtest/gtest.h>

#include <cstdio>

namespace heed {
namespace {

TEST(Printable, EscapesWhatATerminalObeys) {
  EXPECT_EQ(printable("plain text, ä ½ 日本"), "plain text, ä ½ 日本");
  EXPECT_EQ(printable("a\nb\tc\rd"), "a\\nb\\tc\\rd");
  EXPECT_EQ(printable("\x1b[31mred\x1b[0m\x07"), "\\x1b[31mred\\x1b[0m\\x07");
  EXPECT_EQ(printable(std::string_view("a\0b\x7f", 4)), "a\\x00b\\x7f");
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\u009b2J")
      << "C1's CSI";
  EXPECT_EQ(printable("exe.\u202egpj"), "exe.\\u202egpj");
  EXPECT_EQ(printable("a\u2028b\u2066c"), "a\\u2028b\\u2066c");
  EXPECT_EQ(printable("\xff\xc3 \xe2\x82"), "\\xff\\xc3 \\xe2\\x82") << "bytes that are no UTF-8";
  EXPECT_EQ(printable("\uFFFD"), "\uFFFD") << "a replacement that stood there";
  EXPECT_EQ(printable("a\tb\nc", "\t"), "a\tb\\nc");
}

/// What the shell makes of the word.
std::string through_shell(const std::string& word) {
  const std::string command = "bash -c \"$HEED_TEST_COMMAND\"";
  setenv("HEED_TEST_COMMAND", ("printf %s " + shell_quoted(word)).c_str(), 1);
  FILE* out = popen(command.c_str(), "r");
  std::string text;
  for (int c; (c = std::fgetc(out)) != EOF;) text += static_cast<char>(c);
  EXPECT_EQ(pclose(out), 0);
  return text;
}

TEST(ShellQuoted, TheShellReadsTheWordBack) {
  EXPECT_EQ(shell_quoted("train.epochs=3"), "train.epochs=3");
  EXPECT_EQ(shell_quoted("a b"), "'a b'");
  EXPECT_EQ(shell_quoted(""), "''");
  for (const std::string word :
       {"a b", "it's", "$HOME `x` \"y\" \\", "*", "~", "a\nb", "\x1b[31m'\\1",
        "\xff\xfe"
        "12",
        "ä", "input.size=[1, 2]", "head={a=\"b\"}", "!x", "#"}) {
    EXPECT_EQ(through_shell(word), word);
    EXPECT_EQ(printable(shell_quoted(word)), shell_quoted(word)) << "nothing a terminal obeys";
  }
}

}  // namespace
}  // namespace heed
