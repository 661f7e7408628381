// A map against the formula's weights.
#include "heed/ops/map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "ops/cases.h"

namespace heed::test {
namespace {

struct Mapped {
  Map map;
  at::Tensor weights;  ///< (B, H, Lq, Lk) of the formula
};

Mapped mapped(const Case& c, at::ScalarType type = at::kDouble) {
  const auto t = make(c).to(type);
  const auto [out, row_stats] = attend_with_row_stats(t.q, t.k, t.v, t.how, t.inputs);
  at::Tensor weights;
  attend_reference(t.q, t.k, t.v, t.how, t.inputs, &weights);
  return {Map("encoder.layers.0.attention", t.q, t.k, row_stats, t.how, t.inputs), weights};
}

std::vector<Case> map_cases() {
  return {
      {},
      {.H = 6, .G = 2, .Lq = 9, .Lk = 4, .how = "causal; dropout=0.5"},
      {.how = "window(2,1)", .layout = Layout::heads_inside, .lengths = true},
      {.mask = true, .bias = {2, 1, 7}},
      {.B = 3,
       .H = 4,
       .G = 1,
       .Lq = 40,
       .Lk = 50,
       .how = "dot; causal",
       .added = true,
       .bias = {3, 4, 40, 50}},
      {.B = 1, .H = 2, .G = 2, .Lq = 33, .Lk = 40000, .D = 2, .lengths = true},  // several blocks a
                                                                                 // head
      {.Lq = 3, .Lk = 0},
      {.Lq = 0, .Lk = 3},
      {.H = 4, .G = 2, .how = "additive; sparsemax; relative(8, 16)", .lengths = true},
      {.H = 4, .G = 2, .Lq = 40, .Lk = 50, .how = "general; alibi; entmax(1.4)"},
      {.Lq = 40, .Lk = 50, .how = "transformer_xl; entmax15; adaptive_span(20)"},
      {.H = 4, .G = 2, .Lq = 30, .Lk = 20, .how = "shaw(3); talking"},
      {.how = "location(9); sinks; block_mask(2)"},
      {.how = "feed_forward(query=0); sigmoid(1)"},
      {.Lq = 20, .Lk = 20, .how = "cosine; segment_ids; hard"},
      {.H = 4, .G = 2, .Lq = 9, .Lk = 20, .how = "geometric; alibi", .lengths = true}};
}

constexpr double kClose = 1e-12;

TEST(Map, AgreesWithTheFormulasWeights) {
  for (const auto& c : map_cases()) {
    const auto [map, all] = mapped(c);
    for (int64_t b = 0; b < c.B; ++b) {
      const auto w = all[b];  // (H, Lq, Lk)
      EXPECT_TRUE(close(map.dense(b), w, kClose, kClose)) << describe(c);
      const auto mean = c.Lq ? w.mean(1) : torch::zeros({c.H, c.Lk});
      EXPECT_TRUE(close(map.received(b), mean, kClose, kClose)) << describe(c);
      EXPECT_TRUE(close(map.entropy(b), -torch::xlogy(w, w).sum(-1), 1e-11, kClose)) << describe(c);
    }
    const auto x = torch::randn({c.B, c.H, c.Lk, 3}, at::kDouble);
    EXPECT_TRUE(close(map.times(x), torch::matmul(all, x), 1e-11, kClose)) << describe(c);
    const auto shared = x.slice(1, 0, 1);
    EXPECT_TRUE(close(map.times(shared), torch::matmul(all, shared), 1e-11, kClose)) << describe(c);
  }
}

TEST(Map, TileIsAWindowOfTheWeights) {
  const Case c{.B = 2,
               .H = 4,
               .G = 2,
               .Lq = 20,
               .Lk = 30,
               .how = "causal",
               .lengths = true,
               .mask = true,
               .bias = {4, 20, 30}};
  const auto [map, all] = mapped(c);
  EXPECT_TRUE(close(map.tile({3, 17}, {5, 29}, 1, 3), all[1][3].slice(0, 3, 17).slice(1, 5, 29),
                    kClose, kClose));
  EXPECT_EQ(map.tile({3, 3}, {5, 29}).sizes(), (std::vector<int64_t>{0, 24}));
}

TEST(Map, TopKIsSortedAndPrefersTheLowerKey) {
  const auto [map, all] = mapped({.Lk = 30});
  const auto [weights, keys] = map.top_k(2, 5, 1, 1);
  const auto expected = std::get<0>(all[1][1][2].topk(5));
  EXPECT_TRUE(close(weights, expected, kClose, kClose));
  EXPECT_TRUE(torch::equal(all[1][1][2].index_select(0, keys).argsort(0, true), torch::arange(5)));

  const auto q = torch::zeros({1, 1, 2, 4}), k = torch::randn({1, 1, 9, 4});  // all weights equal
  const auto row_stats = std::get<1>(attend_with_row_stats(q, k, k, {}));
  EXPECT_TRUE(torch::equal(Map("", q, k, row_stats, {}, {}).top_k(0, 4).second, torch::arange(4)));
}

TEST(Map, ResultsAreFloat32For16BitStorage) {
  const auto [map, all] = mapped({.Lq = 30, .Lk = 30, .D = 16}, at::kBFloat16);
  EXPECT_EQ(map.dense(0).scalar_type(), at::kFloat);
  EXPECT_TRUE(close(map.dense(0), all[0], 1e-5, 1e-5));
}

TEST(Map, KeepsNoGraph) {
  auto t = make({.bias = {5, 7}});
  for (auto* x : {&t.q, &t.k, &*t.inputs.bias}) x->requires_grad_();
  const auto [out, row_stats] = attend_with_row_stats(t.q, t.k, t.v, t.how, t.inputs);
  const Map map("", t.q, t.k, row_stats, t.how, t.inputs);
  EXPECT_FALSE(map.dense().requires_grad());
  EXPECT_FALSE(map.tile({0, 1}, {0, 1}).requires_grad());
}

TEST(Map, RefusesWhatLiesOutside) {
  const auto [map, all] = mapped({});
  EXPECT_THROW(map.tile({0, 6}, {0, 7}), UsageError);
  EXPECT_THROW(map.tile({2, 1}, {0, 7}), UsageError);
  EXPECT_THROW(map.tile({0, 5}, {-1, 7}), UsageError);
  EXPECT_THROW(map.tile({0, 5}, {0, 7}, 2), UsageError);
  EXPECT_THROW(map.tile({0, 5}, {0, 7}, 0, -1), UsageError);
  EXPECT_THROW(map.dense(2), UsageError);
  EXPECT_THROW(map.received(-1), UsageError);
  EXPECT_THROW(map.entropy(5), UsageError);
  EXPECT_THROW(map.top_k(5, 1), UsageError);
  EXPECT_THROW(map.times(torch::zeros({2, 2, 6, 3})), UsageError);
  try {
    map.top_k(0, 8);
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("k: expected 1 to 7 (the keys), given 8"));
  }
  const auto q = torch::zeros({1, 1, 2, 4});
  EXPECT_THROW(Map("", q, q, torch::zeros({2, 1, 2, 1}), {}, {}), UsageError);
  EXPECT_THROW(Map("", q, q, torch::zeros({2, 1, 1, 2}, at::kDouble), {}, {}), UsageError);
}

}  // namespace
}  // namespace heed::test
