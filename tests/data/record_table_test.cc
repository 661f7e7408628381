#include <gmock/gmock.h>

#include "data/record_samples.h"
#include "heed/data/parallel_text.h"

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

TEST(RecordTable, ReadsQuotedCells) {
  const auto csv = records_of(
      "\xEF\xBB\xBFtext,label\r\n"
      "plain,0\r\n"
      "\"a, \"\"b\"\"\r\nsecond line\",1\r\n"
      "\"\",\r\n"
      " spaced ,\"last\"",
      "x.csv");
  EXPECT_THAT(names_of(*csv), ElementsAre("text", "label"));
  ASSERT_EQ(csv->size(), 4);
  EXPECT_THAT(row_of(*csv, 0), ElementsAre("plain", "0"));
  EXPECT_THAT(row_of(*csv, 1), ElementsAre("a, \"b\"\r\nsecond line", "1"));
  EXPECT_THAT(row_of(*csv, 2), ElementsAre("", ""));
  EXPECT_THAT(row_of(*csv, 3), ElementsAre(" spaced ", "last"));
  EXPECT_THAT(csv->place(1), EndsWith("x.csv:3"));
  EXPECT_THAT(csv->place(2), EndsWith("x.csv:5"));
  EXPECT_THAT(csv->name(), EndsWith("x.csv"));
}

TEST(RecordTable, LeavesQuotesOfTsvAlone) {
  const auto tsv = records_of("\"a\tb\n\" c\t5\" disk\n\n\n", "x.tsv", {.header = false});
  EXPECT_THAT(names_of(*tsv), ElementsAre("1", "2"));
  EXPECT_THAT(row_of(*tsv, 0), ElementsAre("\"a", "b"));
  EXPECT_THAT(row_of(*tsv, 1), ElementsAre("\" c", "5\" disk"));
  const auto quoted = records_of("\"a\tb\"\tc\n", "x.tsv", {.header = false, .quoting = true});
  EXPECT_THAT(row_of(*quoted, 0), ElementsAre("a\tb", "c"));
}

TEST(RecordTable, TakesOtherDelimiters) {
  const auto one = records_of(
      "a b\nc \n", "x.data",
      {.format = RecordFormat::csv, .header = false, .columns = {"u", "v"}, .delimiter = " "});
  EXPECT_THAT(names_of(*one), ElementsAre("u", "v"));
  EXPECT_THAT(row_of(*one, 1), ElementsAre("c", ""));
  const auto runs =
      records_of("  a \t b\nc   \"d \n \t\n", "x.data",
                 {.format = RecordFormat::csv, .header = false, .delimiter = "whitespace"});
  EXPECT_THAT(row_of(*runs, 0), ElementsAre("a", "b"));
  EXPECT_THAT(row_of(*runs, 1), ElementsAre("c", "\"d"));
}

TEST(RecordTable, JoinsFilesOfASplit) {
  const test::TempFolder folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    return folder.write(name, test::Bytes(text.begin(), text.end()));
  };
  const auto first = write("a.csv", "x,y\n1,2\n"), second = write("b.csv", "x,y\n3,4\n5,6\n");
  const auto other = write("c.csv", "y,x\n3,4\n");
  const auto both = open_records({first, second});
  ASSERT_EQ(both->size(), 3);
  EXPECT_THAT(row_of(*both, 2), ElementsAre("5", "6"));
  EXPECT_THAT(both->place(0), EndsWith("a.csv:2"));
  EXPECT_THAT(both->place(2), EndsWith("b.csv:3"));
  EXPECT_THAT(both->name(), EndsWith("a.csv and 1 more"));
  EXPECT_THAT(test::message_of<DataError>([&] {
                open_records({first, other});
              }),
              AllOf(HasSubstr("c.csv:1"), HasSubstr("a.csv:1"), HasSubstr("given 'y', 'x'")));
}

