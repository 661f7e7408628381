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
using ::testing::HasSubstr;

TEST(RecordJson, FlattensObjects) {
  const auto json =
      records_of(R"({"text": "a\u00e9\n", "meta": {"score": 1.50, "good": true}, "tags": ["x", 2]})"
                 "\n"
                 R"({"meta": {"score": -12, "good": null}, "text": "b", "tags": [], "new": false})"
                 "\n",
                 "x.jsonl");
  EXPECT_THAT(names_of(*json), ElementsAre("text", "meta.score", "meta.good", "tags[]", "new"));
  EXPECT_THAT(row_of(*json, 0), ElementsAre("a\xC3\xA9\n", "1.50", "true", "x|2", ""));
  EXPECT_THAT(row_of(*json, 1), ElementsAre("b", "-12", "", "", "false"));
  EXPECT_EQ(json->list(0, 3).size(), 2u);
  EXPECT_EQ(json->list(1, 3).size(), 0u);
}

TEST(RecordJson, TurnsListsOfObjectsIntoLists) {
  const auto json = records_of(
      R"({"spans": [{"start": 1, "is": {"label": "A"}}, {"start": 4, "end": 5}, {"end": 9}]})"
      "\n"
      R"({"spans": [], "none": null})"
      "\n",
      "x.jsonl");
  EXPECT_THAT(names_of(*json),
              ElementsAre("spans.start[]", "spans.is.label[]", "spans.end[]", "none"));
  EXPECT_THAT(json->list(0, 0), ElementsAre("1", "4", ""));
  EXPECT_THAT(json->list(0, 1), ElementsAre("A", "", ""));
  EXPECT_THAT(json->list(0, 2), ElementsAre("", "5", "9"));
  EXPECT_THAT(json->list(1, 2), ElementsAre());
}

TEST(RecordJson, NamesLineAndKeyOfWhatIsWrong) {
  const auto refusal = [](std::string_view text) { return record_refusal(text, "x.jsonl"); };
  EXPECT_THAT(refusal("{\"a\": 1}\n{\"a\": }\n"),
              AllOf(HasSubstr("x.jsonl:2"), HasSubstr("byte 7")));
  EXPECT_THAT(refusal("{\"a\": 1} {}\n"), HasSubstr("byte 10"));
  EXPECT_THAT(refusal("[1]\n"), HasSubstr("given an array"));
  EXPECT_THAT(refusal("3\n"), HasSubstr("given a value"));
  EXPECT_THAT(refusal("{\"a\": 1}\n\n"), HasSubstr("x.jsonl:2"));
  EXPECT_THAT(refusal("{\"a\": 1, \"a\": 2}\n"), HasSubstr("'a' twice"));
  EXPECT_THAT(refusal("{\"a\": null, \"a\": 2}\n"), HasSubstr("'a' twice"));
  EXPECT_THAT(refusal("{\"a\": [1], \"a\": [2]}\n"), HasSubstr("'a' twice"));
  EXPECT_THAT(refusal("{\"a\": [{\"b\": 1, \"b\": 2}]}\n"), HasSubstr("'a.b' twice"));
  EXPECT_THAT(refusal("{\"a.b\": 1, \"a\": {\"b\": 2}}\n"), HasSubstr("'a.b' twice"));
  EXPECT_THAT(refusal("{\"a\": [[1]]}\n"), AllOf(HasSubstr("'a'"), HasSubstr("list in a list")));
  EXPECT_THAT(refusal("{\"a\": [{\"b\": [1]}]}\n"), HasSubstr("'a.b': a list in a list"));
  EXPECT_THAT(refusal("{\"a\": [1, {\"b\": 2}]}\n"), HasSubstr("objects beside"));
  EXPECT_THAT(
      refusal("{\"a\": 1}\n{\"a\": [1]}\n"),
      AllOf(HasSubstr("x.jsonl:2: 'a' is a list here and a text at"), HasSubstr("x.jsonl:1")));
  EXPECT_THAT(refusal("{\"a\": []}\n{\"a\": \"b\"}\n"), HasSubstr("'a' is a text here"));
  EXPECT_THAT(refusal("{\"a\": 1e999}\n"), HasSubstr("too large"));
  EXPECT_THAT(refusal("{\"a\": \"\\u0000\"}\n"), HasSubstr("NUL"));
  EXPECT_THAT(refusal("{\"a\": \"\\ud800\"}\n"), HasSubstr("x.jsonl:1"));
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "{\"a\":";
  EXPECT_THAT(refusal(deep), HasSubstr("deeper than 64"));
}

}  // namespace
}  // namespace heed::data
