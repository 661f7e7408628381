#include "heed/data/events.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "data/record_samples.h"

namespace heed::data {
namespace {

using test::records_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kEvents =
    "user,item,time\n"
    "u,a,3\n"
    "v,b,1\n"
    "u,b,1\n"
    "u,c,3\n"
    "w,b,9\n"
    "v,c,0\n";

TEST(Events, OrdersEachUsersEventsByTime) {
  const auto events = read_events(*records_of(kEvents, "x.csv"), {.time = "time"});
  EXPECT_THAT(events.user_names, ElementsAre("u", "v", "w"));
  EXPECT_THAT(events.item_names, ElementsAre("a", "b", "c"));
  EXPECT_THAT(events.of(0), ElementsAre(1, 0, 2));
  EXPECT_THAT(events.of(1), ElementsAre(2, 1));
  EXPECT_THAT(events.of(2), ElementsAre(1));
  EXPECT_THAT(events.records, ElementsAre(2, 0, 3, 5, 1, 4));
  EXPECT_EQ(events.facts.events, 6);
  EXPECT_EQ(events.facts.ties, 1);
  EXPECT_THAT(events.facts.first_tie, EndsWith("x.csv:5"));
  EXPECT_EQ(events.facts.single, 1);
  EXPECT_EQ(events.facts.first_single, "w");
  EXPECT_EQ(events.facts.left_out, 0);
  EXPECT_THAT(test::message_of<UsageError>([&] { events.of(3); }), HasSubstr("0 .. 2"));
}

TEST(Events, NumbersItemsByFrequencyAndKeepsFileOrder) {
  const auto events =
      read_events(*records_of(kEvents, "x.csv"), {.order = data::ItemOrder::frequency});
  EXPECT_THAT(events.item_names, ElementsAre("b", "c", "a"));
  EXPECT_THAT(events.of(0), ElementsAre(2, 0, 1));
  EXPECT_EQ(events.facts.ties, 0);
}

TEST(Events, LeavesOutTheRareUntilNoneIs) {
  const auto records = records_of(kEvents, "x.csv");
  const auto events = read_events(*records, {.min_count = 2});
  // a and w go; then the first event is v's, and u and v have b and c each.
  EXPECT_THAT(events.user_names, ElementsAre("v", "u"));
  EXPECT_THAT(events.item_names, ElementsAre("b", "c"));
  EXPECT_EQ(events.facts.left_out, 2);
  EXPECT_EQ(events.facts.left_out_users, 1);
  EXPECT_EQ(events.facts.left_out_items, 1);
  EXPECT_THAT(test::message_of<DataError>([&] { read_events(*records, {.min_count = 3}); }),
              AllOf(HasSubstr("x.csv"), HasSubstr("all 6 events")));
  EXPECT_THAT(test::message_of<UsageError>([&] { read_events(*records, {.min_count = 0}); }),
              HasSubstr("at least 1"));
  EXPECT_THAT(test::message_of<DataError>(
                  [] { read_events(*records_of("user,item\na,b\na,\n", "x.csv")); }),
              HasSubstr("x.csv:3: column 'item' is empty"));
}

TEST(Events, LeavesOneOut) {
  const auto split = leave_one_out(read_events(*records_of(kEvents, "x.csv")));
  EXPECT_THAT(split.train_end, ElementsAre(1, 2, 1));
  EXPECT_THAT(split.users, ElementsAre(0));
}

TEST(Events, ReadsPurchases) {  // Python's Counter gave the numbers
  HEED_NEEDS_SHARED("amazon_beauty");
  const auto records = open_records({test::shared_data() / "amazon_beauty/beauty.txt.gz"},
                                    {.format = RecordFormat::csv,
                                     .header = false,
                                     .columns = {"user", "item"},
                                     .delimiter = " "});
  const auto events = read_events(*records, {.order = data::ItemOrder::frequency});
  EXPECT_EQ(events.facts.events, 353962);
  EXPECT_EQ(events.users(), 40226);
  EXPECT_EQ(events.item_names.size(), 54542u);
  EXPECT_EQ(events.facts.single, 0);
  EXPECT_EQ(leave_one_out(events).users.size(), 40226u);
  EXPECT_EQ(events.item_names[0], "594");
  EXPECT_EQ(std::count(events.items.begin(), events.items.end(), 0), 504);
  const auto core = read_events(*records, {.min_count = 10});
  EXPECT_EQ(core.items.size(), 28798u);
  EXPECT_EQ(core.users(), 1340);
  EXPECT_EQ(core.item_names.size(), 733u);
}

}  // namespace
}  // namespace heed::data
