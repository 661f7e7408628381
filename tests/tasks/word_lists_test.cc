#include "heed/tasks/word_lists.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"

namespace heed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

WordSwap gender() {
  WordGroup group{"gender"};
  group.pairs = {{"he", "she"}, {"his", "her"}, {"police officer", "nurse"}, {"John", "Mary"}};
  group.one_way = {{"him", "her"}};
  return WordSwap(group);
}

std::string swapped(const std::string& text) { return gender().apply(text).text; }

std::string refusal(const std::string& toml) {
  try {
    parse_word_lists(toml, "lists.toml");
  } catch (const ModelError& error) {
    return error.what();
  }
  return "none";
}

TEST(WordSwap, SwapsWholeWordsBothWays) {
  EXPECT_EQ(swapped("he said that she saw his cat"), "she said that he saw her cat");
  EXPECT_EQ(swapped("the theme of Sherlock"), "the theme of Sherlock");
  EXPECT_EQ(swapped(""), "");
}

TEST(WordSwap, KeepsCase) {
  EXPECT_EQ(swapped("He, HE and he"), "She, SHE and she");
  EXPECT_EQ(swapped("John, john and JOHN"), "Mary, mary and MARY");
  EXPECT_EQ(swapped("A Police Officer, a POLICE OFFICER"), "A Nurse, a NURSE");
}

TEST(WordSwap, FindsWordsBesideMarks) {
  EXPECT_EQ(swapped("he's, \"he\", he-man; \xE2\x80\x9Che\xE2\x80\x99s\xE2\x80\x9D [he]"),
            "she's, \"she\", she-man; \xE2\x80\x9Cshe\xE2\x80\x99s\xE2\x80\x9D [she]");
}

TEST(WordSwap, OneWayGoesOneWay) {
  EXPECT_EQ(swapped("him"), "her");
  EXPECT_EQ(swapped("her"), "his");
}

TEST(WordSwap, OfPhrasesTheLongestCounts) {
  WordGroup group{"g"};
  group.pairs = {{"officer", "worker"}, {"police officer", "nurse"}};
  const WordSwap swap(group);
  EXPECT_EQ(swap.apply("a police officer and an officer").text, "a nurse and an worker");
  EXPECT_EQ(swap.apply("a police   officer").text, "a nurse");
  EXPECT_EQ(swap.apply("a police, officer").text, "a police, worker");
}

TEST(WordSwap, SaysWhichRulesWereUsed) {
  const auto swap = gender();
  EXPECT_THAT(swap.rules(), ElementsAre("he -> she", "she -> he", "his -> her", "her -> his",
                                        "police officer -> nurse", "nurse -> police officer",
                                        "John -> Mary", "Mary -> John", "him -> her"));
  EXPECT_THAT(swap.apply("him and him and she").used, ElementsAre(1u, 8u));
  EXPECT_TRUE(swap.apply("nobody").used.empty());
}

TEST(WordSwap, IsOfAnyScript) {
  WordGroup group{"g"};
  group.pairs = {{"он", "она"}, {"Straße", "Weg"}, {"她", "他"}, {"caf\xC3\xA9", "bar"}};
  const WordSwap swap(group);
  EXPECT_EQ(swap.apply("Он и ОНА").text, "Она и ОН");
  EXPECT_EQ(swap.apply("die STRASSE").text, "die WEG");  // ß folds to ss
  EXPECT_EQ(swap.apply("她来了").text, "他来了");
  EXPECT_EQ(swap.apply("看见她们").text, "看见他们");
  EXPECT_EQ(swap.apply("Cafe\xCC\x81").text, "Bar");  // e and an accent apart
}

TEST(WordSwap, MasksByAWordOrLeavesOut) {
  WordGroup group{"g"};
  group.masks = true, group.words = {"he", "very good"}, group.by = "[MASK]";
  EXPECT_EQ(WordSwap(group).apply("He is Very good.").text, "[MASK] is [MASK].");
  group.by = "";
  const WordSwap out(group);
  EXPECT_EQ(out.apply("he is very good today").text, "is today");
  EXPECT_EQ(out.apply("so is he").text, "so is");
  EXPECT_EQ(out.apply("he").text, "");
}

