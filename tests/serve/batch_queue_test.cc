// Which items are computed together.
#include "heed/serve/batch_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace heed::test {
namespace {

using serve::BatchItem, serve::BatchItemPtr, serve::BatchQueue;
using testing::ElementsAre;

BatchItemPtr batch_item(const std::string& client, int64_t tokens, int64_t lane = 0) {
  const auto item = std::make_shared<BatchItem>();
  item->client = client, item->tokens = tokens, item->lane = lane;
  return item;
}

std::vector<std::string> clients_of(const std::vector<BatchItemPtr>& batch) {
  std::vector<std::string> names;
  for (const auto& item : batch) names.push_back(item->client);
  return names;
}

TEST(BatchQueue, TakesOneOfEachClientInTurn) {
  BatchQueue queue({.max_tokens = 4});
  ASSERT_TRUE(
      queue.push({batch_item("a", 1), batch_item("a", 1), batch_item("a", 1), batch_item("a", 1)}));
  ASSERT_TRUE(queue.push({batch_item("b", 1)}));
  ASSERT_TRUE(queue.push({batch_item("c", 1)}));
  EXPECT_THAT(clients_of(queue.take(0)), ElementsAre("a", "b", "c", "a"));
  EXPECT_THAT(clients_of(queue.take(0)), ElementsAre("a", "a"));
  EXPECT_TRUE(queue.take(0).empty());
}

TEST(BatchQueue, KeepsToTokensLanesAndWhoIsStillThere) {
  BatchQueue queue({.max_tokens = 10, .max_waiting = 5});
  const auto gone = batch_item("d", 1);
  gone->over = std::make_shared<std::atomic<bool>>(true);
  ASSERT_TRUE(queue.push({batch_item("a", 7), batch_item("b", 7), gone, batch_item("c", 1, 1)}));
  EXPECT_FALSE(queue.push({batch_item("e", 1), batch_item("e", 1)}));
  EXPECT_EQ(queue.waiting(), 4);
  EXPECT_THAT(clients_of(queue.take(0)), ElementsAre("a"));
  EXPECT_THAT(clients_of(queue.take(0)), ElementsAre("c"));
  EXPECT_THAT(clients_of(queue.take(0)), ElementsAre("b"));
  EXPECT_EQ(queue.waiting(), 0);
  ASSERT_TRUE(queue.push({batch_item("a", 99)}));
  EXPECT_THAT(clients_of(queue.take(0)), ElementsAre("a"));
}

TEST(BatchQueue, WaitsForMoreUntilItIsFullOrStopped) {
  BatchQueue queue({.max_tokens = 2, .longest_wait = 1e6});
  ASSERT_TRUE(queue.push({batch_item("a", 1)}));
  EXPECT_TRUE(queue.take(0.01).empty());
  ASSERT_TRUE(queue.push({batch_item("b", 1)}));
  EXPECT_THAT(clients_of(queue.take(1e6)), ElementsAre("a", "b"));
  ASSERT_TRUE(queue.push({batch_item("a", 1)}));
  queue.stop();
  EXPECT_FALSE(queue.push({batch_item("a", 1)}));
  EXPECT_THAT(clients_of(queue.take(1e6)), ElementsAre("a"));
  EXPECT_TRUE(queue.take(1e6).empty());
}

}  // namespace
}  // namespace heed::test
