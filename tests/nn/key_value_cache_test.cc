#include "heed/nn/key_value_cache.h"

#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/ops/attend.h"

namespace heed::nn {
namespace {

/// Tokens with their number in every channel: token n of sequence b is 100 b + n, in values half.
struct Tokens {
  at::Tensor k, v;
};

Tokens numbered(int64_t batch, int64_t first, int64_t length) {
  const auto n = torch::arange(first, first + length, at::kDouble).view({1, 1, -1, 1}) +
                 100 * torch::arange(batch, at::kDouble).view({-1, 1, 1, 1});
  return {n.expand({batch, 2, length, 3}), (n / 2).expand({batch, 2, length, 5})};
}

void append(KeyValueCache& cache, int64_t batch, int64_t length) {
  const auto tokens = numbered(batch, cache.position(), length);
  cache.append(tokens.k, tokens.v);
}

/// Tokens first .. first + length - 1 are what the cache keeps.
void expect_kept(const KeyValueCache& cache, int64_t batch, int64_t first, int64_t length) {
  const auto expected = numbered(batch, first, length);
  EXPECT_EQ(cache.length(), length);
  EXPECT_EQ(cache.first(), first);
  EXPECT_EQ(cache.position(), first + length);
  EXPECT_TRUE(cache.keys().equal(expected.k));
  EXPECT_TRUE(cache.values().equal(expected.v));
}

TEST(KeyValueCache, GrowsByAnyChunks) {
  for (const auto& chunks : std::vector<std::vector<int64_t>>{
           {1, 1, 1}, {16}, {17}, {32, 1}, {0, 5, 0, 40, 1}, std::vector<int64_t>(70, 1)}) {
    KeyValueCache cache;
    int64_t total = 0;
    for (const int64_t n : chunks) append(cache, 2, n), total += n;
    expect_kept(cache, 2, 0, total);
  }
}

TEST(KeyValueCache, GrowthIsAmortisedAndViewsAreNotCopies) {
  KeyValueCache cache;
  const void* memory = nullptr;
  int64_t moves = 0;
  for (int64_t i = 0; i < 1000; ++i) {
    append(cache, 1, 1);
    moves += cache.keys().data_ptr() != memory;
    memory = cache.keys().data_ptr();
  }
  EXPECT_LE(moves, 8);  // 32, 66, 134, ...
  EXPECT_LE(cache.capacity(), 2 * 1000 + 2);
  EXPECT_EQ(cache.keys().data_ptr(), cache.keys().data_ptr());
  cache.keys().fill_(1);
  EXPECT_EQ(cache.keys().sum().item<double>(), 1000.0 * 2 * 3);
}

TEST(KeyValueCache, AFixedCapacityHasAnEnd) {
  KeyValueCache cache(4);
  append(cache, 1, 3), append(cache, 1, 1);
  EXPECT_EQ(cache.capacity(), 4);
  try {
    append(cache, 1, 1);
    FAIL() << "nothing was thrown";
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(),
                 "key-value cache: append: expected at most 4 tokens, its capacity, given 1 after "
                 "4; give it more, or window() it");
  }
  expect_kept(cache, 1, 0, 4);
  cache.window(3);
  append(cache, 1, 1);
  expect_kept(cache, 1, 1, 4);
}

TEST(KeyValueCache, AWindowKeepsTheLastAndPositionsCount) {
  for (const int64_t capacity : {0, 4, 5, 9, 64})
    for (const int64_t window : {0, 1, 3}) {
      KeyValueCache cache(capacity);
      for (int64_t i = 0; i < 100; ++i) {
        append(cache, 2, 1);
        cache.window(window);
        const int64_t kept = std::min(window, i + 1);
        expect_kept(cache, 2, i + 1 - kept, kept);
      }
      EXPECT_LE(cache.capacity(), std::max<int64_t>(capacity, 64));
    }
}

TEST(KeyValueCache, ReordersAndDropsSequences) {
  KeyValueCache cache;
  append(cache, 3, 4);
  cache.window(3);
  cache.reorder(torch::tensor({2, 0, 2, 1}, at::kLong));
  EXPECT_EQ(cache.batch(), 4);
  const auto all = numbered(3, 1, 3);
  EXPECT_TRUE(cache.keys().equal(all.k.index_select(0, torch::tensor({2, 0, 2, 1}, at::kLong))));
  EXPECT_TRUE(cache.values()[2].equal(all.v[2]));
  cache.drop(torch::tensor({0, 3}, at::kLong));
  EXPECT_EQ(cache.batch(), 2);
  EXPECT_TRUE(cache.keys().equal(all.k.index_select(0, torch::tensor({0, 2}, at::kLong))));
  EXPECT_EQ(cache.position(), 4);
  cache.keys()[0].fill_(7);  // sequences of their own
  EXPECT_TRUE(cache.keys()[1].equal(all.k[2]));
  cache.drop(torch::tensor({1, 0}, at::kLong));
  EXPECT_EQ(cache.keys().sizes(), (std::vector<int64_t>{0, 2, 3, 3}));
  EXPECT_THROW(cache.reorder(torch::tensor({0}, at::kLong)), UsageError);
}

// Some of them in place: where all who are copied stay.
TEST(KeyValueCache, EveryOrderOfFour) {
  const auto all = numbered(4, 1, 20);
  for (int64_t number = 0; number < 256; ++number) {
    const auto index =
        torch::tensor({number % 4, number / 4 % 4, number / 16 % 4, number / 64}, at::kLong);
    KeyValueCache cache;
    append(cache, 4, 21);
    cache.window(20);
    cache.reorder(index);
    EXPECT_TRUE(cache.keys().equal(all.k.index_select(0, index))) << index;
    EXPECT_TRUE(cache.values().equal(all.v.index_select(0, index))) << index;
    EXPECT_EQ(cache.position(), 21);
  }
}

TEST(KeyValueCache, RewindsAndClears) {
  KeyValueCache cache;
  append(cache, 1, 5);
  cache.rewind(2);
  append(cache, 1, 1);
  expect_kept(cache, 1, 0, 4);
  cache.window(2);
  EXPECT_THROW(cache.rewind(3), UsageError);
  cache.clear();
  EXPECT_EQ(cache.position(), 0);
  append(cache, 1, 2);
  expect_kept(cache, 1, 0, 2);
  cache.clear();
  append(cache, 3, 2);  // another batch
  expect_kept(cache, 3, 0, 2);
}

TEST(KeyValueCache, FeedsAttendAndKeepsNoGradient) {
  KeyValueCache cache;
  auto k = torch::randn({1, 2, 5, 4}, at::kDouble).requires_grad_();
  cache.append(k, k);
  EXPECT_FALSE(cache.keys().requires_grad());
  const auto q = torch::randn({1, 4, 1, 4}, at::kDouble);
  EXPECT_TRUE(attend(q, cache.keys(), cache.values(), Attention())
                  .equal(attend(q, k.detach(), k.detach(), Attention())));
}

TEST(KeyValueCache, RefusesWhatDoesNotFit) {
  EXPECT_THROW(KeyValueCache(-1), UsageError);
  KeyValueCache cache;
  EXPECT_THROW(cache.keys(), UsageError);
  EXPECT_THROW(cache.window(-1), UsageError);
  EXPECT_THROW(cache.rewind(1), UsageError);
  EXPECT_THROW(cache.append(torch::zeros({2, 3, 4}), torch::zeros({2, 3, 4})), UsageError);
  EXPECT_THROW(cache.append(torch::zeros({1, 2, 3, 4}), torch::zeros({1, 2, 4, 4})), UsageError);
  append(cache, 2, 3);
  const auto next = numbered(2, 3, 1);
  EXPECT_THROW(cache.append(next.k.narrow(0, 0, 1), next.v.narrow(0, 0, 1)), UsageError);
  EXPECT_THROW(cache.append(next.k, next.v.narrow(3, 0, 4)), UsageError);
  EXPECT_THROW(cache.append(next.k.to(at::kFloat), next.v.to(at::kFloat)), UsageError);
  EXPECT_THROW(cache.reorder(torch::tensor({2}, at::kLong)), UsageError);
  EXPECT_THROW(cache.reorder(torch::tensor({-1}, at::kLong)), UsageError);
  EXPECT_THROW(cache.drop(torch::zeros({1})), UsageError);
  expect_kept(cache, 2, 0, 3);
}

}  // namespace
}  // namespace heed::nn