TEST(WordSwap, TakesBytesThatAreNoText) { EXPECT_EQ(swapped("\xFF he \xC3"), "\xFF she \xC3"); }

TEST(WordLists, AreReadFromToml) {
  const auto groups = parse_word_lists(R"(
[[swap]]
name = "gender"
pairs = [["he", "she"]]
one_way = [["him", "her"]]
[[mask]]
name = "pronouns"
words = ["he"]
by = "[MASK]"
)",
                                       "lists.toml");
  ASSERT_EQ(groups.size(), 2u);
  EXPECT_EQ(groups[0].pairs.front().second, "she");
  EXPECT_EQ(groups[0].one_way.front().first, "him");
  EXPECT_TRUE(groups[1].masks);
  EXPECT_EQ(groups[1].by, "[MASK]");
}

TEST(WordLists, NameFileLineAndKeyOfWhatIsWrong) {
  const std::string named = "[[swap]]\nname = 'g'\n";
  EXPECT_THAT(refusal(""), HasSubstr("lists.toml: no lists of words"));
  EXPECT_THAT(refusal("x = "), StartsWith("lists.toml:1:"));
  EXPECT_THAT(refusal("[[swaps]]\n"), HasSubstr("did you mean 'swap'"));
  EXPECT_THAT(refusal("[swap]\n"), HasSubstr("swap: expected tables that begin with [[swap]]"));
  EXPECT_THAT(refusal("[[swap]]\npairs = [['a', 'b']]"), HasSubstr("swap[0].name: it is missing"));
  EXPECT_THAT(refusal(named + "pair = 1"), HasSubstr("lists.toml:3: swap[0].pair: unknown key"));
  EXPECT_THAT(refusal(named), HasSubstr("lists.toml:1: swap[0]: pairs: expected at least one"));
  EXPECT_THAT(refusal(named + "pairs = ['a', 'b']"), HasSubstr("a list of pairs"));
  EXPECT_THAT(refusal(named + "pairs = [['a', 'b', 'c']]"), HasSubstr("a list of pairs"));
  EXPECT_THAT(refusal(named + "pairs = [['a', 'A']]"), HasSubstr("of a word and itself"));
  EXPECT_THAT(refusal(named + "pairs = [['a', '']]"), HasSubstr("a word is empty"));
  EXPECT_THAT(refusal(named + "pairs = [['a ', 'b']]"), HasSubstr("blanks at its ends"));
  EXPECT_THAT(refusal(named + "pairs = [['a', '!']]"), HasSubstr("neither letter nor digit"));
  EXPECT_THAT(refusal(named + "pairs = [['a', 'b'], ['c', 'B']]"),
              HasSubstr("'B' stands in 'b -> a' and in 'B -> c'"));
  EXPECT_THAT(refusal(named + "pairs = [['a', 'b']]\n" + named + "pairs = [['a', 'b']]"),
              HasSubstr("another group is called 'g'"));
  EXPECT_THAT(refusal("[[mask]]\nname = 'm'\nwords = ['a', 'A']"), HasSubstr("leave one out"));
}

TEST(WordLists, AGroupIsChosenByName) {
  const auto groups = parse_word_lists(
      "[[swap]]\nname='gender'\npairs=[['a','b']]\n[[mask]]\nname='other'\nwords=['a']", "l.toml");
  EXPECT_EQ(group_called(groups, "other", "l.toml").name, "other");
  EXPECT_THROW(group_called(groups, "", "l.toml"), ModelError);
  try {
    group_called(groups, "gendr", "l.toml");
    FAIL();
  } catch (const ModelError& error) {
    EXPECT_THAT(error.what(), HasSubstr("did you mean 'gender'"));
  }
}

}  // namespace
}  // namespace heed
