#include <gmock/gmock.h>

#include "data/record_samples.h"

namespace heed::data {
namespace {

using test::names_of;
using test::record_refusal;
using test::records_of;
using test::row_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string with_question(const std::string& question) {
  return R"({"data": [{"title": "T", "paragraphs": [{"context": "The end.", "qas": [)" + question +
         "]}]}]}";
}

TEST(RecordSquad, AQuestionIsARecord) {
  const auto squad = records_of(
      R"({"version": "v2.0", "data": [
{"title": "Ä", "paragraphs": [{"context": "Ein Satz.", "qas": [
  {"id": "1", "question": "Was?", "answers": [{"text": "Satz", "answer_start": 4},
                                              {"text": "Ein Satz", "answer_start": 0}]},
  {"id": "2", "question": "Wo?", "answers": [], "is_impossible": true,
   "plausible_answers": [{"text": "Ein", "answer_start": 0}]}]}]},
{"paragraphs": [{"context": "x\ny", "qas": []}, {"context": "c", "qas": [{"question": "q"}]}]}]})",
      "x.json");
  EXPECT_THAT(names_of(*squad), ElementsAre("id", "title", "question", "context", "answers.text[]",
                                            "answers.answer_start[]"));
  ASSERT_EQ(squad->size(), 3);
  EXPECT_THAT(row_of(*squad, 0),
              ElementsAre("1", "Ä", "Was?", "Ein Satz.", "Satz|Ein Satz", "4|0"));
  EXPECT_THAT(row_of(*squad, 1), ElementsAre("2", "Ä", "Wo?", "Ein Satz.", "", ""));
  EXPECT_THAT(row_of(*squad, 2), ElementsAre("", "", "q", "c", "", ""));
  EXPECT_TRUE(squad->place(2).ends_with("x.json:3")) << squad->place(2);
  ASSERT_EQ(squad->passed_over().size(), 1u);
  EXPECT_EQ(squad->passed_over()[0].what, "'plausible_answers' of questions");
  EXPECT_EQ(squad->passed_over()[0].count, 1);
}

TEST(RecordSquad, RefusesWithThePlaceInTheFile) {
  const auto refusal = [](const std::string& text) { return record_refusal(text, "x.json"); };
  EXPECT_THAT(refusal("{\"data\": [\n{]}"), HasSubstr("x.json:2: expected JSON; byte"));
  EXPECT_THAT(refusal("[1]"), HasSubstr("expected an object with the list 'data'"));
  EXPECT_THAT(refusal("{\"a\": 1}\n{\"a\": 2}\n"),
              HasSubstr("a file of an object a line is named .jsonl"));
  EXPECT_THAT(refusal(R"({"data": {}})"),
              HasSubstr("x.json: expected an object with the list 'data'"));
  EXPECT_THAT(refusal(R"({"data": [{"title": "T"}]})"),
              HasSubstr("x.json: data[0]: no 'paragraphs'"));
  EXPECT_THAT(refusal(with_question(R"({"question": 3})")),
              HasSubstr("data[0].paragraphs[0].qas[0]: 'question': expected a text, given number"));
  EXPECT_THAT(refusal(with_question(R"({"id": "1"})")), HasSubstr("qas[0]: no 'question'"));
  EXPECT_THAT(refusal(with_question(R"({"question": "\u0000"})")), HasSubstr("a NUL"));
  EXPECT_THAT(refusal(with_question(R"({"question": "q", "answers": [{"text": "end"}]})")),
              HasSubstr("qas[0].answers[0]: expected 'answer_start'"));
  EXPECT_THAT(refusal(with_question(
                  R"({"question": "q", "answers": [{"text": "e", "answer_start": 1.5}]})")),
              HasSubstr("expected 'answer_start', the number of a character"));
  EXPECT_THAT(refusal(with_question(R"({"question": "q", "is_impossible": false})")),
              HasSubstr("'is_impossible' is false and there is no answer"));
  EXPECT_THAT(refusal(with_question(R"({"question": "q", "is_impossible": 1})")),
              HasSubstr("'is_impossible': expected true or false, given number"));
  EXPECT_THAT(refusal(R"({"data": []})"), HasSubstr("x.json: no record"));
  EXPECT_THAT(refusal(R"({"data": [1e999]})"), HasSubstr("too large"));
}

TEST(RecordSquad, EqualsPythonsJson) {
  HEED_NEEDS_SHARED("xquad");
  const std::pair<const char*, uint64_t> files[] = {{"xquad/xquad.en.json", 0x657457b6b8210673},
                                                    {"xquad/xquad.de.json", 0xaa298865dddf5a46},
                                                    {"xquad/xquad.zh.json", 0x36552b9f61585b70}};
  for (const auto& [file, checksum] : files) {
    const auto squad = open_records({test::shared_data() / file});
    EXPECT_EQ(squad->size(), 1190);
    std::vector<std::string> names;
    for (const auto& column : squad->columns()) names.push_back(column.name);
    EXPECT_EQ(test::checksum_of(*squad, names), checksum) << file;
  }
}

}  // namespace
}  // namespace heed::data
