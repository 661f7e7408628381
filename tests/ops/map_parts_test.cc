// What maps make of parts of their weights, for every mechanism, against the reference's weights.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "heed/ops/map.h"
#include "heed/ops/specs.h"
#include "kernels/every_target.h"
#include "ops/mechanisms.h"

namespace heed::test {
namespace {

Map map_of(const Tensors& t) {
  const auto row_stats = std::get<1>(attend_with_row_stats(t.q, t.k, t.v, t.how, t.inputs));
  return {"attention", t.q, t.k, row_stats, t.how, t.inputs};
}

/// (B, H, Lq, Lk), float64.
at::Tensor reference_weights(const Tensors& given) {
  const auto t = given.to(at::kDouble);
  at::Tensor weights;
  attend_reference(t.q, t.k, t.v, t.how, t.inputs, &weights);
  return weights;
}

Tensors evaluated(const Mechanism& m, const Case& sizes) {
  auto t = call_of(m, sizes);
  t.inputs.training = false;
  return t;
}

/// Cell by cell.
at::Tensor pooled(const at::Tensor& weights, int64_t height, int64_t width, MapPool pool) {
  const auto w = weights.contiguous();
  const auto from = w.accessor<double, 2>();
  const int64_t rows = w.size(0), columns = w.size(1);
  const auto all =
      torch::zeros({(rows + height - 1) / height, (columns + width - 1) / width}, w.options());
  auto to = all.accessor<double, 2>();
  for (int64_t r = 0; r < all.size(0); ++r)
    for (int64_t c = 0; c < all.size(1); ++c) {
      double most = -INFINITY, sum = 0;
      int64_t count = 0;
      for (int64_t i = r * height; i < std::min(rows, (r + 1) * height); ++i)
        for (int64_t j = c * width; j < std::min(columns, (c + 1) * width); ++j)
          most = std::max(most, from[i][j]), sum += from[i][j], ++count;
      to[r][c] = pool == MapPool::max ? most : sum / static_cast<double>(count);
    }
  return all;
}

struct Tolerance {
  at::ScalarType type;
  double weights, sums;
};
constexpr Tolerance kTolerances[] = {
    {at::kDouble, 1e-12, 1e-10}, {at::kFloat, 1e-5, 1e-4}, {at::kBFloat16, 1e-5, 1e-4}};
constexpr MapPool kPools[] = {MapPool::max, MapPool::mean};

void expect_parts(const Map& map, const at::Tensor& all, const std::vector<int64_t>& blocks,
                  const Tolerance& most, const std::string& what) {
  const int64_t Lq = map.queries(), Lk = map.keys();
  const std::pair<Range, Range> parts[] = {
      {{0, Lq}, {0, Lk}},   {{0, 5}, {0, 7}},  {{Lq - 50, Lq}, {Lk - 101, Lk}},
      {{31, 32}, {90, 91}}, {{7, 7}, {0, Lk}}, {{0, Lq}, {9, 9}}};
  for (const auto& [rows, columns] : parts) {
    const auto part = all.slice(0, rows.begin, rows.end).slice(1, columns.begin, columns.end);
    EXPECT_TRUE(close(map.tile(rows, columns, 1, 2), part, most.weights, most.weights)) << what;
    const bool whole = rows.size() == Lq && columns.size() == Lk;
    for (const int64_t block : whole ? blocks : std::vector<int64_t>{3})
      for (const auto pool : kPools)
        EXPECT_TRUE(close(map.tile(rows, columns, block, pool, 1, 2),
                          pooled(part, block, block, pool), most.weights, most.weights))
            << what << " block " << block << " rows " << rows.begin << " columns " << columns.begin;
  }
}

void expect_overview(const Map& map, const at::Tensor& all, const Tolerance& most,
                     const std::string& what) {
  for (const auto pool : kPools) {
    const auto seen = map.overview(
        {.rows = 29, .columns = 11, .pool = pool, .batch = 1, .received = true, .entropy = true});
    EXPECT_EQ(seen.block_rows, (map.queries() + 28) / 29);
    EXPECT_EQ(seen.block_columns, (map.keys() + 10) / 11);
    for (int64_t h = 0; h < map.num_heads(); ++h) {
      EXPECT_TRUE(close(seen.cells[h], pooled(all[h], seen.block_rows, seen.block_columns, pool),
                        most.weights, most.weights))
          << what << h;
      EXPECT_NEAR(seen.greatest[static_cast<size_t>(h)], all[h].max().item<double>(), most.weights)
          << what << h;
    }
    EXPECT_TRUE(close(seen.received, all.mean(1), most.weights, most.weights)) << what;
    EXPECT_TRUE(close(seen.entropy, -torch::xlogy(all, all).sum(-1), most.sums, most.sums)) << what;
    const auto one = map.overview({.rows = 29, .columns = 11, .pool = pool, .batch = 1, .head = 2});
    EXPECT_TRUE(torch::equal(one.cells[0], seen.cells[2])) << what;
    EXPECT_FALSE(one.received.defined() || one.entropy.defined());
  }
}

void expect_products(const Map& map, const at::Tensor& all, const Tolerance& most,
                     const std::string& what) {
  const auto x = torch::randn({all.size(0), all.size(1), all.size(3), 5}, at::kDouble);
  const auto y = torch::randn({all.size(0), all.size(1), all.size(2), 3}, at::kDouble);
  EXPECT_TRUE(close(map.times(x), torch::matmul(all, x), most.sums, most.sums)) << what;
  EXPECT_TRUE(
      close(map.transposed_times(y), torch::matmul(all.transpose(2, 3), y), most.sums, most.sums))
      << what;
  const auto u = x.slice(1, 0, 1), v = y.slice(1, 0, 1);
  EXPECT_TRUE(close(map.times(u), torch::matmul(all, u), most.sums, most.sums)) << what;
  EXPECT_TRUE(
      close(map.transposed_times(v), torch::matmul(all.transpose(2, 3), v), most.sums, most.sums))
      << what;
}

TEST(MapParts, FollowTheReferenceForEveryMechanism) {
  for (const auto& m : mechanisms())
    for (const auto& most : kTolerances) {
      const auto t = evaluated(m, tiled_sizes()).to(most.type);
      const auto all = reference_weights(t);
      const auto map = map_of(t);
      const auto what = describe(m) + " " + c10::toString(most.type) + " ";
      EXPECT_TRUE(close(map.dense(1), all[1], most.weights, most.weights)) << what;
      EXPECT_TRUE(close(map.row(199, 1, 3), all[1][3][199], most.weights, most.weights)) << what;
      expect_parts(map, all[1][2], {1, 3, 64, 1000}, most, what);
      expect_overview(map, all[1], most, what);
      expect_products(map, all, most, what);
    }
}

TEST(MapParts, HoldAtLargeEqualShiftedAndMaskedNumbers) {
  for (const char* how : {"scaled_dot", "sparsemax", "entmax15", "sigmoid", "hard", "geometric",
                          "talking", "causal", "window(20, 5)", "sinks"})
    for (const double scale : {0.0, 100.0})
      for (const double shift : {0.0, -1e9}) {
        auto c = tiled_sizes();
        c.Lq = 100;
        c.how = std::string(how) + "; bias", c.bias = {1}, c.lengths = true;
        auto t = make(c);
        t.inputs.training = false;
        // Whole numbers in q and k: a score is rounded where the shift joins it and nowhere before.
        t.how.score = specs::dot();
        t.q = (t.q * scale / 10).round(), t.k = t.k.round();
        if (how == std::string("talking")) t.inputs.parameters["talking.scores"].zero_();
        t.inputs.bias->fill_(shift);
        t.inputs.key_lengths = torch::tensor({0, 111}, at::kLong);
        for (const auto& most : kTolerances) {
          if (most.type == at::kBFloat16) continue;
          const auto given = t.to(most.type);
          const auto all = reference_weights(given.to(most.type));
          at::Tensor rounded;  // by the scores as this type rounds them
          attend_reference(given.q, given.k, given.v, given.how, given.inputs, &rounded);
          const auto map = map_of(given);
          const auto& expected = shift == 0 ? all : rounded.to(at::kDouble);
          const auto what = describe(c) + " " + c10::toString(most.type) + " ";
          for (int64_t b = 0; b < 2; ++b)
            EXPECT_TRUE(close(map.dense(b), expected[b], most.weights, most.weights)) << what;
          expect_parts(map, expected[1][2], {21}, most, what);
          expect_overview(map, expected[1], most, what);
        }
      }
}

TEST(MapParts, HoldWhereAPassIsCut) {  // into parts of rows, or of keys
  for (const char* how : {"scaled_dot", "causal", "window(700, 30); entmax15", "talking"}) {
    const auto t = make({.B = 2, .H = 3, .G = 1, .Lq = 2000, .Lk = 300, .D = 4, .how = how});
    const auto all = reference_weights(t);
    const auto map = map_of(t);
    expect_parts(map, all[1][2], {1, 7, 500}, kTolerances[0], how);
    expect_overview(map, all[1], kTolerances[0], how);
    expect_products(map, all, kTolerances[0], how);
  }
}

TEST(MapParts, HoldOnEveryInstructionSet) {
  for (const char* how : {"causal; alibi", "sparsemax", "sigmoid", "hard", "additive"})
    for (const auto& most : kTolerances) {
      const auto t = evaluated({how}, tiled_sizes()).to(most.type);
      const auto all = reference_weights(t);
      kernels::test::on_every_target([&] {
        const auto map = map_of(t);
        expect_parts(map, all[1][2], {1, 3}, most, how);
        expect_overview(map, all[1], most, how);
        expect_products(map, all, most, how);
      });
    }
}

TEST(MapParts, ThreadsChangeNoBit) {
  const int before = num_threads();
  for (const char* how : {"scaled_dot", "causal; alibi", "window(300, 40); entmax15", "talking"}) {
    auto t = make({.B = 1, .H = 2, .G = 1, .Lq = 1500, .Lk = 1400, .D = 8, .how = how});
    t = t.to(at::kFloat);
    const auto map = map_of(t);
    const auto x = torch::randn({1, 2, 1500, 3});
    const auto all = [&](int threads) {
      set_num_threads(threads);
      const auto seen = map.overview(
          {.rows = 300, .columns = 200, .pool = MapPool::mean, .received = true, .entropy = true});
      return std::vector<at::Tensor>{seen.cells, seen.received, seen.entropy,
                                     map.transposed_times(x),
                                     map.tile({3, 1400}, {5, 1300}, 16, MapPool::max)};
    };
    const auto one = all(1);
    for (const int threads : {2, 3}) {
      const auto more = all(threads);
      for (size_t i = 0; i < one.size(); ++i)
        EXPECT_TRUE(torch::equal(one[i], more[i])) << how << " " << threads << " " << i;
    }
  }
  set_num_threads(before);
}

TEST(MapParts, APartHasTheBitsOfTheWhole) {
  for (const char* how :
       {"scaled_dot", "causal; alibi", "entmax15", "block_mask(40)", "additive"}) {
    const auto t =
        make({.B = 1, .H = 2, .G = 1, .Lq = 300, .Lk = 333, .D = 8, .how = how}).to(at::kFloat);
    const auto map = map_of(t);
    const auto all = map.dense()[1];
    for (const auto& [rows, columns] :
         {std::pair<Range, Range>{{17, 290}, {101, 333}}, {{299, 300}, {0, 333}}, {{5, 6}, {7, 8}}})
      EXPECT_TRUE(
          torch::equal(map.tile(rows, columns, 0, 1),
                       all.slice(0, rows.begin, rows.end).slice(1, columns.begin, columns.end)))
          << how;
  }
}

TEST(MapParts, RowsOfCellsComeOnceEach) {
  const auto t = make({.B = 1, .H = 2, .G = 2, .Lq = 1000, .Lk = 700, .D = 8, .how = "causal"});
  const auto map = map_of(t);
  const auto expected = map.tile({0, 1000}, {0, 700}, 16, MapPool::mean, 0, 1);
  auto given = torch::full_like(expected, NAN);
  std::mutex alone;
  const double greatest = map.each_cell_row(
      16, MapPool::mean,
      [&](int64_t row, std::span<const double> cells) {
        const std::lock_guard lock(alone);
        EXPECT_TRUE(torch::isnan(given[row][0]).item<bool>()) << row;
        given[row].copy_(
            torch::tensor(std::vector<double>(cells.begin(), cells.end()), at::kDouble));
      },
      0, 1);
  EXPECT_TRUE(torch::equal(given, expected));
  EXPECT_EQ(greatest, map.dense()[1].max().item<double>());
}

TEST(MapParts, ANaNThatIsSeenReachesItsCells) {
  auto t = make({.B = 1, .H = 1, .G = 1, .Lq = 200, .Lk = 200, .D = 8, .how = "causal"});
  t.q[0][0][150].fill_(NAN);
  const auto map = map_of(t);
  for (const auto pool : kPools) {
    const auto bad = torch::isnan(map.tile({0, 200}, {0, 200}, 10, pool));  // (20, 20)
    EXPECT_EQ(bad.sum().item<int64_t>(), 16);
    EXPECT_TRUE(bad[15].slice(0, 0, 16).all().item<bool>());
  }
  const auto seen = map.overview({.rows = 20, .columns = 20, .entropy = true});
  EXPECT_EQ(torch::isnan(seen.entropy).sum().item<int64_t>(), 1);
  EXPECT_EQ(seen.greatest[0], 1);  // of the first query, which sees one key
}

TEST(MapParts, ANaNAmongOthersReachesItsCell) {
  auto t = make({.B = 1, .H = 1, .G = 1, .Lq = 200, .Lk = 200, .D = 8, .how = "sigmoid"});
  t.k[0][0][57].fill_(NAN);
  const auto map = map_of(t);
  for (const auto pool : kPools) {
    const auto bad = torch::isnan(map.tile({0, 200}, {0, 200}, 10, pool));  // (20, 20)
    EXPECT_EQ(bad.sum().item<int64_t>(), 20);
    EXPECT_TRUE(bad.select(1, 5).all().item<bool>());
  }
  EXPECT_EQ(torch::isnan(map.received()).sum().item<int64_t>(), 1);
  const auto seen = map.overview();
  const auto finite = torch::nan_to_num(map.dense()[0], 0.0);
  EXPECT_EQ(seen.greatest[0], finite.max().item<double>());
}

TEST(MapParts, OverviewsAreAsSmallAsAsked) {
  const auto map = map_of(make({.B = 1, .H = 1, .G = 1, .Lq = 1025, .Lk = 30, .D = 2}));
  const auto seen = map.overview();
  EXPECT_EQ(seen.block_rows, 2);
  EXPECT_EQ(seen.block_columns, 1);
  EXPECT_EQ(seen.cells.sizes(), (std::vector<int64_t>{1, 513, 30}));
  const auto none = map_of(make({.B = 1, .H = 1, .G = 1, .Lq = 3, .Lk = 0}))
                        .overview({.received = true, .entropy = true});
  EXPECT_EQ(none.cells.sizes(), (std::vector<int64_t>{1, 3, 0}));
  EXPECT_EQ(none.received.sizes(), (std::vector<int64_t>{1, 0}));
  EXPECT_TRUE(torch::equal(none.entropy, torch::zeros({1, 3}, at::kDouble)));
}

TEST(MapParts, RefuseWhatLiesOutside) {
  const auto map = map_of(make({.Lk = 7}));
  EXPECT_THROW(map.tile({0, 5}, {0, 7}, 0, MapPool::max), UsageError);
  EXPECT_THROW(map.tile({0, 6}, {0, 7}, 2, MapPool::max), UsageError);
  EXPECT_THROW(map.row(5), UsageError);
  EXPECT_THROW(map.overview({.rows = 0}), UsageError);
  EXPECT_THROW(map.overview({.batch = 2}), UsageError);
  EXPECT_THROW(map.overview({.head = 2}), UsageError);
  EXPECT_THROW(map.each_cell_row(0, MapPool::max, {}), UsageError);
  EXPECT_THROW(map.transposed_times(torch::zeros({2, 2, 7, 3})), UsageError);
}

}  // namespace
}  // namespace heed::test
