// Products with a packed right operand against sums in float64.
#include "kernels/packed_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "every_target.h"
#include "heed/core/threads.h"

namespace heed::kernels::test {
namespace {

/// A (m, depth), B (depth, n), bias (n) and what C (m, n) holds before, of small numbers; either matrix turned or not.
template <class T>
struct ProductCase {
  int64_t m, n, depth;
  bool columns, turned;
  std::vector<T> a, b, bias, c;

  ProductCase(int64_t m, int64_t n, int64_t depth, bool columns, bool turned)
      : m(m), n(n), depth(depth), columns(columns), turned(turned) {
    std::mt19937 engine(1);
    std::normal_distribution<double> normal;
    const auto fill = [&](std::vector<T>& to, int64_t count) {
      for (int64_t i = 0; i < count; ++i) to.push_back(static_cast<T>(normal(engine)));
    };
    fill(a, m * depth), fill(b, depth * n), fill(bias, n), fill(c, m * n);
  }

  Left<T> left() const { return {a.data(), columns ? 1 : depth, columns ? m : 1}; }
  Left<T> right() const { return {b.data(), turned ? 1 : n, turned ? depth : 1}; }

  /// The numbers of C, with `gap` places between its rows that stay as they are.
  std::vector<T> product(bool add, bool with_bias, int64_t gap = 3) const {
    std::vector<T> packed(static_cast<size_t>(packed_numbers(depth, n)), T{7});
    pack_panels(depth, n, right(), packed.data());
    std::vector<T> to(static_cast<size_t>(m * (n + gap)), T{99});
    for (int64_t i = 0; i < m; ++i) std::copy_n(c.data() + i * n, n, to.data() + i * (n + gap));
    packed_product(PackedProduct<T>{m, n, depth, left(), packed.data(), to.data(), n + gap, add,
                                    with_bias ? bias.data() : nullptr});
    std::vector<T> found;
    for (int64_t i = 0; i < m; ++i) {
      for (int64_t j = 0; j < n; ++j) found.push_back(to[i * (n + gap) + j]);
      for (int64_t j = n; j < n + gap; ++j) EXPECT_EQ(to[i * (n + gap) + j], T{99});
    }
    return found;
  }

  double exact(int64_t i, int64_t j, bool add, bool with_bias) const {
    double sum = (add ? double(c[i * n + j]) : 0.0) + (with_bias ? double(bias[j]) : 0.0);
    for (int64_t k = 0; k < depth; ++k)
      sum += double(left().data[i * left().row + k * left().column]) *
             double(right().data[k * right().row + j * right().column]);
    return sum;
  }

  void expect_exact(bool add, bool with_bias) const {
    const auto found = product(add, with_bias);
    const double near =
        (sizeof(T) == 4 ? 1e-6 : 5e-15) * (4 + 4 * std::sqrt(static_cast<double>(depth)));
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j)
        ASSERT_NEAR(double(found[i * n + j]), exact(i, j, add, with_bias), near)
            << m << " x " << n << " x " << depth << " at " << i << ", " << j
            << (columns ? " A^T" : "") << (turned ? " B^T" : "") << (add ? " added" : "");
  }
};

template <class T>
void expect_products(int64_t m, int64_t n, int64_t depth) {
  for (const bool columns : {false, true})
    for (const bool turned : {false, true}) {
      const ProductCase<T> given(m, n, depth, columns, turned);
      for (const bool add : {false, true}) given.expect_exact(add, false);
      if (!columns) given.expect_exact(false, true);
    }
}

TEST(PackedProduct, IsTheProduct) {
  EXPECT_GT(on_every_target([] {
              for (const int64_t m : {1, 7, 50})
                for (const int64_t n : {1, 31, 64, 97})
                  for (const int64_t depth : {0, 1, 129, 260})
                    expect_products<float>(m, n, depth), expect_products<double>(m, n, depth);
            }),
            0);
}

TEST(PackedProduct, ARowAndAColumnHaveTheirBitsBesideAnyOthers) {
  const int before = num_threads();
  for (const bool columns : {false, true}) {
    const ProductCase<float> all(101, 130, 300, columns, true);
    set_num_threads(1);
    const auto expected = all.product(true, false);
    set_num_threads(3);
    EXPECT_EQ(all.product(true, false), expected);
    ProductCase<float> some = all;
    some.n = 70;  // B's first columns
    const auto found = some.product(false, false), whole = all.product(false, false);
    for (int64_t i = 0; i < all.m; ++i)
      for (int64_t j = 0; j < some.n; ++j) ASSERT_EQ(found[i * some.n + j], whole[i * all.n + j]);
  }
  set_num_threads(before);
}

TEST(PackedProduct, OfNothingIsNothing) {
  for (const auto& [m, n] : {std::pair<int64_t, int64_t>{0, 3}, {3, 0}, {0, 0}})
    EXPECT_TRUE((ProductCase<float>(m, n, 5, true, false).product(false, false).empty()));
}

}  // namespace
}  // namespace heed::kernels::test
