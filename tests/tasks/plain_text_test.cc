// One long text: held out, cut into windows.
#include "tasks/inputs/plain_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <numeric>

#include "heed/core/error.h"

namespace heed {
namespace {

data::TokenStream numbers(int32_t count) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  std::iota(tokens.begin(), tokens.end(), 0);
  return std::make_shared<const std::vector<int32_t>>(std::move(tokens));
}

TEST(PlainText, IsSplitAtACharacter) {
  const PlainText whole{"aéb\n日本語cd", "x"};  // 9 characters
  EXPECT_EQ(whole.characters(), 9);
  const auto [first, last] = split_text(whole, 4.0 / 9);
  EXPECT_EQ(first.text, "aéb\n日");
  EXPECT_EQ(last.text, "本語cd");
  EXPECT_EQ(split_text(whole, 0.01).second.text, "d") << "what is left of a share is held out";
}

TEST(PlainText, GivesItsLines) {
  const PlainText whole{"one\n\nthree", "x"};
  auto lines = lines_of(whole);
  std::vector<std::string> found;
  for (std::string line; lines(line);) found.push_back(line);
  EXPECT_THAT(found, testing::ElementsAre("one", "", "three"));
}

TEST(RowWindows, EveryRowGoesOnWhereItEnded) {
  for (const int32_t count : {9, 10, 23, 64}) {
    for (const int64_t rows : {1, 2, 3}) {
      const RowWindows windows(numbers(count), rows, 3);
      std::vector<int64_t> next(static_cast<size_t>(rows));
      for (int64_t row = 0; row < rows; ++row) next[size_t(row)] = row * ((count - 1) / rows);
      for (int64_t batch = 0; batch < windows.batches(); ++batch) {
        const auto [tokens, starts] = windows.window(batch);
        ASSERT_EQ(tokens.size(0), rows);
        ASSERT_GE(tokens.size(1), 2);
        for (int64_t row = 0; row < rows; ++row) {
          EXPECT_EQ(starts[row].item<int64_t>(), next[size_t(row)]);
          for (int64_t i = 0; i < tokens.size(1); ++i) {
            EXPECT_EQ(tokens[row][i].item<int64_t>(), next[size_t(row)] + i);
          }
          next[size_t(row)] += tokens.size(1) - 1;
        }
      }
      for (int64_t row = 0; row < rows; ++row) {
        EXPECT_EQ(next[size_t(row)], (row + 1) * ((count - 1) / rows)) << "every token once";
      }
    }
  }
  EXPECT_THROW(RowWindows(numbers(3), 3, 2), DataError);
}

}  // namespace
}  // namespace heed
