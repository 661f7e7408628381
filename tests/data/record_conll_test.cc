#include <gmock/gmock.h>

#include "data/record_samples.h"

namespace heed::data {
namespace {

using test::names_of;
using test::record_refusal;
using test::records_of;
using test::row_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr const char* kSentences =
    "# sent_id = s1\n"
    "# text = Don't go.\n"
    "# newpar\n"
    "1-2\tDon't\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "1\tDo\tdo\tAUX\t_\t_\t3\taux\t_\t_\n"
    "2\tn't\tnot\tPART\t_\t_\t3\tadvmod\t_\t_\n"
    "3\tgo\tgo\tVERB\t_\tA=B\t0\troot\t_\tSpaceAfter=No\n"
    "3.1\tgo\t_\t_\t_\t_\t_\t_\t_\t_\n"
    "4\t.\t.\tPUNCT\t_\t_\t3\tpunct\t_\t_\n"
    "\n"
    "1\tYes\tyes\tINTJ\t_\t_\t0\troot\t_\t_\n";

TEST(RecordConllu, ReadsSentences) {
  const auto records = records_of(kSentences, "x.conllu");
  EXPECT_THAT(names_of(*records),
              ElementsAre("sent_id", "text", "id[]", "form[]", "lemma[]", "upos[]", "xpos[]",
                          "feats[]", "head[]", "deprel[]", "deps[]", "misc[]"));
  ASSERT_EQ(records->size(), 2);
  EXPECT_THAT(row_of(*records, 0),
              ElementsAre("s1", "Don't go.", "1|2|3|4", "Do|n't|go|.", "do|not|go|.",
                          "AUX|PART|VERB|PUNCT", "_|_|_|_", "_|_|A=B|_", "3|3|0|3",
                          "aux|advmod|root|punct", "_|_|_|_", "_|_|SpaceAfter=No|_"));
  EXPECT_EQ(records->text(1, 0), "");
  EXPECT_THAT(records->place(0), EndsWith("x.conllu:5"));
  EXPECT_THAT(records->place(1), EndsWith("x.conllu:11"));
  const auto passed = records->passed_over();
  ASSERT_EQ(passed.size(), 2u);
  EXPECT_EQ(passed[0].what, "multiword tokens");
  EXPECT_EQ(passed[0].count, 1);
  EXPECT_THAT(passed[0].first, EndsWith("x.conllu:4"));
  EXPECT_EQ(passed[1].what, "empty nodes");
}

TEST(RecordConllu, TakesNamesOfThePlusFormatAndTheRest) {
  const auto plus =
      records_of("# global.columns = ID FORM UP:PRED\n1\ta\tgo.01\n2\tb\t_\n", "x.conllup");
  EXPECT_THAT(names_of(*plus), ElementsAre("sent_id", "text", "id[]", "form[]", "up:pred[]"));
  EXPECT_THAT(row_of(*plus, 0), ElementsAre("", "", "1|2", "a|b", "go.01|_"));
  const RecordOptions rest{.columns = {"id", "form", "args*"}};
  const auto roles = records_of("1\ta\tA0\tV\n2\tb\tV\t_\n\n1\tc\n", "x.conllu", rest);
  EXPECT_THAT(names_of(*roles), ElementsAre("sent_id", "text", "id[]", "form[]", "args[]"));
  EXPECT_THAT(roles->list(0, 4), ElementsAre("A0\tV", "V\t_"));
  EXPECT_THAT(roles->list(1, 4), ElementsAre(""));
}

TEST(RecordConllu, NamesLineOfWhatIsWrong) {
  const auto refusal = [](const std::string& text) {
    return record_refusal(text, "x.conllu", {.columns = {"id", "form", "head"}});
  };
  EXPECT_THAT(refusal("1\ta\n"), AllOf(HasSubstr("x.conllu:1: 2 columns, expected 3")));
  EXPECT_THAT(refusal("1\ta\t0\tb\n"), AllOf(HasSubstr("4 columns"), HasSubstr("columns = [..]")));
  EXPECT_THAT(refusal("1\t\t0\n"), HasSubstr("column 2 is empty"));
  EXPECT_THAT(refusal("1\ta\t0\n3\tb\t1\n"), HasSubstr("x.conllu:2: word number '3', expected 2"));
  EXPECT_THAT(refusal("1\ta\t0\n2\tb\t3\n"),
              AllOf(HasSubstr("x.conllu:2: head '3'"), HasSubstr("0 .. 2")));
  EXPECT_THAT(refusal("1\ta\t1\n"), HasSubstr("another word"));
  EXPECT_THAT(refusal("1\ta\t-1\n"), HasSubstr("head '-1'"));
  EXPECT_THAT(refusal("1\ta\tx\n"), HasSubstr("head 'x'"));
  EXPECT_THAT(refusal("2-3\ta\t_\n1\ta\t0\n"), HasSubstr("multiword token '2-3', expected 1-M"));
  EXPECT_THAT(refusal("1-3\ta\t_\n1\ta\t0\n2\tb\t1\n"),
              AllOf(HasSubstr("x.conllu:1"), HasSubstr("ends at word 3")));
  EXPECT_THAT(refusal("2.1\ta\t_\n"), HasSubstr("empty node '2.1', expected 0.N"));
  EXPECT_THAT(refusal("1\ta\t0\n# text = b\n"), HasSubstr("x.conllu:2: a comment in a sentence"));
  EXPECT_THAT(refusal("# text = b\n\n1\ta\t0\n"), HasSubstr("a sentence without words"));
  EXPECT_THAT(refusal("# text = b\n# text = c\n1\ta\t0\n"), HasSubstr("a second text"));
  EXPECT_THAT(refusal("# global.columns = ID FORM\n1\ta\n"), HasSubstr("no names from elsewhere"));
  EXPECT_THAT(record_refusal("# global.columns = ID TEXT\n1\ta\n", "x.conllup"),
              HasSubstr("both named 'text'"));
  EXPECT_THAT(
      record_refusal("1\ta\tA\tB\n2\tb\tC\n", "x.conllu", {.columns = {"id", "form", "r*"}}),
      HasSubstr("x.conllu:2: 3 columns, but 4 at line 1 of the same sentence"));
}

TEST(RecordConll, ReadsWordsALine) {
  const auto tabs = records_of("-DOCSTART- O\n\n#x y\tO\nb\tB-x\n\t\nc\tO\n\n\n", "x.conll",
                               {.columns = {"word", "tag"}});
  EXPECT_THAT(names_of(*tabs), ElementsAre("word[]", "tag[]"));
  ASSERT_EQ(tabs->size(), 2);
  EXPECT_THAT(row_of(*tabs, 0), ElementsAre("#x y|b", "O|B-x"));
  EXPECT_THAT(row_of(*tabs, 1), ElementsAre("c", "O"));
  ASSERT_EQ(tabs->passed_over().size(), 1u);
  EXPECT_EQ(tabs->passed_over()[0].count, 1);
  const auto blanks = records_of("# id 5\na  NN  O\nb NN O", "x.conll", {.comments = true});
  EXPECT_THAT(names_of(*blanks), ElementsAre("1[]", "2[]", "3[]"));
  EXPECT_THAT(row_of(*blanks, 0), ElementsAre("a|b", "NN|NN", "O|O"));
  EXPECT_THAT(record_refusal("a O\nb\n", "x.conll"), HasSubstr("x.conll:2: 1 column, expected 2"));
  EXPECT_THAT(record_refusal("a\tO\n\tO\n", "x.conll"), HasSubstr("x.conll:2: column 1 is empty"));
  EXPECT_THAT(record_refusal("\n \n", "x.conll"), HasSubstr("no record"));
}

TEST(RecordLines, ReadsATextALine) {
  const auto lines = records_of(" a b \nc", "x.txt");
  EXPECT_THAT(names_of(*lines), ElementsAre("text"));
  EXPECT_THAT(row_of(*lines, 0), ElementsAre(" a b "));
  EXPECT_THAT(row_of(*lines, 1), ElementsAre("c"));
  EXPECT_THAT(record_refusal("a\n \nb\n", "x.txt"), HasSubstr("x.txt:2: an empty line"));
}

}  // namespace
}  // namespace heed::data
