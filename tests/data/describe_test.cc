#include "heed/data/describe.h"

#include <gmock/gmock.h>

#include "data/record_samples.h"
#include "heed/data/offsets.h"

namespace heed::data {
namespace {

using test::records_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

TEST(Describe, CountsWhatColumnsHold) {
  const auto train = records_of("text,label,same\nab,1,x\n\xC3\xA9,2.5,x\n,1,x\nab,1,x\n", "a.csv");
  const auto facts = describe({{"train", train}}, {.examples = 1}).splits.at(0);
  EXPECT_EQ(facts.records, 4);
  EXPECT_EQ(facts.repeated, 1);
  EXPECT_THAT(facts.first_repeat, EndsWith("a.csv:5"));
  const auto& text = facts.columns[0];
  EXPECT_EQ(text.missing, 1);
  EXPECT_EQ(text.items, 3);
  EXPECT_EQ(text.distinct, 2);
  EXPECT_THAT(text.most_frequent, ElementsAre(Pair("ab", 2)));
  EXPECT_EQ(text.length.least, 1);
  EXPECT_EQ(text.length.median, 2);
  EXPECT_EQ(text.length.most, 2);
  EXPECT_FALSE(text.range);
  EXPECT_FALSE(text.is_constant);
  const auto& label = facts.columns[1];
  ASSERT_TRUE(label.range);
  EXPECT_EQ(label.range->least, 1);
  EXPECT_DOUBLE_EQ(label.range->mean, 5.5 / 4);
  EXPECT_EQ(label.range->most, 2.5);
  EXPECT_TRUE(facts.columns[2].is_constant);
}

TEST(Describe, FindsOverlapsAndUnseenLabels) {
  const auto train = records_of("t,l\na,1\nb,2\n", "a.csv");
  const auto other = records_of("l,t\n1,a\n1,b\n3,c\n3,c\n4,d\n", "b.csv");
  const auto all = describe({{"train", train}, {"test", other}}, {.labels = {"l"}});
  ASSERT_EQ(all.overlaps.size(), 1u);
  EXPECT_EQ(all.overlaps[0].split, "test");
  EXPECT_EQ(all.overlaps[0].earlier, "train");
  EXPECT_EQ(all.overlaps[0].records, 1);
  EXPECT_THAT(all.overlaps[0].first, EndsWith("b.csv:2"));
  EXPECT_THAT(all.overlaps[0].first_earlier, EndsWith("a.csv:2"));
  ASSERT_EQ(all.unseen.size(), 1u);
  EXPECT_EQ(all.unseen[0].labels, 2);
  EXPECT_EQ(all.unseen[0].records, 3);
  EXPECT_THAT(all.unseen[0].examples, ElementsAre(Pair("3", 2), Pair("4", 1)));
  const auto by_text = describe({{"train", train}, {"test", other}}, {.same = {"t"}});
  EXPECT_EQ(by_text.overlaps[0].records, 2);
  EXPECT_THAT(by_text.unseen, IsEmpty());
  EXPECT_THAT(test::message_of<DataError>([&] {
                describe({{"train", train}}, {.same = {"x"}});
              }),
              HasSubstr("no column 'x'"));
}

TEST(Describe, SaysWhetherAllRecordsAreInOthers) {
  const auto train = records_of("t,l\na,1\nb,2\nc,3\nb,2\n", "a.csv");
  const auto are_in = [&](const std::string& text) {
    return all_are_in(*records_of(text, "b.csv"), *train);
  };
  EXPECT_TRUE(are_in("l,t,more\n2,b,x\n1,a,y\n2,b,z\n"));
  EXPECT_FALSE(are_in("l,t\n2,b\n1,b\n"));
  EXPECT_FALSE(are_in("t\na\n"));    // without a column of the others
  EXPECT_FALSE(are_in("t,l\n,\n"));  // missing cells are cells, too
  std::string many = "t,l\n";
  for (int i = 0; i < 100; ++i) many += "a,1\n";
  EXPECT_TRUE(are_in(many));
  EXPECT_FALSE(are_in(many + "d,4\n"));  // the last one alone
}

TEST(Describe, KeepsListsApart) {
  const auto train = records_of(
      "{\"a\": [\"1:x\"]}\n{\"a\": [\"1\", \"x\"]}\n{\"a\": []}\n"
      "{\"a\": [\"\"]}\n",
      "a.jsonl");
  const auto facts = describe({{"train", train}}).splits.at(0);
  EXPECT_EQ(facts.repeated, 0);
  EXPECT_EQ(facts.columns[0].missing, 1);
  EXPECT_EQ(facts.columns[0].items, 4);
  EXPECT_EQ(facts.columns[0].length.most, 2);
}

TEST(Describe, Banking77) {  // Python's Counter gave the numbers
  HEED_NEEDS_SHARED("banking77");
  const auto folder = test::shared_data() / "banking77";
  const auto all = describe({{"train", open_records({folder / "train.csv"})},
                             {"test", open_records({folder / "test.csv"})}},
                            {.labels = {"category"}, .examples = 100});
  const auto& text = all.splits[0].columns[0];
  const auto& category = all.splits[0].columns[1];
  EXPECT_EQ(category.distinct, 77);
  EXPECT_THAT(category.most_frequent[0], Pair("card_payment_fee_charged", 187));
  EXPECT_EQ(category.most_frequent.back().second, 35);
  EXPECT_EQ(text.length.least, 13);
  EXPECT_EQ(text.length.median, 47);
  EXPECT_EQ(text.length.p99, 221);
  EXPECT_EQ(text.length.most, 433);
  EXPECT_EQ(text.distinct, 10003);
  EXPECT_EQ(all.splits[0].repeated, 0);
  EXPECT_THAT(all.overlaps, IsEmpty());
  EXPECT_THAT(all.unseen, IsEmpty());
}

TEST(TextOffsets, CountsCharactersAndBytes) {
  const std::string text = "a\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80z";  // a é 中 😀 z
  const TextOffsets offsets(text);
  EXPECT_EQ(offsets.characters(), 5);
  EXPECT_EQ(offsets.bytes(), 11);
  const std::vector<int64_t> begins{0, 1, 3, 6, 10, 11};
  for (size_t i = 0; i < begins.size(); ++i) {
    EXPECT_EQ(offsets.byte_of(static_cast<int64_t>(i)), begins[i]);
    EXPECT_EQ(offsets.character_of(begins[i]), static_cast<int64_t>(i));
  }
  EXPECT_EQ(offsets.text(1, 3), "\xC3\xA9\xE4\xB8\xAD");
  EXPECT_EQ(offsets.text(5, 5), "");
  EXPECT_THAT(test::message_of<UsageError>([&] { offsets.byte_of(6); }), HasSubstr("0 .. 5"));
  EXPECT_THAT(test::message_of<UsageError>([&] { offsets.byte_of(-1); }), HasSubstr("-1"));
  EXPECT_THAT(test::message_of<UsageError>([&] { offsets.character_of(2); }),
              HasSubstr("middle of a character"));
  EXPECT_THAT(test::message_of<UsageError>([&] { offsets.text(3, 2); }), HasSubstr("ends at 2"));
  EXPECT_THAT(test::message_of<DataError>([] { TextOffsets("a\xff"); }), HasSubstr("byte 1"));
  EXPECT_EQ(TextOffsets("").characters(), 0);
  EXPECT_EQ(TextOffsets("ab").character_of(2), 2);
}

TEST(TextOffsets, FindsWords) {
  const std::string text = " Don't\tsay \xC3\xA9t\xC3\xA9, (3.14)!\n";
  std::vector<std::string> words;
  const TextOffsets offsets(text);
  for (const auto& word : words_with_offsets(text)) {
    words.emplace_back(word.text);
    EXPECT_EQ(offsets.text(word.begin, word.end), word.text);
    EXPECT_EQ(offsets.byte_of(word.begin), word.begin_byte);
    EXPECT_EQ(offsets.byte_of(word.end), word.end_byte);
  }
  EXPECT_THAT(words, ElementsAre("Don't", "say", "\xC3\xA9t\xC3\xA9", ",", "(", "3.14", ")", "!"));
  const auto fields = fields_with_offsets(text);
  ASSERT_EQ(fields.size(), 4u);
  EXPECT_EQ(fields[2].begin, 11);
  EXPECT_EQ(fields[2].text, "\xC3\xA9t\xC3\xA9,");
  EXPECT_THAT(words_with_offsets(" \xE2\x80\x83\n"), IsEmpty());
  EXPECT_THAT(words_with_offsets(""), IsEmpty());
}

TEST(TextOffsets, FindsCharacters) {
  const std::string text = " \u5317\u4eac\u3000x\n";
  std::vector<std::string> found;
  for (const auto& character : characters_with_offsets(text)) {
    found.emplace_back(character.text);
    EXPECT_EQ(TextOffsets(text).text(character.begin, character.end), character.text);
    EXPECT_EQ(TextOffsets(text).byte_of(character.begin), character.begin_byte);
  }
  EXPECT_THAT(found, ElementsAre("\u5317", "\u4eac", "x"));
  EXPECT_THAT(characters_with_offsets(" \n"), IsEmpty());
  EXPECT_THAT(test::message_of<DataError>([] { characters_with_offsets("a\xff"); }),
              HasSubstr("byte 1"));
}

TEST(Offsets, SentencesEndAtTheirMarks) {
  const std::string text = "  Is it 3.5? Yes! \u00dcber allem.\nStill";
  std::vector<std::string> found;
  for (const auto& sentence : sentences_with_offsets(text)) {
    found.emplace_back(sentence.text);
    EXPECT_EQ(TextOffsets(text).text(sentence.begin, sentence.end), sentence.text);
  }
  EXPECT_THAT(found, ElementsAre("Is it 3.5?", "Yes!", "\u00dcber allem.", "Still"));
  EXPECT_THAT(sentences_with_offsets(" \n "), IsEmpty());
}

}  // namespace
}  // namespace heed::data
