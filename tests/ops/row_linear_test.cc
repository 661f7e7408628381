#include "heed/ops/row_linear.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "ops/row_linear.h"

namespace heed {
namespace {

TEST(RowLinear, IsTheProduct) {
  torch::manual_seed(1);
  for (const auto type : {at::kFloat, at::kDouble})
    for (const int64_t K : {0, 1, 7, 8, 16, 33, 300})
      for (const int64_t N : {0, 1, 3, 4, 130})
        for (const int64_t m : {0, 1, 2, 3, 4, 50}) {
          const auto x = torch::randn({m, K}, type), w = torch::randn({N, K}, type);
          const auto b = torch::randn({N}, type);
          const auto exact = x.to(at::kDouble).matmul(w.to(at::kDouble).t());
          const double near = type == at::kFloat ? 1e-4 : 1e-12;
          EXPECT_TRUE(row_linear(x, w).to(at::kDouble).allclose(exact, 0, near));
          EXPECT_TRUE(
              row_linear(x, w, b).to(at::kDouble).allclose(exact + b.to(at::kDouble), 0, near));
        }
}

TEST(RowLinear, ARowHasItsBitsBesideAnyOthers) {
  torch::manual_seed(2);
  for (const auto type : {at::kFloat, at::kDouble})
    for (const int64_t K : {5, 64, 259, 1100}) {
      const auto x = torch::randn({101, K}, type), w = torch::randn({333, K}, type);
      const auto b = torch::randn({333}, type), all = row_linear(x, w, b);
      for (const int64_t i : {0, 1, 2, 47, 48, 100})
        EXPECT_TRUE(row_linear(x.narrow(0, i, 1), w, b)[0].equal(all[i]));
      EXPECT_TRUE(row_linear(x.narrow(0, 13, 57), w, b).equal(all.narrow(0, 13, 57)));
      const auto some = torch::tensor({7, 0, 332, 128, 5});
      EXPECT_TRUE(row_linear(x, w.index_select(0, some), b.index_select(0, some))
                      .equal(all.index_select(1, some)));
      const int threads = num_threads();
      set_num_threads(threads + 2);
      EXPECT_TRUE(row_linear(x, w, b).equal(all));
      set_num_threads(threads);
    }
}

TEST(RowLinear, HasTheSameBitsFromOneRowToThousands) {
  torch::manual_seed(5);
  for (const auto type : {at::kFloat, at::kDouble})
    for (const auto& [N, K] : {std::pair{100, 96}, {1000, 130}, {65, 1500}}) {
      const auto x = torch::randn({3000, K}, type) * 10 + 3, w = torch::randn({N, K}, type) + 1;
      const auto b = torch::randn({N}, type) * 100;
      const PackedWeight packed(w);
      const auto all = row_linear(x, packed, b);
      const auto exact = at::addmm(b.to(at::kDouble), x.to(at::kDouble), w.to(at::kDouble).t());
      const double size = exact.abs().max().item<double>();
      EXPECT_TRUE(
          all.to(at::kDouble).allclose(exact, 0, size * (type == at::kFloat ? 1e-6 : 1e-14)));
      for (const int64_t rows : {1, 15, 16, 17, 31, 33, 200, 767, 768, 2999})
        for (const int64_t first : {int64_t{0}, 3000 - rows})
          EXPECT_TRUE(
              row_linear(x.narrow(0, first, rows), packed, b).equal(all.narrow(0, first, rows)))
              << rows << " from " << first << " of width " << N << ", " << K;
    }
}

TEST(RowLinear, WithAFunctionHasTheBitsOfBothOneAfterTheOther) {
  torch::manual_seed(6);
  using kernels::Function;
  for (const auto type : {at::kFloat, at::kDouble})
    for (const int64_t rows : {1, 5, 16, 1000})
      for (const auto function : {Function::none, Function::gelu, Function::silu, Function::relu}) {
        const auto x = torch::randn({rows, 70}, type), b = torch::randn({203}, type);
        const PackedWeight packed(torch::randn({203, 70}, type));
        for (const auto& bias : {b, at::Tensor()}) {
          auto expected = row_linear(x, packed, bias);
          if (type == at::kFloat)
            kernels::apply(function, expected.data_ptr<float>(), expected.numel(),
                           expected.data_ptr<float>());
          else
            kernels::apply(function, expected.data_ptr<double>(), expected.numel(),
                           expected.data_ptr<double>());
          EXPECT_TRUE(ops::row_linear_then(function, x, packed, bias).equal(expected));
        }
      }
}

TEST(RowLinear, KeepsItsDigitsOverManyTerms) {
  torch::manual_seed(4);
  const auto error = [](const at::Tensor& x, const at::Tensor& exact) {
    return ((x.to(at::kDouble) - exact).abs().max() / exact.abs().max()).item<double>();
  };
  for (const int64_t K : {64, 256, 1000, 4096, 16'384})
    for (const int64_t m : {1, 3, 50}) {
      const auto product = [&](const at::Tensor& x, const at::Tensor& w) {
        return error(row_linear(x, w), x.to(at::kDouble).matmul(w.to(at::kDouble).t()));
      };
      const auto equal = torch::rand({m, 1}).expand({m, K}) + 0.1;
      EXPECT_LE(product(equal, torch::rand({70, 1}).expand({70, K}) + 0.1), 5e-6) << K << " " << m;
      EXPECT_LE(product(torch::randn({m, K}), torch::randn({70, K})), 1e-6) << K << " " << m;
    }
}

TEST(RowLinear, UnderAutocastItHasTheDtypeOfTheWeight) {
  const auto x = torch::randn({7, 40}).to(at::kBFloat16), w = torch::randn({30, 40});
  const auto expected = row_linear(x.to(at::kFloat), w);
  const int before = num_threads();
  for (const int threads : {1, 2, 3}) {
    set_num_threads(threads);
    const c10::impl::IncludeDispatchKeyGuard on(c10::DispatchKey::AutocastCPU);
    c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, false);
    const auto found = row_linear(x, w), same = row_linear(x.to(at::kFloat), w);
    c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, true);
    EXPECT_TRUE(found.equal(expected)) << threads;
    EXPECT_TRUE(same.equal(expected)) << threads;
  }
  set_num_threads(before);
}

TEST(RowLinear, AWeightPackedOnceGivesTheSameBits) {
  torch::manual_seed(3);
  for (const auto type : {at::kFloat, at::kDouble})
    for (const int64_t K : {1, 3, 64, 600})
      for (const int64_t N : {1, 63, 64, 65, 200}) {
        const auto x = torch::randn({7, K}, type), w = torch::randn({2 * N, K}, type);
        const auto half = w.narrow(0, N, N), b = torch::randn({N}, type);
        const PackedWeight packed(half);
        EXPECT_EQ(packed.rows(), N);
        EXPECT_EQ(packed.depth(), K);
        EXPECT_TRUE(row_linear(x, packed, b).equal(row_linear(x, half, b)));
        EXPECT_TRUE(row_linear(x, packed).equal(row_linear(x, half.t().contiguous().t())));
      }
  EXPECT_THROW(PackedWeight{torch::randn({3})}, UsageError);
}

at::Tensor bfloat16_numbers(at::IntArrayRef shape) {
  return torch::randn(shape).to(at::kBFloat16).to(at::kFloat);
}

TEST(RowLinear, OfBfloat16TakesHalfTheMemoryAndHasTheBitsOfFloat32) {
  torch::manual_seed(7);
  for (const int64_t K : {1, 3, 64, 127, 600})
    for (const int64_t N : {1, 31, 32, 33, 63, 64, 65, 200})
      for (const int64_t m : {1, 2, 5, 6, 7, 50, 200}) {
        const auto x = torch::randn({m, K}), b = torch::randn({N}), w = bfloat16_numbers({N, K});
        const PackedWeight half(w), whole(torch::cat({w, torch::full({1, K}, 1.f / 3)}));
        EXPECT_TRUE(half.is_bfloat16());
        EXPECT_FALSE(whole.is_bfloat16());
        const auto expected =
            row_linear(x, whole, torch::cat({b, torch::zeros({1})})).narrow(1, 0, N);
        EXPECT_TRUE(row_linear(x, half, b).equal(expected)) << N << ", " << K << " rows " << m;
      }
  EXPECT_EQ(2 * PackedWeight(bfloat16_numbers({64, 64})).numbers().nbytes(),
            PackedWeight(torch::randn({64, 64})).numbers().nbytes());
}

TEST(RowLinear, OfBfloat16KeepsWhatIsNoNumber) {
  auto w = bfloat16_numbers({70, 40});
  w[3][5] = std::numeric_limits<float>::infinity(), w[69][39] = -0.f, w[8] = 0;
  const auto x = torch::randn({9, 40}), y = row_linear(x, w);
  EXPECT_TRUE(PackedWeight(w).is_bfloat16());
  EXPECT_TRUE(y.select(1, 3).isinf().all().item<bool>());
  EXPECT_TRUE(y.select(1, 8).eq(0).all().item<bool>());
  w[3][5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_TRUE(row_linear(x, w).select(1, 3).isnan().all().item<bool>());
}

TEST(RowLinear, OneNumberThatIsNotOfBfloat16KeepsFloat32) {
  for (const int64_t place : {0, 64 * 40, 129 * 40 + 39}) {
    auto w = bfloat16_numbers({130, 40});
    w.view(-1)[place] = 1.0 + 1.0 / 256;  // 9 bits
    EXPECT_FALSE(PackedWeight(w).is_bfloat16()) << place;
    w.view(-1)[place] = 1.0 + 1.0 / 128;
    EXPECT_TRUE(PackedWeight(w).is_bfloat16()) << place;
  }
}

TEST(RowLinear, TakesAnyShapeAndStrides) {
  const auto x = torch::randn({3, 5, 2, 8}).transpose(1, 2), w = torch::randn({8, 6}).t();
  const auto y = row_linear(x, w);
  EXPECT_EQ(y.sizes(), (std::vector<int64_t>{3, 2, 5, 6}));
  EXPECT_TRUE(y.allclose(x.matmul(w.t()), 1e-5, 1e-5));
}

TEST(RowLinear, RefusesWhatDoesNotFit) {
  const auto x = torch::randn({3, 8}), w = torch::randn({5, 8});
  EXPECT_THROW(row_linear(x, torch::randn({5, 7})), UsageError);
  EXPECT_THROW(row_linear(x.to(at::kDouble), w), UsageError);
  EXPECT_THROW(row_linear(x.to(at::kHalf), w.to(at::kHalf)), UsageError);
  EXPECT_THROW(row_linear(x, w, torch::randn({4})), UsageError);
  EXPECT_THROW(row_linear(at::Tensor(), w), UsageError);
  EXPECT_THROW(row_linear(x, torch::randn({8})), UsageError);
}

}  // namespace
}  // namespace heed
