#include "heed/data/entity_permutation.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "data/samples.h"
#include "heed/core/error.h"
#include "heed/data/stories.h"

namespace heed::data {
namespace {

using test::message_of;
using ::testing::AllOf;
using ::testing::HasSubstr;

class EntityPermutationTest : public testing::Test {
 protected:
  static Stories make() {
    const test::TempFolder folder;
    const std::string_view text =
        "1 Ann has the pear.\n"
        "2 Bob went to the hall.\n"
        "3 Who has the pear?\tann\t1\n"
        "4 Where is Bob?\thall\t2\n"
        "5 What did they take?\tpear,fig\t1\n"
        "6 Cid has the fig.\n"
        "7 Is Cid here?\tno\t6\n";
    return read_stories(folder.write("x.txt", test::Bytes(text.begin(), text.end())));
  }
  std::string refusal(const std::vector<std::string>& groups) const {
    return message_of<UsageError>([&] { EntityPermutation(groups, vocabulary_); });
  }
  std::string text_of(const at::Tensor& row) const {
    std::string text;
    for (int64_t i = 0; i < row.numel(); ++i) {
      const int64_t number = row[i].item<int64_t>();
      if (number == StoryVocabulary::kPadding) continue;
      text += (text.empty() ? "" : " ") +
              vocabulary_.words[static_cast<size_t>(number - StoryVocabulary::kFirstWord)];
    }
    return text;
  }
  const std::string& answer(const StoryBatch& batch) const {
    return vocabulary_.answers[static_cast<size_t>(batch.answers.item<int64_t>())];
  }

  const Stories stories_ = make();
  const StoryVocabulary vocabulary_ = StoryVocabulary::of(stories_);
  const StorySet set_{stories_, vocabulary_};
};

TEST_F(EntityPermutationTest, RenamesStoryQuestionAndAnswerAlike) {
  const EntityPermutation permutation({"Ann, Bob, Cid", "pear fig"}, vocabulary_);
  std::set<std::string> seen;
  for (uint32_t epoch = 0; epoch < 200; ++epoch) {
    const auto batch = set_.batch({0}, {permutation.draw(7, epoch, 0)});
    const auto& who = answer(batch);
    const auto question = text_of(batch.questions[0]);
    const auto thing = question.substr(question.rfind(' ') + 1);
    EXPECT_EQ(text_of(batch.sentences[1]), who + " has the " + thing);
    const auto second = text_of(batch.sentences[2]);
    EXPECT_THAT(second, testing::EndsWith(" went to the hall"));
    EXPECT_NE(second.substr(0, 3), who);  // two people stay two
    seen.insert(text_of(batch.sentences[1]) + " " + second);
  }
  // Ann alone is an answer: she has either thing, and one of two is in the hall.
  EXPECT_EQ(seen.size(), 4u);
}

TEST_F(EntityPermutationTest, EveryOrderIsEquallyLikely) {
  const EntityPermutation permutation({"ann bob cid"}, vocabulary_);
  std::map<std::vector<int64_t>, int> counts;
  const std::vector<int64_t> all{vocabulary_.word("ann"), vocabulary_.word("bob"),
                                 vocabulary_.word("cid")};
  for (uint32_t i = 0; i < 6000; ++i) ++counts[permutation.draw(1, i / 60, i % 60).words(all)];
  ASSERT_EQ(counts.size(), 6u);
  for (const auto& [order, count] : counts) EXPECT_NEAR(count, 1000, 150);  // 5 sigma
}

TEST_F(EntityPermutationTest, WhereARenamedAnswerIsNoClassTheRecordStaysAsItIs) {
  const EntityPermutation permutation({"pear fig"}, vocabulary_);
  for (uint32_t epoch = 0; epoch < 20; ++epoch) {
    const auto renaming = permutation.draw(3, epoch, 2);
    const auto batch = set_.batch({2}, {renaming});
    EXPECT_EQ(answer(batch), "pear,fig");
    EXPECT_EQ(text_of(batch.sentences[1]), "ann has the pear");
    EXPECT_EQ(answer(set_.batch({3}, {renaming})), "no");  // a word that no story has
  }
}

TEST_F(EntityPermutationTest, LoaderRenamesByEpochAndRecordAlone) {
  const EntityPermutation permutation({"ann bob cid"}, vocabulary_);
  StoryLoader loader(set_, 3, true, 5, &permutation), other(set_, 3, true, 5, &permutation);
  std::set<std::string> questions;
  for (int i = 0; i < 60; ++i) {
    other.seek(loader.cursor());
    const auto own = loader.next(), same = other.next();
    ASSERT_EQ(own.has_value(), same.has_value());
    if (!own) continue;
    EXPECT_TRUE(own->sentences.equal(same->sentences));
    EXPECT_TRUE(own->questions.equal(same->questions));
    EXPECT_TRUE(own->answers.equal(same->answers));
    for (int64_t row = 0; row < own->questions.size(0); ++row)
      questions.insert(text_of(own->questions[row]));
  }
  EXPECT_EQ(questions.size(), 1u + 3u + 1u + 3u);  // where is X, is X here: three each
}

TEST_F(EntityPermutationTest, RecordsOfAnEpochAreRenamedEachByItself) {
  const EntityPermutation permutation({"ann bob cid"}, vocabulary_);
  StoryLoader loader(set_, set_.size(), false, 5, &permutation);
  int same = 0;
  for (int epoch = 0; epoch < 30; ++epoch) {
    const auto batch = loader.next();
    ASSERT_TRUE(batch);
    EXPECT_FALSE(loader.next());
    const auto place = text_of(batch->questions[1]), presence = text_of(batch->questions[3]);
    same += place == "where is " + presence.substr(3, 3);  // of Bob and of Cid
  }
  EXPECT_GT(same, 0);
  EXPECT_LT(same, 30);
}

TEST_F(EntityPermutationTest, RefusesWhatCannotBePermuted) {
  EXPECT_THAT(refusal({"ann"}), AllOf(HasSubstr("entity_permutation: "), HasSubstr("two words"),
                                      HasSubstr("given 'ann'")));
  EXPECT_THAT(refusal({""}), HasSubstr("two words"));
  EXPECT_THAT(refusal({"ann bobb"}), AllOf(HasSubstr("'bobb'"), HasSubstr("did you mean 'bob'?")));
  EXPECT_THAT(refusal({"ann bob", "cid ann"}), HasSubstr("'ann' stands twice"));
  const EntityPermutation permutation({"ann bob"}, vocabulary_);
  EXPECT_THROW(set_.batch({0, 1}, {permutation.draw(0, 0, 0)}), UsageError);
}

}  // namespace
}  // namespace heed::data
