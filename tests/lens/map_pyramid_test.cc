// A pyramid's bytes against the weights of the whole map.
#include "heed/lens/map_pyramid.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/ops/attend.h"

namespace heed::lens {
namespace {

struct Mapped {
  Map map;
  at::Tensor weights;  ///< (Lq, Lk), float64, of the last head
};

Mapped mapped(int64_t queries, int64_t keys, const std::string& how) {
  torch::manual_seed(5);
  const auto q = 2 * torch::randn({1, 2, queries, 8}), k = torch::randn({1, 2, keys, 8});
  const auto parsed = Attention::parse(how);
  const auto row_stats = std::get<1>(attend_with_row_stats(q, k, k, parsed));
  Map map("attention", q, k, row_stats, parsed, {});
  const auto weights = map.dense()[1].to(at::kDouble);
  return {std::move(map), weights};
}

at::Tensor pooled(const at::Tensor& weights, int64_t block, MapPool pool) {
  const auto round = [&](int64_t size) { return (block - size % block) % block; };
  const auto pad = [&](const at::Tensor& x) {
    return torch::constant_pad_nd(x, {0, round(x.size(1)), 0, round(x.size(0))})
        .unflatten(1, {-1, block})
        .unflatten(0, {-1, block});
  };
  if (pool == MapPool::max) return pad(weights).amax({1, 3});
  return pad(weights).sum(std::vector<int64_t>{1, 3}) /
         pad(torch::ones_like(weights)).sum(std::vector<int64_t>{1, 3});
}

/// A level put together from its tiles.
at::Tensor level_of(const MapPyramid& pyramid, int64_t level) {
  std::vector<at::Tensor> bands;
  for (int64_t y = 0; y * MapPyramid::kSide < pyramid.rows(level); ++y) {
    std::vector<at::Tensor> tiles;
    for (int64_t x = 0; x * MapPyramid::kSide < pyramid.columns(level); ++x) {
      const auto tile = pyramid.tile(level, x, y);
      auto values = torch::empty({tile.rows, tile.columns}, at::kDouble);
      EXPECT_EQ(static_cast<int64_t>(tile.bytes.size()), tile.rows * tile.columns);
      for (size_t i = 0; i < tile.bytes.size(); ++i)
        values.data_ptr<double>()[i] = pyramid.scale().weight_of(tile.bytes[i]);
      tiles.push_back(values);
    }
    bands.push_back(torch::cat(tiles, 1));
  }
  return torch::cat(bands, 0);
}

/// Whether each shown value is within `error` of its weight; below the smallest it is the smallest.
void expect_shown(const at::Tensor& shown, const at::Tensor& weights, const LogScale& scale,
                  double error, const std::string& what) {
  ASSERT_EQ(shown.sizes(), weights.sizes()) << what;
  EXPECT_TRUE(torch::equal(shown == 0, weights == 0)) << what;
  const auto from = weights.clamp_min(scale.smallest);
  const auto wrong = (shown / from - 1).abs().masked_fill(weights == 0, 0).max().item<double>();
  EXPECT_LE(wrong, error) << what;
}

TEST(MapPyramid, LevelsAreTheWeightsPooled) {
  for (const char* how : {"scaled_dot", "causal", "window(100, 0); sparsemax"})
    for (const auto pool : {MapPool::max, MapPool::mean}) {
      const auto [map, weights] = mapped(4500, 1300, how);
      const MapPyramid pyramid(map, 0, 1, pool);
      const auto& scale = pyramid.scale();
      EXPECT_EQ(scale.greatest, weights.max().item<double>());
      EXPECT_EQ(scale.smallest, std::min(scale.greatest, 1 / 1300.0) / 1024);
      ASSERT_EQ(pyramid.levels(), 6);  // 4500 / 32 = 141
      for (int64_t level = 3; level < pyramid.levels(); ++level) {
        const double error =
            scale.relative_error() * (level > 4 && pool == MapPool::mean ? 2.1 : 1.05);
        expect_shown(level_of(pyramid, level), pooled(weights, int64_t{1} << level, pool), scale,
                     error, std::string(how) + " level " + std::to_string(level));
      }
      const auto tile = pyramid.tile(0, 5, 17);  // the lower right corner
      EXPECT_EQ(tile.rows, 4500 - 17 * 256);
      EXPECT_EQ(tile.columns, 1300 - 5 * 256);
      for (int64_t i = 0; i < tile.rows; ++i)
        for (int64_t j = 0; j < tile.columns; ++j)
          ASSERT_EQ(tile.bytes[static_cast<size_t>(i * tile.columns + j)],
                    scale.byte_of(weights[17 * 256 + i][5 * 256 + j].item<double>()))
              << how;
    }
}

TEST(MapPyramid, ASmallMapIsOneTile) {
  const auto [map, weights] = mapped(3, 5, "scaled_dot");
  const MapPyramid pyramid(map, 0, 1, MapPool::max);
  EXPECT_EQ(pyramid.levels(), 1);
  const auto tile = pyramid.tile(0, 0, 0);
  EXPECT_EQ(tile.rows, 3);
  EXPECT_EQ(tile.columns, 5);
  EXPECT_EQ(*std::max_element(tile.bytes.begin(), tile.bytes.end()), 255);
  expect_shown(level_of(pyramid, 0), weights, pyramid.scale(), pyramid.scale().relative_error(),
               "");
}

TEST(MapPyramid, BytesLieEvenlyOverLogarithms) {
  const LogScale scale{.greatest = 1, .smallest = 1e-8};
  EXPECT_NEAR(scale.relative_error(), 0.037, 0.0005);
  EXPECT_EQ(scale.byte_of(0), 0);
  EXPECT_EQ(scale.byte_of(-1), 0);
  EXPECT_EQ(scale.byte_of(NAN), 0);
  EXPECT_EQ(scale.byte_of(1e-30), 1);
  EXPECT_EQ(scale.byte_of(1e-4), 128);
  EXPECT_EQ(scale.byte_of(1), 255);
  EXPECT_EQ(scale.byte_of(2), 255);
  EXPECT_EQ(scale.weight_of(0), 0);
  for (int byte = 1; byte < 256; ++byte)
    EXPECT_EQ(scale.byte_of(scale.weight_of(static_cast<uint8_t>(byte))), byte);
  for (double weight = 1e-8; weight < 1; weight *= 1.013)
    EXPECT_NEAR(scale.weight_of(scale.byte_of(weight)) / weight, 1, 1.001 * scale.relative_error());
}

TEST(MapPyramid, RefusesWhatLiesOutside) {
  const auto [map, weights] = mapped(300, 200, "scaled_dot");
  const MapPyramid pyramid(map, 0, 0, MapPool::max);
  EXPECT_THROW(pyramid.tile(2, 0, 0), UsageError);
  EXPECT_THROW(pyramid.tile(0, 1, 0), UsageError);
  EXPECT_THROW(pyramid.tile(0, 0, 2), UsageError);
  EXPECT_THROW(MapPyramid(map, 0, 2, MapPool::max), UsageError);
  try {
    pyramid.tile(-1, 0, 0);
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("pyramid: level: expected 0 to 1, given -1"));
  }
}

}  // namespace
}  // namespace heed::lens
