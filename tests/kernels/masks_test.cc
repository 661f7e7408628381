// What masks hide, tile by tile and through the kernels; what stands there (NaN, infinity) must not
// come out anywhere.
#include "kernels/masks.h"

#include <limits>
#include <memory>

#include "kernels/any_mask.h"
#include "kernels/patterns.h"
#include "kernels/random_blocks.h"
#include "run.h"

namespace heed::kernels::test {
namespace {

TYPED_TEST_SUITE(Kernels, Floats);

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Hides = std::function<bool(int64_t b, int64_t h, int64_t i, int64_t j)>;

/// A mask and, independently written, what it hides.
template <class T>
struct MaskCase {
  const char* name;
  std::shared_ptr<Mask<T>> mask;
  Hides hides;
};

// Masks over (B, H, Lq, Lk) = (2, 4, 150, 230). The arrays that dense masks view live as long as
// the list.
template <class T>
struct MaskCases {
  static constexpr Sizes kSizes{2, 4, 2, 150, 230, 16, 16};
  static constexpr Sizes kOneQuery{2, 4, 2, 1, 230, 16, 16};  // its first
  std::vector<int64_t> lengths{230, 101}, short_lengths{20, 0};
  std::unique_ptr<bool[]> dense{new bool[2 * 4 * 150 * 230]};
  Array<T> added{2, 4, 150, 230};
  std::vector<MaskCase<T>> all;

