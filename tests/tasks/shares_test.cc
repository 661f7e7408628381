// Shares of batches: every record comes once, whatever the number of processes and wherever a run goes on.
#include <gtest/gtest.h>

#include <map>

#include "heed/data/share.h"
#include "tasks/share_rows.h"
#include "tasks/split_batches.h"

namespace heed {
namespace {

constexpr int64_t kExamples = 53;

/// Examples of different lengths; a batch holds what was drawn for each.
class CountedSplit : public Split {
 public:
  int64_t size() const override { return kExamples; }
  int64_t length(int64_t example) const override { return 1 + example % 7; }
  Batch batch(const std::vector<int64_t>& examples, const Draw& draw) const override {
    const auto records = at::tensor(examples, at::kLong);
    return {{{"drawn", records * 1000 + draw.epoch}}, records};
  }
  std::string place(int64_t example) const override { return std::to_string(example); }
  Shown show(int64_t) const override { return {}; }
  bool has(const std::string&) const override { return false; }
  std::string value(int64_t, const std::string&, const Draw&) const override { return ""; }
};

/// Records and what was drawn for each of the next batch, of all processes.
using Drawn = std::map<int64_t, int64_t>;

class Shares : public testing::Test {
 protected:
  static std::vector<std::unique_ptr<SplitBatches>> sources(int64_t count,
                                                            const data::Cursor& from) {
    std::vector<std::unique_ptr<SplitBatches>> all;
    for (int64_t i = 0; i < count; ++i) {
      all.push_back(
          std::make_unique<SplitBatches>(std::make_shared<CountedSplit>(),
                                         BatchOptions{.batch = 8, .training = true, .seed = 4}, 2));
      all.back()->seek(from);
      all.back()->take({i, count});
    }
    return all;
  }

  /// The next batch of all together; nothing at the end of an epoch.
  static Drawn next(const std::vector<std::unique_ptr<SplitBatches>>& sources) {
    Drawn found;
    for (const auto& source : sources) {
      const auto batch = source->next();
      if (!batch) continue;
      for (int64_t i = 0; i < batch->size(); ++i) {
        const auto record = batch->records[i].item<int64_t>();
        EXPECT_TRUE(found.emplace(record, batch->at("drawn")[i].item<int64_t>()).second)
            << record << " is there twice";
      }
      EXPECT_EQ(source->cursor(), sources.front()->cursor());
    }
    return found;
  }
};

TEST_F(Shares, TogetherAreTheBatchOfOneProcess) {
  for (const int64_t count : {2, 3, 8, 11}) {
    const auto one = sources(1, {}), several = sources(count, {});
    for (int step = 0; step < 16; ++step)
      EXPECT_EQ(next(several), next(one)) << count << " processes";
  }
}

TEST_F(Shares, GoOnWithAnotherNumberOfProcesses) {
  std::map<int64_t, int> seen;
  data::Cursor cursor;
  for (const int64_t count : {2, 5, 1, 3, 12}) {  // two batches each, until the epoch is over
    const auto all = sources(count, cursor);
    for (int step = 0; step < 2 && all.front()->cursor().position < kExamples; ++step)
      for (const auto& [record, drawn] : next(all)) ++seen[record];
    cursor = all.front()->cursor();
    if (cursor.position == kExamples) break;
  }
  ASSERT_EQ(cursor.position, kExamples);
  EXPECT_EQ(std::ssize(seen), kExamples);
  for (const auto& [record, times] : seen) EXPECT_EQ(times, 1) << record;
}

TEST_F(Shares, OfRowsAreEvenToOne) {
  const std::vector<int64_t> rows{0, 1, 2, 3, 4, 5, 6};
  EXPECT_EQ((data::Share{0, 3}.of(rows)), (std::vector<int64_t>{0, 3, 6}));
  EXPECT_EQ((data::Share{2, 3}.of(rows)), (std::vector<int64_t>{2, 5}));
  EXPECT_TRUE((data::Share{8, 9}.of(rows).empty()));
  const Batch batch{{{"tokens", at::arange(14).view({7, 2})}}, at::arange(7)};
  const auto own = rows_of({1, 3}, batch);
  EXPECT_TRUE(at::equal(own.at("tokens"), at::tensor({2, 3, 8, 9}).view({2, 2}).to(at::kLong)));
  EXPECT_EQ(rows_of({8, 9}, batch).size(), 0);
}

}  // namespace
}  // namespace heed
