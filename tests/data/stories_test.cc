#include "heed/data/stories.h"

#include <gmock/gmock.h>

#include "data/samples.h"

namespace heed::data {
namespace {

using test::Bytes;
using test::message_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kTwo =
    "1 Mary moved to the bathroom.\n"
    "2 John got the apple there.\n"
    "3 Where is Mary? \tbathroom\t1\n"
    "4 Mary's cat is tired.\n"
    "5 What does John carry?\tapple,milk\t2 4\n"
    "1 John left.\n"
    "2 Who left?\tjohn\t1\n";

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

Stories stories_in(std::string_view text, Answers answers = Answers::required) {
  const test::TempFolder folder;
  return read_stories(folder.write("x.txt", bytes_of(text)), answers);
}

std::string refusal(std::string_view text, Answers answers = Answers::required) {
  return message_of<DataError>([&] { stories_in(text, answers); });
}

at::Tensor longs(std::vector<int64_t> values) { return at::tensor(values, at::kLong); }

TEST(Stories, ReadsStoriesAndQuestionsPlainAndPacked) {
  const test::TempFolder folder;
  const Bytes plain = bytes_of(kTwo);
  for (const Bytes& file : {plain, test::gzip(plain)}) {
    const auto stories = read_stories(folder.write("x.txt", file));
    ASSERT_EQ(stories.stories.size(), 2u);
    EXPECT_THAT(stories.stories[0].sentences,
                ElementsAre("Mary moved to the bathroom.", "John got the apple there.",
                            "Mary's cat is tired."));
    EXPECT_THAT(stories.stories[0].numbers, ElementsAre(1, 2, 4));
    ASSERT_EQ(stories.questions.size(), 3u);
    const auto& second = stories.questions[1];
    EXPECT_EQ(second.text, "What does John carry?");
    EXPECT_EQ(second.answer, "apple,milk");
    EXPECT_EQ(second.story, 0);
    EXPECT_EQ(second.sentences, 3);
    EXPECT_THAT(second.supporting, ElementsAre(1, 2));
    EXPECT_THAT(second.place, EndsWith("x.txt:5"));
    EXPECT_EQ(stories.questions[0].sentences, 2);
    EXPECT_EQ(stories.questions[2].story, 1);
  }
}

TEST(Stories, NamesFileAndLineOfWhatIsWrong) {
  EXPECT_THAT(refusal("1 A b.\n\n"), AllOf(HasSubstr("x.txt:2"), HasSubstr("empty line")));
  EXPECT_THAT(refusal("Mary moved.\n"), AllOf(HasSubstr("x.txt:1"), HasSubstr("number")));
  EXPECT_THAT(refusal("0 A.\n"), HasSubstr("number from 1"));
  EXPECT_THAT(refusal("99999999999999999999 A.\n"), HasSubstr("number from 1"));
  EXPECT_THAT(refusal("2 A.\n"), AllOf(HasSubstr("line number 2"), HasSubstr("expected 1:")));
  EXPECT_THAT(refusal("1 A.\n3 B.\n"), AllOf(HasSubstr("x.txt:2"), HasSubstr("expected 1 or 2")));
  EXPECT_THAT(refusal("1 .\n"), HasSubstr("the sentence has no words"));
  EXPECT_THAT(refusal("1\n"), HasSubstr("the sentence has no words"));
  EXPECT_THAT(refusal("1 ?\tb\n"), HasSubstr("the question has no words"));
  EXPECT_THAT(refusal("1 A?\t\n"), HasSubstr("no answer"));
  EXPECT_THAT(refusal("1 A?\tb\t1\tc\n"), HasSubstr("4 fields"));
  EXPECT_THAT(refusal("1 A.\n2 A?\tb\t2\n"),
              AllOf(HasSubstr("x.txt:2"), HasSubstr("'2' supports")));
  EXPECT_THAT(refusal("1 A.\n2 A?\tb\tx\n"), HasSubstr("'x' supports"));
  EXPECT_THAT(refusal("1 A.\n"), HasSubstr("no question"));
}

TEST(Stories, AnswersMayBeMissingWhereThatIsAllowed) {
  const auto stories = stories_in("1 A left.\n2 Who left?\n3 Who else?\t\n", Answers::optional);
  ASSERT_EQ(stories.questions.size(), 2u);
  EXPECT_EQ(stories.questions[0].answer, "");
  EXPECT_EQ(stories.questions[1].sentences, 1);
  EXPECT_THAT(refusal("1 A left.\n2 Who left?\n"), HasSubstr("no question"));
}

TEST(Stories, WordsArePartedAtBlanksAndPunctuation) {
  EXPECT_THAT(words_of("Where's Mary-Ann, \xC3\xA4rger?"),
              ElementsAre("where's", "mary-ann", "\xC3\xA4rger"));
  EXPECT_THAT(words_of(" .,?!"), IsEmpty());
}

TEST(StoryVocabulary, NumbersWordsAndWholeAnswers) {
  const auto vocabulary = StoryVocabulary::of(stories_in(kTwo));
  EXPECT_THAT(vocabulary.answers, ElementsAre("apple,milk", "bathroom", "john"));
  EXPECT_EQ(vocabulary.answer("john"), 2);
  EXPECT_EQ(vocabulary.answer("milk"), -1);
  EXPECT_EQ(vocabulary.words.front(), "apple");
  EXPECT_EQ(vocabulary.word("apple"), StoryVocabulary::kFirstWord);
  EXPECT_EQ(vocabulary.word("bathroom"), StoryVocabulary::kFirstWord + 1);
  EXPECT_EQ(vocabulary.word("zebra"), StoryVocabulary::kUnknown);
  EXPECT_EQ(vocabulary.size(), static_cast<int64_t>(vocabulary.words.size()) + 2);
}

TEST(StorySet, BatchesHoldEachSentenceOnce) {
  const auto stories = stories_in(
      "1 a b.\n2 c.\n3 a b.\n4 q?\tx\n"
      "1 c.\n2 q q?\ty\n"
      "1 q?\tx\n");
  const StorySet set(stories, StoryVocabulary::of(stories));
  const auto batch = set.batch({1, 0, 2});
  EXPECT_TRUE(batch.sentences.equal(longs({0, 0, 4, 0, 2, 3}).view({3, 2})));  // -, c, a b
  EXPECT_TRUE(batch.story.equal(longs({1, 0, 0, 2, 1, 2, 0, 0, 0}).view({3, 3})));
  EXPECT_TRUE(batch.lengths.equal(longs({1, 3, 0})));
  EXPECT_TRUE(batch.questions.equal(longs({5, 5, 5, 0, 5, 0}).view({3, 2})));
  EXPECT_TRUE(batch.answers.equal(longs({1, 0, 0})));
  EXPECT_TRUE(batch.indices.equal(longs({1, 0, 2})));
  EXPECT_THROW(set.batch({3}), UsageError);
}

TEST(StorySet, CountsWhatItLeavesOutAndWhatItDoesNotKnow) {
  const auto stories = stories_in("1 a b.\n2 c.\n3 a d.\n4 q?\tx\n5 q?\tz\n");
  const StoryVocabulary vocabulary{{"a", "b", "c", "q"}, {"x"}};
  const StorySet all(stories, vocabulary), last(stories, vocabulary, 2);
  EXPECT_EQ(all.stats().questions, 2);
  EXPECT_EQ(all.stats().longest, 3);
  EXPECT_EQ(all.stats().unknown_words, 2);  // d, for both questions
  EXPECT_EQ(all.stats().unknown_answers, 1);
  EXPECT_EQ(all.stats().shortened, 0);
  EXPECT_EQ(last.stats().longest, 2);
  EXPECT_EQ(last.stats().shortened, 2);
  const auto batch = last.batch({1});
  EXPECT_TRUE(batch.sentences[1].equal(longs({4, 0})));  // c
  EXPECT_EQ(batch.answers.item<int64_t>(), -1);
}

TEST(StorySet, SplitsInOrder) {
  const auto stories = stories_in(kTwo);
  const StorySet set(stories, StoryVocabulary::of(stories));
  const auto [first, rest] = set.split(2);
  EXPECT_EQ(first.size(), 2);
  EXPECT_EQ(rest.size(), 1);
  EXPECT_EQ(rest.name(0), set.name(2));
  EXPECT_THROW(set.split(0), UsageError);
  EXPECT_THROW(set.split(3), UsageError);
}

class StoryLoading : public testing::Test {
 protected:
  static StorySet make() {
    std::string text = "1 a.\n";
    for (int i = 2; i < 25; ++i) text += std::to_string(i) + " q?\tx\n";
    const auto stories = stories_in(text);
    return {stories, StoryVocabulary::of(stories)};
  }
  /// The records of the next `count` batches; an epoch's end is -1.
  static std::vector<int64_t> next(StoryLoader& loader, int count) {
    std::vector<int64_t> records;
    for (int i = 0; i < count; ++i) {
      const auto batch = loader.next();
      if (!batch) records.push_back(-1);
      if (!batch) continue;
      for (int64_t j = 0; j < batch->indices.numel(); ++j)
        records.push_back(batch->indices[j].item<int64_t>());
    }
    return records;
  }
  const StorySet set_ = make();
};

TEST_F(StoryLoading, GivesEachRecordOnceAnEpoch) {
  StoryLoader loader(set_, 5, true, 3);
  EXPECT_EQ(loader.batches(), 5);
  auto first = next(loader, 5);
  EXPECT_EQ(next(loader, 1), std::vector<int64_t>{-1});
  auto second = next(loader, 5);
  EXPECT_NE(first, second);
  for (auto* epoch : {&first, &second}) {
    std::sort(epoch->begin(), epoch->end());
    ASSERT_EQ(epoch->size(), 23u);
    for (int64_t i = 0; i < 23; ++i) EXPECT_EQ((*epoch)[i], i);
  }
}

TEST_F(StoryLoading, GoesOnFromACursor) {
  StoryLoader loader(set_, 5, true, 3), other(set_, 5, true, 3);
  for (int i = 0; i < 9; ++i) {
    other.seek(loader.cursor());
    EXPECT_EQ(next(loader, 4), next(other, 4)) << i;
    next(loader, 1);
  }
  EXPECT_THROW(loader.seek({0, 24}), UsageError);
  EXPECT_THROW(loader.seek({-1, 0}), UsageError);
  EXPECT_THROW(StoryLoader(set_, 0), UsageError);
}

TEST(Stories, StandardInputMayBeAPipe) {
  const std::string text = "1 Mary moved to the bathroom.\n2 Where is Mary?\tbathroom\t1\n";
  for (const bool packed : {false, true}) {
    const auto sent = packed ? test::gzip(bytes_of(text)) : bytes_of(text);
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    ASSERT_EQ(write(ends[1], sent.data(), sent.size()), static_cast<ssize_t>(sent.size()));
    close(ends[1]);
    const int before = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    const auto stories = read_stories(LineReader::standard_input(), "standard input");
    dup2(before, STDIN_FILENO);
    close(before);
    ASSERT_EQ(stories.questions.size(), 1u);
    EXPECT_EQ(stories.questions[0].place, "standard input:2");
    EXPECT_EQ(stories.questions[0].answer, "bathroom");
  }
}

}  // namespace
}  // namespace heed::data
