#include "heed/data/window_loader.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <numeric>
#include <set>

#include "data/samples.h"
#include "shared_data.h"

namespace heed::data {
namespace {

using test::message_of;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Tokens that are their own places.
TokenStream counting(int64_t size) {
  auto stream = std::make_shared<std::vector<int32_t>>(static_cast<size_t>(size));
  std::iota(stream->begin(), stream->end(), 0);
  return stream;
}

std::vector<WindowBatch> epoch(WindowLoader& loader) {
  std::vector<WindowBatch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

bool same(const WindowBatch& a, const WindowBatch& b) {
  return torch::equal(a.tokens, b.tokens) && torch::equal(a.starts, b.starts);
}

TEST(WindowLoader, MeasuringPredictsEveryTokenOnce) {
  for (const int64_t size : {2, 3, 8, 9, 10, 57, 64, 65, 66, 1000}) {
    for (const int64_t length : {1, 2, 8, 64}) {
      WindowLoader l(counting(size), {.length = length, .batch = 3});
      const auto batches = epoch(l);
      EXPECT_EQ(static_cast<int64_t>(batches.size()), l.batches());
      EXPECT_EQ(l.tokens(), size - 1);
      int64_t next = 1;
      for (const auto& batch : batches) {
        for (int64_t i = 0; i < batch.tokens.size(0); ++i) {
          EXPECT_EQ(batch.tokens[i][0].item<int64_t>(), batch.starts[i].item<int64_t>());
          for (int64_t j = 1; j < batch.tokens.size(1); ++j)
            ASSERT_EQ(batch.tokens[i][j].item<int64_t>(), next++) << size << ' ' << length;
        }
      }
      EXPECT_EQ(next, size);
    }
  }
}

TEST(WindowLoader, TrainingCutsAtADrawnOffset) {
  WindowLoader l(counting(1003), {.length = 10, .batch = 8, .shuffle = true, .seed = 1});
  std::set<int64_t> offsets;
  std::vector<int64_t> firsts;
  for (int64_t e = 0; e < 60; ++e) {
    const auto batches = epoch(l);
    ASSERT_EQ(static_cast<int64_t>(batches.size()), l.batches());
    std::set<int64_t> starts;
    for (const auto& batch : batches) {
      EXPECT_EQ(batch.tokens.size(1), 11);
      const auto expected = batch.starts.unsqueeze(1) + torch::arange(11).unsqueeze(0);
      EXPECT_TRUE(torch::equal(batch.tokens, expected));
      for (int64_t i = 0; i < batch.starts.size(0); ++i)
        starts.insert(batch.starts[i].item<int64_t>());
    }
    ASSERT_EQ(starts.size(), 99u);
    EXPECT_EQ(*starts.rbegin() - *starts.begin(), 980);
    offsets.insert(*starts.begin());
    firsts.push_back(batches[0].starts[0].item<int64_t>());
  }
  EXPECT_EQ(offsets.size(), 10u);
  EXPECT_EQ(*offsets.rbegin(), 9);
  EXPECT_GT(std::set<int64_t>(firsts.begin(), firsts.end()).size(), 30u);
}

TEST(WindowLoader, ShortTextsHaveOneWindow) {
  const std::pair<int64_t, size_t> offsets[] = {{9, 1}, {10, 2}, {16, 8}, {17, 8}, {24, 8}};
  for (const auto& [size, places] : offsets) {
    WindowLoader l(counting(size), {.length = 8, .shuffle = true});
    std::set<int64_t> starts;
    for (int e = 0; e < 200; ++e) {
      const auto batches = epoch(l);
      ASSERT_EQ(batches.size(), 1u);
      ASSERT_EQ(batches[0].tokens.sizes(), (std::vector<int64_t>{1, 9}));
      starts.insert(batches[0].starts.item<int64_t>());
    }
    EXPECT_EQ(starts.size(), places) << size;
  }
}

TEST(WindowLoader, ResumesAnywhere) {
  const WindowOptions options{.length = 7, .batch = 4, .shuffle = true, .seed = 9};
  WindowLoader whole(counting(300), options);
  std::vector<WindowBatch> all;
  for (int e = 0; e < 3; ++e)
    for (auto& batch : epoch(whole)) all.push_back(std::move(batch));
  const int64_t each = whole.batches();
  for (int64_t at = 0; at < 3 * each; ++at) {
    WindowLoader l(counting(300), options);
    l.seek({at / each, at % each});
    EXPECT_TRUE(same(*l.next(), all[static_cast<size_t>(at)]));
    EXPECT_EQ(l.cursor(), (Cursor{at / each, at % each + 1}));
  }
  EXPECT_THROW(whole.seek({0, each + 1}), UsageError);
  EXPECT_THROW(whole.seek({-1, 0}), UsageError);
}

TEST(WindowLoader, RefusesWhatMakesNoSense) {
  EXPECT_THAT(message_of<UsageError>([] { WindowLoader(counting(9), {.length = 0}); }),
              HasSubstr("length: expected at least 1"));
  EXPECT_THAT(message_of<UsageError>([] { WindowLoader(counting(9), {.batch = 0}); }),
              HasSubstr("batch"));
  EXPECT_THAT(
      message_of<DataError>([] { WindowLoader(counting(8), {.length = 8, .shuffle = true}); }),
      HasSubstr("a text of 8 tokens; expected at least 9"));
  EXPECT_THROW(WindowLoader(counting(1), {}), DataError);
}

Lines two_lines() {
  return [at = 0](std::string& line) mutable {
    const char* text[] = {"ab", "", "b"};
    if (at == 3) return false;
    line = text[at++];
    return true;
  };
}

TEST(ReadTokens, EndsLinesAsTheTokenizerCan) {
  const int32_t a = 4 + 'a', b = 4 + 'b', feed = 4 + '\n';
  const auto bytes = train_tokenizer({.kind = TokenizerKind::bytes}, two_lines());
  EXPECT_THAT(*read_tokens(two_lines(), *bytes), ElementsAre(a, b, feed, feed, b, feed));
  const auto words = train_tokenizer({.kind = TokenizerKind::words}, two_lines());
  EXPECT_THAT(*read_tokens(two_lines(), *words), ElementsAre(4, 3, 5, 3));
  const auto bare = vocabulary_tokenizer("ab\nb\n", "v");
  EXPECT_THROW(read_tokens(two_lines(), *bare), UsageError);
  EXPECT_THROW(read_tokens([](std::string&) { return false; }, *words), DataError);
}

TEST(ReadTokens, HoldsAllOfTinyShakespeare) {
  const auto file = test::shared_data() / "tinyshakespeare" / "input.txt";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << file << " is absent";
  const auto characters = train_tokenizer({.kind = TokenizerKind::characters}, lines_of({file}));
  EXPECT_EQ(characters->size(), 4 + 65);
  const auto stream = read_tokens(lines_of({file}), *characters);
  EXPECT_EQ(stream->size(), std::filesystem::file_size(file));
  EXPECT_EQ(std::count(stream->begin(), stream->end(), 1), 0);
}

}  // namespace
}  // namespace heed::data