TEST(RecordTable, NamesFileLineAndColumnOfWhatIsWrong) {
  EXPECT_THAT(record_refusal("a,b\n1,2\n3\n", "x.csv"),
              AllOf(HasSubstr("x.csv:3"), HasSubstr("1 cell, expected 2"), HasSubstr("'b'")));
  EXPECT_THAT(record_refusal("a,b\n1,2,3\n", "x.csv"), HasSubstr("x.csv:2: 3 cells, expected 2"));
  EXPECT_THAT(record_refusal("a,b\n1,\"2\n3,4\n", "x.csv"),
              AllOf(HasSubstr("x.csv:2: column 2"), HasSubstr("nothing closes it")));
  EXPECT_THAT(record_refusal("a,b\n1,2\" x\n", "x.csv"), HasSubstr("x.csv:2: column 2: a quote"));
  EXPECT_THAT(record_refusal("a,b\n1,\"\n2\" x\n", "x.csv"),
              AllOf(HasSubstr("x.csv:3: column 2"), HasSubstr("x.csv:2;")));
  EXPECT_THAT(record_refusal("a,b\n1,x\ry\n", "x.csv"), HasSubstr("carriage return"));
  EXPECT_THAT(record_refusal("a,b\n\n1,2\n", "x.csv"), HasSubstr("x.csv:2: an empty line"));
  EXPECT_THAT(record_refusal("a,b,a\n1,2,3\n", "x.csv"),
              AllOf(HasSubstr("x.csv:1"), HasSubstr("columns 1 and 3 are both named 'a'")));
  EXPECT_THAT(record_refusal("a,,b\n", "x.csv"), HasSubstr("column 2 has no name"));
  EXPECT_THAT(record_refusal("a,b\n", "x.csv"), HasSubstr("no record"));
  EXPECT_THAT(record_refusal("\n\n", "x.csv"), HasSubstr("no header"));
  EXPECT_THAT(record_refusal("", "x.csv"), HasSubstr("empty"));
  EXPECT_THAT(record_refusal("a,b\n1,\xff\n", "x.csv"),
              AllOf(HasSubstr("x.csv:2"), HasSubstr("byte 2 of the line")));
  EXPECT_THAT(record_refusal(std::string_view("a,b\n1,\0\n", 8), "x.csv"), HasSubstr("NUL"));
}

TEST(RecordTable, ReadsCellsAsNumbers) {
  const auto csv = records_of("text,score\na,-1.5e3\nb,\nc,nan\nd,1e999\ne,+7\nf,1 \n", "x.csv");
  const int64_t score = csv->column("score");
  EXPECT_EQ(csv->number(0, score), -1500);
  EXPECT_EQ(csv->number(4, score), 7);
  const auto refusal = [&](int64_t record) {
    return test::message_of<DataError>([&] { csv->number(record, score); });
  };
  EXPECT_THAT(refusal(1), AllOf(HasSubstr("x.csv:3"), HasSubstr("'score'"), HasSubstr("empty")));
  EXPECT_THAT(refusal(2), HasSubstr("'nan'"));
  EXPECT_THAT(refusal(3), HasSubstr("'1e999'"));
  EXPECT_THAT(refusal(5), HasSubstr("'1 '"));
  EXPECT_THAT(test::message_of<DataError>([&] { csv->column("scores"); }),
              AllOf(HasSubstr("x.csv"), HasSubstr("did you mean 'score'"), HasSubstr("'text'")));
  EXPECT_THAT(test::message_of<UsageError>([&] { csv->text(6, 0); }), HasSubstr("0 .. 5"));
  EXPECT_THAT(test::message_of<UsageError>([&] { csv->list(0, 0); }), HasSubstr("a text"));
}

TEST(RecordFormats, WordsAreThoseOfTheirValues) {
  const auto check = [](auto value, const char* word) { EXPECT_STREQ(word_of(value), word); };
#define HEED_WORD(type, value) check(type::value, #value)
  check(RecordFormat::by_name, "");
  HEED_WORD(RecordFormat, csv), HEED_WORD(RecordFormat, tsv), HEED_WORD(RecordFormat, jsonl);
  HEED_WORD(RecordFormat, conllu), HEED_WORD(RecordFormat, conll);
  HEED_WORD(RecordFormat, lines), HEED_WORD(RecordFormat, squad);
  HEED_WORD(PairFormat, lines), HEED_WORD(PairFormat, tsv), HEED_WORD(PairFormat, json);
#undef HEED_WORD
}

TEST(RecordTable, RefusesOptionsThatDoNotFit) {
  EXPECT_THAT(record_refusal<UsageError>("a\n", "x.dat"), HasSubstr("x.dat"));
  EXPECT_THAT(record_refusal<UsageError>("a\n", "x.csv", {.columns = {"b"}}), HasSubstr("header"));
  EXPECT_THAT(record_refusal<UsageError>("a\n", "x.csv", {.delimiter = "ab"}), HasSubstr("ASCII"));
  EXPECT_THAT(record_refusal<UsageError>("a\n", "x.csv", {.delimiter = "\""}), HasSubstr("ASCII"));
  EXPECT_THAT(record_refusal<UsageError>("a\n", "x.txt", {.delimiter = ";"}),
              HasSubstr("no delimiter"));
  EXPECT_THAT(test::message_of<FileError>([] { open_records({"/nowhere/x.csv"}); }),
              HasSubstr("/nowhere/x.csv"));
}

}  // namespace
}  // namespace heed::data
