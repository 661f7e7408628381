#include "heed/data/loader.h"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <atomic>
#include <numeric>

#include "data/samples.h"

namespace heed::data {
namespace {

using test::message_of;
using ::testing::HasSubstr;

/// Images whose values are their number; some may fail.
class Numbered : public ImageDataset {
 public:
  explicit Numbered(int64_t size) : size_(size) {}
  int64_t size() const override { return size_; }
  ImageShape shape() const override { return {1, 4, 4}; }
  const std::vector<std::string>& classes() const override { return classes_; }
  Image image(int64_t index) const override {
    if (index == failing) throw DataError("record " + std::to_string(index) + " is damaged");
    Image image{shape(), std::vector<uint8_t>(16)};
    for (int i = 0; i < 16; ++i)
      image.values[static_cast<size_t>(i)] = static_cast<uint8_t>(index + i);
    return image;
  }
  int64_t label(int64_t index) const override { return index % 3; }
  std::string name(int64_t index) const override { return std::to_string(index); }

  std::atomic<int64_t> failing = -1;

 private:
  int64_t size_;
  std::vector<std::string> classes_{"a", "b", "c"};
};

LoaderOptions options(int64_t batch, int64_t workers = 1) {
  return {.batch = batch,
          .shuffle = true,
          .seed = 5,
          .augment = {.crop = 0.5, .flip = true, .shift = 1, .erase = 0.5},
          .normalize = {{0.5}, {0.5}},
          .workers = workers};
}

Loader loader(int64_t size, const LoaderOptions& options) {
  return Loader(std::make_shared<Numbered>(size), options);
}

std::vector<Batch> epoch(Loader& loader) {
  std::vector<Batch> batches;
  while (auto batch = loader.next()) batches.push_back(std::move(*batch));
  return batches;
}

std::vector<int64_t> records(const std::vector<Batch>& batches) {
  std::vector<int64_t> seen;
  for (const Batch& batch : batches)
    for (int64_t i = 0; i < batch.indices.size(0); ++i)
      seen.push_back(batch.indices[i].item<int64_t>());
  return seen;
}

bool same(const Batch& a, const Batch& b) {
  return torch::equal(a.images, b.images) && torch::equal(a.labels, b.labels) &&
         torch::equal(a.indices, b.indices);
}

TEST(Loader, ShapesAndTypes) {
  Loader l = loader(10, options(4));
  EXPECT_EQ(l.batches(), 3);
  const auto batches = epoch(l);
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[0].images.sizes(), (std::vector<int64_t>{4, 1, 4, 4}));
  EXPECT_EQ(batches[2].images.sizes(), (std::vector<int64_t>{2, 1, 4, 4}));  // what is left
  EXPECT_EQ(batches[0].images.scalar_type(), torch::kFloat);
  EXPECT_EQ(batches[0].labels.scalar_type(), torch::kLong);
  for (const Batch& batch : batches) EXPECT_TRUE(torch::equal(batch.labels, batch.indices % 3));
}

TEST(Loader, UnshuffledIsInOrder) {
  LoaderOptions plain{.batch = 4, .normalize = {{0}, {1.0 / 255}}};
  Loader l = loader(10, plain);
  std::vector<int64_t> expected(10);
  std::iota(expected.begin(), expected.end(), 0);
  for (int e = 0; e < 2; ++e) {
    const auto batches = epoch(l);
    EXPECT_EQ(records(batches), expected);
    EXPECT_EQ(batches[1].images[2][0][1][0].item<float>(), 10);  // record 6, value 4
  }
}

TEST(Loader, EachEpochIsAnotherPermutation) {
  Loader l = loader(1000, options(64));
  std::vector<std::vector<int64_t>> orders;
  for (int e = 0; e < 3; ++e) {
    orders.push_back(records(epoch(l)));
    EXPECT_EQ(l.cursor(), (Cursor{e + 1, 0}));
    auto sorted = orders.back();
    std::sort(sorted.begin(), sorted.end());
    for (int64_t i = 0; i < 1000; ++i) ASSERT_EQ(sorted[static_cast<size_t>(i)], i);
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[1], orders[2]);
  LoaderOptions other = options(64);
  other.seed = 6;
  Loader m = loader(1000, other);
  EXPECT_NE(records(epoch(m)), orders[0]);
}

TEST(Loader, OrderIsFair) {
  // Over many epochs each record stands first about equally often.
  Loader l = loader(4, options(4));
  std::array<int, 4> first{};
  for (int e = 0; e < 2000; ++e) ++first[static_cast<size_t>(records(epoch(l))[0])];
  for (const int count : first) EXPECT_NEAR(count, 500, 100);
}

TEST(Loader, WorkersAndBatchesChangeNothing) {
  Loader one = loader(100, options(7)), four = loader(100, options(7, 4)),
         big = loader(100, options(100));
  for (int e = 0; e < 3; ++e) {
    const auto a = epoch(one), b = epoch(four), c = epoch(big);
    ASSERT_EQ(a.size(), b.size());
    std::vector<torch::Tensor> parts;
    for (size_t i = 0; i < a.size(); ++i) {
      EXPECT_TRUE(same(a[i], b[i]));
      parts.push_back(a[i].images);
    }
    EXPECT_TRUE(torch::equal(torch::cat(parts), c[0].images));
  }
}

TEST(Loader, ARecordIsChangedAnewEachEpoch) {
  Loader l = loader(1, options(1));
  const auto a = epoch(l), b = epoch(l);
  EXPECT_FALSE(torch::equal(a[0].images, b[0].images));
}

TEST(Loader, ResumesAnywhereWithTheSameBits) {
  Loader whole = loader(50, options(8, 2));
  std::vector<Batch> all;
  std::vector<Cursor> cursors;
  for (int e = 0; e < 3; ++e) {
    cursors.push_back(whole.cursor());
    while (auto batch = whole.next()) {
      all.push_back(*batch);
      cursors.push_back(whole.cursor());
    }
  }
  EXPECT_EQ(cursors[1], (Cursor{0, 8}));
  EXPECT_EQ(cursors[7], (Cursor{0, 50}));  // the last batch is out, its epoch not yet ended
  size_t at = 0;
  for (size_t c = 0; c < cursors.size(); ++c) {
    Loader resumed = loader(50, options(8));
    resumed.seek(cursors[c]);
    EXPECT_EQ(resumed.cursor(), cursors[c]);
    if (cursors[c].position == 50) {
      EXPECT_FALSE(resumed.next());
      continue;
    }
    for (size_t i = at; i < all.size(); ++i) {
      auto batch = resumed.next();
      if (!batch) batch = resumed.next();
      ASSERT_TRUE(batch && same(*batch, all[i])) << "from cursor " << c << " batch " << i;
    }
    ++at;
  }
}

TEST(Loader, SeeksAfterReading) {
  Loader l = loader(50, options(8, 3));
  const auto first = epoch(l);
  l.next();
  l.seek({0, 0});
  const auto again = epoch(l);
  for (size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(same(first[i], again[i]));
  EXPECT_THAT(message_of<UsageError>([&] { l.seek({0, 51}); }), HasSubstr("0 .. 50"));
  EXPECT_THROW(l.seek({-1, 0}), UsageError);
}

TEST(Loader, ErrorsTravelAndLeaveTheCursor) {
  const auto dataset = std::make_shared<Numbered>(20);
  LoaderOptions plain{.batch = 4, .normalize = {{0}, {1}}, .workers = 3};
  Loader l(dataset, plain);
  dataset->failing = 9;
  EXPECT_TRUE(l.next());
  EXPECT_TRUE(l.next());
  for (int i = 0; i < 2; ++i) {  // it stays
    EXPECT_THAT(message_of<DataError>([&] { l.next(); }), HasSubstr("record 9 is damaged"));
    EXPECT_EQ(l.cursor(), (Cursor{0, 8}));
  }
  dataset->failing = -1;
  l.seek(l.cursor());
  const auto batch = l.next();
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->indices[0].item<int64_t>(), 8);
}

TEST(Loader, StopsAtAnyMoment) {
  for (int taken = 0; taken < 6; ++taken) {
    Loader l = loader(1000, options(16, 3));
    for (int i = 0; i < taken; ++i) l.next();
  }
}

TEST(Loader, RefusesWhatMakesNoSense) {
  EXPECT_THAT(message_of<UsageError>([] { loader(10, options(0)); }), HasSubstr("loader.batch"));
  EXPECT_THAT(message_of<UsageError>([] { loader(10, options(4, 0)); }),
              HasSubstr("loader.workers"));
  EXPECT_THAT(message_of<DataError>([] { loader(0, options(4)); }), HasSubstr("no records"));
  EXPECT_THAT(message_of<UsageError>([] { loader(10, {}); }), HasSubstr("normalize.mean"));
}

}  // namespace
}  // namespace heed::data