  MaskCases() {
    std::mt19937 random(3);
    const auto dense_hides = [this](int64_t b, int64_t h, int64_t i, int64_t j) {
      return !dense[((b * 4 + h) * 150 + i) * 230 + j];
    };
    for (int64_t x = 0; x < 2 * 4 * 150 * 230; ++x) dense[x] = random() % 3 == 0;
    for (int64_t i = 0; i < 2 * 4 * 150; i += 7) std::fill_n(&dense[i * 230], 230, false);
    for (int64_t b = 0; b < 2; ++b) {
      for (int64_t h = 0; h < 4; ++h) {
        for (int64_t i = 0; i < 150; ++i) {
          for (int64_t j = 0; j < 230; ++j) {
            added(b, h, i, j) = dense_hides(b, h, i, j) ? static_cast<T>(-kInf) : T{0};
          }
        }
      }
    }
    const auto window = [this](const char* name, int64_t left, int64_t right, int64_t offset) {
      all.push_back({name, std::make_shared<WindowMask<T>>(left, right, offset),
                     [=](int64_t, int64_t, int64_t i, int64_t j) {
                       return j > i + offset + right || j < i + offset - left;
                     }});
    };
    window("causal", kUnlimited, 0, 0);
    window("causal, last query sees all", kUnlimited, 0, 80);
    window("causal, first queries see nothing", kUnlimited, 0, -20);
    window("window 10 left", 10, 0, 80);
    window("window 30 left 5 right", 30, 5, 40);
    window("window beside the keys", 3, 3, 400);
    const auto pattern = [this](const char* name, auto rule, int64_t offset,
                                const std::function<bool(int64_t p, int64_t j)>& sees) {
      all.push_back({name, std::make_shared<PatternMask<T, decltype(rule)>>(rule, offset),
                     [=](int64_t, int64_t, int64_t i, int64_t j) { return !sees(i + offset, j); }});
    };
    pattern("prefix", Prefix{100}, 0, [](int64_t, int64_t j) { return j < 100; });
    pattern("prefix, all", Prefix{1000}, 0, [](int64_t, int64_t) { return true; });
    pattern("global", Global{5}, -3, [](int64_t p, int64_t j) { return p < 5 || j < 5; });
    const auto dilated = [](int64_t left, int64_t right, int64_t step) {
      return [=](int64_t p, int64_t j) {
        for (int64_t s = -left; s <= right; ++s) {
          if (j == p + s * step) return true;
        }
        return false;
      };
    };
    pattern("dilated", Dilated{3, 2, 7}, 40, dilated(3, 2, 7));
    pattern("dilated, causal", Dilated{300, 0, 3}, 0, dilated(300, 0, 3));
    pattern("dilated, all before", Dilated{kUnlimited / 5, -1, 5}, 80, dilated(300, -1, 5));
    pattern("strided", Strided{17}, 80,
            [](int64_t p, int64_t j) { return j <= p && (p - j < 17 || (p - j) % 17 == 0); });
    pattern("strided by one", Strided{1}, -5, [](int64_t p, int64_t j) { return j <= p; });
    pattern("fixed", Fixed{16, 2}, 60, [](int64_t p, int64_t j) {
      return j <= p && (p / 16 == j / 16 || j % 16 == 14 || j % 16 == 15);
    });
    pattern("fixed, first queries see nothing", Fixed{10, 10}, -20,
            [](int64_t p, int64_t j) { return j <= p; });
    const RandomBlocks drawn(16, 3, 7, 30, 150, 230);
    all.push_back({"random blocks", std::make_shared<RandomBlockMask<T>>(drawn, 30),
                   [drawn](int64_t, int64_t, int64_t i, int64_t j) {
                     return !drawn.sees((i + 30) / 16 * 16, j / 16 * 16);  // one answer a block
                   }});
    std::vector<std::unique_ptr<Mask<T>>> either;
    either.push_back(std::make_unique<WindowMask<T>>(9, 4, 10));
    either.push_back(std::make_unique<PatternMask<T, Global>>(Global{3}, 10));
    either.push_back(std::make_unique<LengthMask<T>>(short_lengths.data()));
    all.push_back({"window or global or lengths", std::make_shared<AnyMask<T>>(std::move(either)),
                   [this](int64_t b, int64_t, int64_t i, int64_t j) {
                     const int64_t p = i + 10;
                     return !(j >= p - 9 && j <= p + 4) && p >= 3 && j >= 3 &&
                            j >= short_lengths[b];
                   }});
    all.push_back({"lengths", std::make_shared<LengthMask<T>>(lengths.data()),
                   [this](int64_t b, int64_t, int64_t, int64_t j) { return j >= lengths[b]; }});
    const bool* bits = dense.get();
    all.push_back(
        {"dense",
         std::make_shared<DenseMask<T>>(View<const bool>{bits, 4 * 150 * 230, 150 * 230, 230, 1}),
         dense_hides});
    all.push_back(
        {"dense, one for all heads",
         std::make_shared<DenseMask<T>>(View<const bool>{bits, 0, 0, 230, 1}),
         [=](int64_t, int64_t, int64_t i, int64_t j) { return dense_hides(0, 0, i, j); }});
    all.push_back(
        {"dense, one row for all",
         std::make_shared<DenseMask<T>>(View<const bool>{bits + 230, 4 * 150 * 230, 0, 0, 1}),
         [=](int64_t b, int64_t, int64_t, int64_t j) { return dense_hides(b, 0, 1, j); }});
    all.push_back(
        {"dense, one column for all",
         std::make_shared<DenseMask<T>>(View<const bool>{bits, 0, 150 * 230, 230, 0}),
         [=](int64_t, int64_t h, int64_t i, int64_t) { return dense_hides(0, h, i, 0); }});
    const Array<T>& view = added;
    all.push_back({"additive", std::make_shared<AdditiveMask<T>>(view.view()), dense_hides});
  }
};

TYPED_TEST(Kernels, MasksMatchTheReference) {
  using Cases = MaskCases<TypeParam>;
  const Cases cases;
  for (const Sizes& n : {Cases::kSizes, Cases::kOneQuery}) {
    const Inputs<TypeParam> in(n, 5);
    for (const auto& one : cases.all) {
      SCOPED_TRACE(testing::Message() << one.name << ", queries " << n.Lq);
      auto problem = in.problem();
      problem.masks = {one.mask.get()};
      Rules rules;
      rules.hidden = one.hides;
      expect_matches(run(problem, in.grad_out),
                     reference(in.n, in.q, in.k, in.v, in.grad_out, in.scale, rules));
    }
  }
}

TYPED_TEST(Kernels, TwoMasksHideWhatEitherHides) {
  const MaskCases<TypeParam> cases;
  const Inputs<TypeParam> in(MaskCases<TypeParam>::kSizes, 6);
  for (const auto& one : cases.all) {
    SCOPED_TRACE(one.name);
    auto problem = in.problem();
    problem.masks = {cases.all[0].mask.get(), one.mask.get()};
    Rules rules;
    rules.hidden = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
      return cases.all[0].hides(b, h, i, j) || one.hides(b, h, i, j);
    };
    expect_matches(run(problem, in.grad_out),
                   reference(in.n, in.q, in.k, in.v, in.grad_out, in.scale, rules));
  }
}

// What `none`, `all` and `span` promise is true of every element.
TYPED_TEST(Kernels, CoverageAndSpanAreTrue) {
  const MaskCases<TypeParam> cases;
  const Sizes n = MaskCases<TypeParam>::kSizes;
  std::mt19937 random(1);
  for (const auto& one : cases.all) {
    SCOPED_TRACE(one.name);
    for (int trial = 0; trial < 300; ++trial) {
      const int64_t b = random() % n.B, h = random() % n.H, row = random() % n.Lq;
      const int64_t column = random() % n.Lk, rows = 1 + random() % (n.Lq - row);
      const int64_t columns = 1 + random() % (n.Lk - column);
      const Coverage coverage = one.mask->coverage(b, h, row, rows, column, columns);
      const Span span = one.mask->span(b, h, row, rows, {0, n.Lk});
      bool any = false, all = true, outside = false;
      for (int64_t i = row; i < row + rows; ++i) {
        for (int64_t j = column; j < column + columns; ++j) {
          const bool seen = !one.hides(b, h, i, j);
          any |= seen, all &= seen;
          outside |= seen && (j < span.begin || j >= span.end);
        }
      }
      EXPECT_FALSE(outside);
      EXPECT_FALSE(coverage == Coverage::none && any);
      EXPECT_FALSE(coverage == Coverage::all && !all);
    }
  }
}

TYPED_TEST(Kernels, AnAdditiveMaskAdds) {
  using T = TypeParam;
  const Inputs<T> in({2, 2, 1, 70, 100, 16, 16}, 8);
  std::mt19937 random(9);
  Array<T> added(1, 1, 70, 100);
  added.randomize(random);
  added(0, 0, 3, 4) = static_cast<T>(-kInf);
  const Array<T>& view = added;
  const AdditiveMask<T> mask({view.view().data, 0, 0, 100, 1});
  auto problem = in.problem();
  problem.masks = {&mask};
  Rules rules;
  rules.hidden = [](int64_t, int64_t, int64_t i, int64_t j) { return i == 3 && j == 4; };
  rules.added = [&](int64_t, int64_t, int64_t i, int64_t j) {
    return static_cast<double>(added(0, 0, i, j));
  };
  expect_matches(run(problem, in.grad_out),
                 reference(in.n, in.q, in.k, in.v, in.grad_out, in.scale, rules));
}

/// Fills with poison every key and value row that some query does not see (`keys`), or every query
/// and grad_out row that does not see some key; compares the bits of what must not have felt it.
template <class T>
void check_poison(const Sizes& n, const MaskCase<T>& one, double poison) {
  const Inputs<T> clean(n, 11);
  const auto sees = [&](int64_t b, int64_t h, int64_t i, int64_t j) {
    return !one.hides(b, h, i, j);
  };
  auto problem = clean.problem();
  problem.masks = {one.mask.get()};
  const auto want = run(problem, clean.grad_out);
  for (const int64_t key : {0, 5, 90, 100, 150, 229}) {
    Inputs<T> bad(n, 11);
    for (int64_t b = 0; b < n.B; ++b) {
      for (int64_t g = 0; g < n.G; ++g) {
        for (int64_t e = 0; e < n.D; ++e) bad.k(b, g, key, e) = static_cast<T>(poison);
        for (int64_t e = 0; e < n.E; ++e) bad.v(b, g, key, e) = static_cast<T>(poison);
      }
    }
    auto poisoned = bad.problem();
    poisoned.masks = {one.mask.get()};
    const auto got = run(poisoned, bad.grad_out);
    for (int64_t b = 0; b < n.B; ++b) {
      for (int64_t h = 0; h < n.H; ++h) {
        for (int64_t i = 0; i < n.Lq; ++i) {
          const bool felt = sees(b, h, i, key);
          for (int64_t e = 0; e < n.E; ++e) {
            if (felt) {
              ASSERT_FALSE(std::isfinite(got.out(b, h, i, e))) << "row " << i << " key " << key;
            } else {
              ASSERT_EQ(got.out(b, h, i, e), want.out(b, h, i, e)) << "row " << i << " key " << key;
              ASSERT_EQ(got.grad_q(b, h, i, e), want.grad_q(b, h, i, e)) << "row " << i;
            }
          }
        }
        for (int64_t j = 0; j < n.Lk; ++j) {
          bool felt = false;  // by a query that sees both j and the poisoned key
          const int64_t heads = n.H / n.G, g = h / heads;
          for (int64_t other = g * heads; other < (g + 1) * heads; ++other) {
            for (int64_t i = 0; i < n.Lq; ++i) {
              felt |= sees(b, other, i, key) && sees(b, other, i, j);
            }
          }
          for (int64_t e = 0; e < n.D && !felt; ++e) {
            ASSERT_EQ(got.grad_k(b, g, j, e), want.grad_k(b, g, j, e)) << "key " << j;
            ASSERT_EQ(got.grad_v(b, g, j, e), want.grad_v(b, g, j, e)) << "key " << j;
          }
        }
      }
    }
  }
}

TYPED_TEST(Kernels, PoisonInHiddenKeysIsNotFelt) {
  using Cases = MaskCases<TypeParam>;
  const Cases cases;
  for (const auto& one : cases.all) {
    for (const double poison : {kNan, kInf}) {
      SCOPED_TRACE(testing::Message() << one.name << ", " << poison);
      check_poison(Cases::kSizes, one, poison);
      check_poison(Cases::kOneQuery, one, poison);
    }
  }
}

TYPED_TEST(Kernels, PoisonInAQueryReachesOnlyTheKeysThatItSees) {
  using T = TypeParam;
  const MaskCases<T> cases;
  const Sizes n = MaskCases<T>::kSizes;
  for (const auto& one : cases.all) {
    SCOPED_TRACE(one.name);
    const Inputs<T> clean(n, 12);
    auto problem = clean.problem();
    problem.masks = {one.mask.get()};
    const auto want = run(problem, clean.grad_out);
    for (const int64_t row : {0, 70, 149}) {
      Inputs<T> bad(n, 12);
      for (int64_t b = 0; b < n.B; ++b) {
        for (int64_t h = 0; h < n.H; ++h) {
          for (int64_t e = 0; e < n.D; ++e) bad.q(b, h, row, e) = static_cast<T>(kNan);
          for (int64_t e = 0; e < n.E; ++e) bad.grad_out(b, h, row, e) = static_cast<T>(kNan);
        }
      }
      auto poisoned = bad.problem();
      poisoned.masks = {one.mask.get()};
      const auto got = run(poisoned, bad.grad_out);
      for (int64_t b = 0; b < n.B; ++b) {
        for (int64_t g = 0; g < n.G; ++g) {
          for (int64_t j = 0; j < n.Lk; ++j) {
            const bool felt = !one.hides(b, 2 * g, row, j) || !one.hides(b, 2 * g + 1, row, j);
            for (int64_t e = 0; e < n.D; ++e) {
              if (felt) {
                ASSERT_TRUE(std::isnan(got.grad_v(b, g, j, e))) << "key " << j;
              } else {
                ASSERT_EQ(got.grad_k(b, g, j, e), want.grad_k(b, g, j, e)) << "key " << j;
                ASSERT_EQ(got.grad_v(b, g, j, e), want.grad_v(b, g, j, e)) << "key " << j;
              }
            }
          }
        }
      }
    }
  }
}

TYPED_TEST(Kernels, ARowThatSeesNothingGivesZero) {
  using T = TypeParam;
  const Inputs<T> in({1, 2, 1, 100, 100, 16, 16}, 13);
  const WindowMask<T> mask(kUnlimited, 0, -40);
  auto problem = in.problem();
  problem.masks = {&mask};
  const auto got = run(problem, in.grad_out);
  for (int64_t h = 0; h < 2; ++h) {
    for (int64_t i = 0; i < 40; ++i) {
      EXPECT_EQ(got.lse[h * 100 + i], static_cast<T>(-kInf));
      for (int64_t e = 0; e < 16; ++e) {
        EXPECT_EQ(got.out(0, h, i, e), 0);
        EXPECT_EQ(got.grad_q(0, h, i, e), 0);
      }
    }
  }
}

TYPED_TEST(Kernels, InfinitiesInScores) {
  using T = TypeParam;
  for (const int64_t queries : {1, 3}) {
    Inputs<T> in({1, 1, 1, queries, 40, 1, 1}, 14);
    for (int64_t i = 0; i < queries; ++i) in.q(0, 0, i, 0) = T{1};
    in.k(0, 0, 7, 0) = static_cast<T>(-kInf);
    const auto minus = run(in.problem(), in.grad_out);
    auto rules = Rules();
    rules.hidden = [](int64_t, int64_t, int64_t, int64_t j) { return j == 7; };
    const auto want = reference(in.n, in.q, in.k, in.v, in.grad_out, in.scale, rules);
    expect_near(minus.out, want.out, "out");  // e^-inf = 0: as if the key were not there
    in.k(0, 0, 7, 0) = static_cast<T>(kInf);
    const auto plus = run(in.problem(), in.grad_out);
    for (int64_t i = 0; i < queries; ++i) EXPECT_TRUE(std::isnan(plus.out(0, 0, i, 0)));
  }
}

}  // namespace
}  // namespace heed::kernels::test
