// Every shape and stride against the reference: forward and gradients.
#include "kernels/blocks.h"
#include "kernels/masks.h"
#include "run.h"

namespace heed::kernels::test {
namespace {

TYPED_TEST_SUITE(Kernels, Floats);

template <class T>
void check(const Sizes& n, Orders orders = {}, double size = 1, double loose = 1) {
  SCOPED_TRACE(testing::Message() << "B " << n.B << " H " << n.H << " G " << n.G << " Lq " << n.Lq
                                  << " Lk " << n.Lk << " D " << n.D << " E " << n.E);
  const Inputs<T> in(n, static_cast<uint32_t>(n.Lq * 1000 + n.Lk), size, orders);
  const auto got = run(in.problem(), in.grad_out, orders);
  expect_matches(got, reference(n, in.q, in.k, in.v, in.grad_out, in.scale, {}), loose);
}

// One below, at and one above a panel (4 .. 32), the blocks of queries and keys and a chunk of
// keys.
TYPED_TEST(Kernels, EveryLengthAroundABlock) {
  constexpr int64_t Q = kQueries, K = kKeys;
  for (int64_t queries : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{15}, int64_t{16}, int64_t{17},
                          int64_t{33}, Q - 1, Q, Q + 1, 2 * Q + 1}) {
    for (int64_t keys : {int64_t{0}, int64_t{1}, int64_t{5}, int64_t{6}, int64_t{7}, K - 1, K,
                         K + 1, 2 * K - 1, 2 * K + 1}) {
      check<TypeParam>({1, 1, 1, queries, keys, 8, 8});
    }
  }
}

TYPED_TEST(Kernels, EverySmallLengthAndWidth) {
  for (int64_t length = 1; length <= 20; ++length) {
    for (int64_t width : {1, 2, 3, 7, 8, 15, 16, 17, 33}) {
      check<TypeParam>({1, 2, 1, length, 21 - length, width, 34 - width});
    }
  }
}

TYPED_TEST(Kernels, NothingAtAll) {
  check<TypeParam>({0, 2, 1, 5, 5, 4, 4});
  check<TypeParam>({2, 2, 1, 0, 0, 4, 4});
  check<TypeParam>({2, 2, 1, 5, 0, 4, 4});
  check<TypeParam>({2, 2, 1, 5, 5, 4, 0});
  check<TypeParam>({2, 2, 1, 5, 5, 0, 4});
}

TYPED_TEST(Kernels, GroupedHeadsAndUnequalWidths) {
  check<TypeParam>({2, 6, 2, 70, 100, 24, 40});
  check<TypeParam>({3, 4, 1, 33, 97, 64, 16});
  check<TypeParam>({1, 4, 4, 100, 200, 20, 64});
}

TYPED_TEST(Kernels, AnyStrides) {
  for (Order order : {Order::batch_length_head, Order::columns_first, Order::rows_backwards}) {
    check<TypeParam>({2, 4, 2, 67, 99, 16, 32}, {order, order, order, order});
    check<TypeParam>({2, 4, 2, 67, 99, 18, 7}, {order, order, order, order});
  }
  check<TypeParam>({1, 2, 2, 40, 50, 16, 16},
                   {Order::one_row, Order::one_row, Order::one_row, Order::contiguous});
}

TYPED_TEST(Kernels, SeveralChunks) {
  check<TypeParam>({1, 1, 1, 130, 1000, 16, 16});
  check<TypeParam>({1, 2, 1, 130, 1537, 16, 16});
}

// Scores of some hundreds: float's rounding of a score of 300 is 3e-5, which is a relative error of
// a weight.
TYPED_TEST(Kernels, LargeLogits) { check<TypeParam>({1, 2, 1, 70, 200, 16, 16}, {}, 100, 30); }

TYPED_TEST(Kernels, RandomShapes) {
  std::mt19937 random(7);
  const auto below = [&](int64_t n) { return static_cast<int64_t>(random() % n); };
  for (int i = 0; i < 40; ++i) {
    const int64_t G = 1 + below(3);
    const auto order = [&] { return static_cast<Order>(below(4)); };
    check<TypeParam>(
        {1 + below(3), G * (1 + below(3)), G, below(150), below(250), 1 + below(40), 1 + below(40)},
        {order(), order(), order(), order()});
  }
}

}  // namespace
}  // namespace heed::kernels::test
