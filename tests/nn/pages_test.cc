// Pages that sequences share.
#include "nn/pages.h"

#include <gtest/gtest.h>

#include <torch/torch.h>

namespace heed::nn {
namespace {

std::shared_ptr<PagePool> pool_of(int64_t pages) {
  const PageLayout own({{2, 3, 5}, {1, 4, 4}}), source({{1, 2, 2}});
  const int64_t bytes = PagePool(own, source, at::kFloat, 0).page_bytes();
  return std::make_shared<PagePool>(own, source, at::kFloat, pages * bytes + bytes / 2);
}

/// Writes `count` tokens, all numbers of which are `value`, into both layers.
void write(PageTable& table, int64_t count, double value) {
  table.make_room(count);
  for (size_t layer = 0; layer < 2; ++layer) {
    const auto& [heads, key_width, value_width] = table.layout().layers[layer];
    write_tokens(table, layer, torch::full({1, heads, count, key_width}, value),
                 torch::full({1, heads, count, value_width}, -value));
  }
  table.advance(count);
}

float number_at(const PageTable& table, int64_t token, size_t layer, int64_t head) {
  const auto* page = reinterpret_cast<const float*>(
      table.pool().data(table.pages()[static_cast<size_t>(token / 72)]));
  const auto width = table.layout().layers[layer].key_width;
  return page[table.layout().keys_at[layer] + (head * 72 + token % 72) * width];
}

TEST(Pages, AreTakenAsASequenceGrowsAndGivenBack) {
  const auto pool = pool_of(4);
  EXPECT_EQ(pool->most(), 4);
  {
    PageTable one(pool, pool->own());
    EXPECT_EQ(one.wanted(72), 1);
    EXPECT_EQ(one.wanted(73), 2);
    write(one, 72, 1);
    EXPECT_EQ(pool->used(), 1);
    write(one, 1, 2);
    EXPECT_EQ(pool->used(), 2);
    EXPECT_EQ(one.wanted(71), 0);
    EXPECT_EQ(number_at(one, 71, 0, 1), 1);
    EXPECT_EQ(number_at(one, 72, 1, 0), 2);
  }
  EXPECT_EQ(pool->free(), 4);
}

TEST(Pages, WhoWritesIntoASharedPageGetsACopyFirst) {
  const auto pool = pool_of(8);
  PageTable one(pool, pool->own());
  write(one, 100, 1);
  PageTable other = one, part = one.beginning(72), short_part = one.beginning(80);
  EXPECT_EQ(pool->used(), 2);
  EXPECT_EQ(part.wanted(1), 1);  // the next page, and no copy of a full one
  EXPECT_EQ(short_part.wanted(1), 1);
  write(other, 1, 2);
  write(short_part, 1, 3);
  EXPECT_EQ(pool->used(), 4);
  write(one, 1, 4);  // nobody shares its last page any more
  EXPECT_EQ(pool->used(), 4);
  EXPECT_EQ(number_at(one, 100, 0, 1), 4);
  EXPECT_EQ(number_at(other, 100, 0, 1), 2);
  EXPECT_EQ(number_at(short_part, 80, 0, 1), 3);
  for (const auto* table : {&one, &other, &short_part}) EXPECT_EQ(number_at(*table, 79, 1, 0), 1);
  other = PageTable();
  EXPECT_EQ(pool->used(), 3);
}

TEST(Pages, RoomThatWasMadeAndNotUsedIsNotShared) {
  const auto pool = pool_of(8);
  PageTable one(pool, pool->own());
  write(one, 72, 1);
  one.make_room(1);
  PageTable other = one;
  write(one, 1, 2), write(other, 1, 3);
  EXPECT_EQ(number_at(one, 72, 0, 0), 2);
  EXPECT_EQ(number_at(other, 72, 0, 0), 3);
}

}  // namespace
}  // namespace heed::nn
