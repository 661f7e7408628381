// attend against the formula in float64, and the promises of the kernels as a caller sees them.
#include <gtest/gtest.h>

#include <fstream>

#include "heed/core/threads.h"
#include "ops/cases.h"

namespace heed::test {
namespace {

struct Tolerance {
  at::ScalarType type;
  double atol, rtol;
};

// float64 differs by the order of sums alone; float32 and 16-bit by their rounding.
constexpr Tolerance kForward[] = {{at::kDouble, 1e-12, 1e-11}, {at::kFloat, 1e-5, 1e-5}};
constexpr Tolerance kBackward[] = {{at::kDouble, 1e-11, 1e-10}, {at::kFloat, 1e-4, 1e-4}};

TEST(Attend, ForwardFollowsTheFormula) {
  for (const auto& c : random_cases(400)) {
    const auto t = make(c);
    const auto expected = reference(t);
    for (const auto& [type, atol, rtol] : kForward) {
      const auto out = attend(t.to(type));
      EXPECT_EQ(out.scalar_type(), type);
      EXPECT_TRUE(close(out, expected, atol, rtol)) << describe(c) << " " << type;
    }
  }
}

TEST(Attend, BackwardFollowsTheFormula) {
  for (const auto& c : random_cases(320)) {
    const auto t = make(c);
    const auto weight = torch::randn({c.B, c.H, c.Lq, c.E}, at::kDouble);
    const auto expected = gradients(reference, t, weight);
    for (const auto& [type, atol, rtol] : kBackward) {
      const auto grads = gradients(attend, t.to(type), weight);
      for (size_t i = 0; i < grads.size(); ++i) {
        const auto given = [&](const at::Tensor& g) {  // location looks at no key, uniform at less
          return g.defined() ? g : torch::zeros_like(t.leaves()[i]);
        };
        const auto want = given(expected[i]);
        // A parameter's gradient sums over all rows: its rounding goes with the largest.
        const double size = want.numel() ? std::max(1.0, want.abs().max().item<double>()) : 1;
        EXPECT_TRUE(close(given(grads[i]), want, atol * size, rtol))
            << describe(c) << " leaf " << i << " " << type;
      }
    }
  }
}

TEST(Attend, LargeLogitsStayFinite) {
  for (double scale : {1e3, 1e5}) {
    const auto t = make({.Lq = 40, .Lk = 70, .D = 16, .E = 8, .scale = scale});
    const auto out = attend(t.to(at::kFloat));
    EXPECT_TRUE(torch::isfinite(out).all().item<bool>());
    EXPECT_TRUE(close(attend(t), reference(t), 1e-9, 1e-9));
  }
}

TEST(Attend, SixteenBitStorageIsComputedInFloat32) {
  const auto t =
      make({.H = 4, .Lq = 33, .Lk = 70, .D = 16, .E = 8, .how = "causal", .bias = {4, 33, 70}});
  const auto weight = torch::randn({2, 4, 33, 8}, at::kDouble);
  for (const auto type : {at::kBFloat16, at::kHalf}) {
    const auto stored = t.to(type);
    const auto wide = stored.to(at::kFloat);  // the same numbers
    const auto w = weight.to(type);
    EXPECT_TRUE(torch::equal(attend(stored), attend(wide).to(type))) << type;
    const auto grads = gradients(attend, stored, w), expected = gradients(attend, wide, w);
    for (size_t i = 0; i < grads.size(); ++i) {
      EXPECT_EQ(grads[i].scalar_type(), type);
      EXPECT_TRUE(torch::equal(grads[i], expected[i].to(type))) << type << " leaf " << i;
    }
  }
}

TEST(Attend, RowsAreTheLogOfTheSum) {
  auto t = make({.Lq = 9, .Lk = 6, .how = "causal", .mask = true});
  const auto [out, logsumexp] = attend_with_logsumexp(t.q, t.k, t.v, t.how, t.inputs);
  EXPECT_FALSE(logsumexp.requires_grad());
  auto scores = torch::matmul(t.q, t.k.transpose(2, 3)) / 2;
  const auto i = torch::arange(9).unsqueeze(1) - 3, j = torch::arange(6);
  scores = scores.masked_fill((j > i) | ~*t.inputs.attn_mask, -INFINITY);
  EXPECT_TRUE(close(logsumexp, torch::logsumexp(scores, -1), 1e-12, 1e-12));
  EXPECT_EQ(logsumexp[0][0][0].item<double>(), -INFINITY);
  EXPECT_TRUE(torch::equal(out, attend(t)));
}

TEST(Attend, ARowThatSeesNothingIsZeroAndPassesNoGradient) {
  auto t =
      make({.Lq = 6, .Lk = 4, .how = "causal"});  // the first two queries stand before every key
  t.inputs.key_lengths = torch::tensor({0, 4}, at::kLong);
  const auto out = attend(t);
  EXPECT_EQ(out[0].abs().max().item<double>(), 0);
  EXPECT_EQ(out.slice(2, 0, 2).abs().max().item<double>(), 0);
  EXPECT_GT(out[1].slice(1, 2, 6).abs().min().item<double>(), 0);
  const auto grads = gradients(attend, t, torch::ones_like(out));
  for (const auto& g : grads) EXPECT_EQ(g[0].abs().max().item<double>(), 0);
  EXPECT_EQ(grads[0].slice(2, 0, 2).abs().max().item<double>(), 0);
}

// What a mask hides may be anything, in the forward pass and in the backward pass.
TEST(Attend, HiddenNaNChangesNoBit) {
  for (const auto type : {at::kFloat, at::kDouble}) {
    auto clean = make({.H = 4,
                       .G = 2,
                       .Lq = 70,
                       .Lk = 70,
                       .D = 16,
                       .E = 8,
                       .how = "causal; key_lengths",
                       .lengths = true});
    clean.inputs.key_lengths = torch::tensor({37, 0}, at::kLong);
    clean = clean.to(type);
    auto poisoned = clean.with({clean.q, clean.k.clone(), clean.v.clone()});
    for (auto* t : {&poisoned.k, &poisoned.v}) {
      (*t)[0].slice(1, 37, 70).fill_(NAN);
      (*t)[1].fill_(INFINITY);
    }
    const auto weight = torch::randn({2, 4, 70, 8}, at::kDouble);
    EXPECT_TRUE(torch::equal(attend(clean), attend(poisoned)));
    const auto a = gradients(attend, clean, weight), b = gradients(attend, poisoned, weight);
    for (size_t i = 0; i < a.size(); ++i)
      EXPECT_TRUE(torch::equal(a[i], b[i])) << type << " leaf " << i;
  }
}

TEST(Attend, ANaNThatIsSeenComesOut) {
  auto t = make({.B = 1, .H = 1, .G = 1, .Lq = 20, .Lk = 20, .how = "causal"});
  t.k[0][0][7].fill_(NAN);
  for (const auto& out : {attend(t), reference(t)}) {
    const auto nan = torch::isnan(out)[0][0].all(-1);
    for (int64_t i = 0; i < 20; ++i) EXPECT_EQ(nan[i].item<bool>(), i >= 7) << i;
  }
}

// The reference too: it serves second derivatives.
TEST(Attend, HiddenNaNStaysOutOfTheReference) {
  auto clean =
      make({.Lq = 12, .Lk = 12, .D = 4, .E = 3, .how = "causal; key_lengths", .lengths = true});
  clean.inputs.key_lengths = torch::tensor({7, 0}, at::kLong);
  auto poisoned = clean.with({clean.q.clone(), clean.k.clone(), clean.v.clone()});
  poisoned.q[1].fill_(NAN);
  for (auto* t : {&poisoned.k, &poisoned.v}) {
    (*t)[0].slice(1, 7, 12).fill_(NAN);
    (*t)[1].fill_(INFINITY);
  }
  const auto weight = torch::randn_like(reference(clean));
  EXPECT_LE((reference(clean) - reference(poisoned)).abs().max().item<double>(), 1e-6);
  const auto a = gradients(reference, clean, weight), b = gradients(reference, poisoned, weight);
  for (size_t i = 0; i < a.size(); ++i)
    EXPECT_LE((a[i] - b[i]).abs().max().item<double>(), 1e-5) << "leaf " << i;
}

TEST(Attend, TheSameBitsForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const auto& how : {"scaled_dot", "causal", "window(50,9); dropout=0.2"}) {
    auto t = make({.B = 2,
                   .H = 4,
                   .G = 2,
                   .Lq = 300,
                   .Lk = 410,
                   .D = 32,
                   .E = 24,
                   .how = how,
                   .lengths = true,
                   .bias = {1, 1, 300, 410}})
                 .to(at::kFloat);
    t.inputs.training = true, t.inputs.seed = 5;
    const auto weight = torch::randn({2, 4, 300, 24}, at::kDouble);
    at::Tensor first;
    std::vector<at::Tensor> first_grads;
    for (int threads : {1, 2, 3, 2}) {
      set_num_threads(threads);
      const auto out = attend(t);
      const auto grads = gradients(attend, t, weight);
      if (!first.defined()) first = out, first_grads = grads;
      EXPECT_TRUE(torch::equal(out, first)) << how << " " << threads;
      for (size_t i = 0; i < grads.size(); ++i)
        EXPECT_TRUE(torch::equal(grads[i], first_grads[i]))
            << how << " " << threads << " leaf " << i;
    }
  }
  set_num_threads(before);
}

TEST(Attend, OutputIsLaidOutAsTheQueries) {
  const auto t = make({.H = 4, .G = 4, .E = 4, .layout = Layout::heads_inside});
  EXPECT_TRUE(attend(t).transpose(1, 2).is_contiguous());  // heads merge without a copy
  EXPECT_TRUE(gradients(attend, t, torch::ones({2, 4, 5, 4}))[0].transpose(1, 2).is_contiguous());
}

TEST(Attend, QueryOffsetPlacesTheQueriesAmongTheKeys) {
  const auto whole = make({.Lq = 8, .Lk = 8, .how = "causal"});
  auto part = whole;
  part.q = whole.q.slice(2, 3, 5);
  part.inputs.query_offset = 3;
  EXPECT_TRUE(close(attend(part), attend(whole).slice(2, 3, 5), 1e-13, 1e-13));
  part.q = whole.q.slice(2, 6, 8);  // the default: the last query sees the last key
  part.inputs.query_offset = std::nullopt;
  EXPECT_TRUE(close(attend(part), attend(whole).slice(2, 6, 8), 1e-13, 1e-13));
}

TEST(Attend, AGivenTensorIsUsedEvenWhenItIsNotNamed) {
  auto t = make({.lengths = true, .added = true, .bias = {7}});
  auto named = t;
  named.how = Attention::parse("bias; key_lengths; attn_mask");
  EXPECT_TRUE(torch::equal(attend(t), attend(named)));
  t.inputs = {};
  EXPECT_FALSE(torch::equal(attend(t), attend(named)));
}

TEST(Attend, MetaTensorsGiveTheShape) {
  const auto meta = at::TensorOptions().device(at::kMeta).requires_grad(true);
  const auto q = torch::empty({2, 4, 9, 8}, meta), k = torch::empty({2, 2, 5, 8}, meta),
             v = torch::empty({2, 2, 5, 3}, meta);
  const auto [out, logsumexp] = attend_with_logsumexp(q, k, v, Attention::parse("causal"));
  EXPECT_TRUE(out.is_meta());
  EXPECT_EQ(out.sizes(), (std::vector<int64_t>{2, 4, 9, 3}));
  EXPECT_EQ(logsumexp.sizes(), (std::vector<int64_t>{2, 4, 9}));
  const auto grads =
      torch::autograd::grad({out}, {q, k, v}, {torch::empty({2, 4, 9, 3}, at::kMeta)});
  EXPECT_EQ(grads[1].sizes(), k.sizes());
}

TEST(Attend, AutocastTakesTheWidestDtype) {
  const auto t = make({}).to(at::kFloat);
  const auto mixed = t.with({t.q.to(at::kBFloat16), t.k, t.v});
  EXPECT_ANY_THROW(attend(mixed));
  c10::impl::IncludeDispatchKeyGuard on(c10::DispatchKey::AutocastCPU);
  c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, false);
  const auto out = attend(mixed);
  EXPECT_TRUE(close(reference(t), attend(t), 1e-5, 1e-5));  // the formula stays in float32
  c10::impl::tls_set_dispatch_key_excluded(c10::DispatchKey::AutocastCPU, true);
  EXPECT_EQ(out.scalar_type(), at::kFloat);
  EXPECT_TRUE(torch::equal(out, attend(t.with({mixed.q.to(at::kFloat), t.k, t.v}))));
}

/// By how many bytes the process's memory rose at its highest while f ran.
int64_t peak_growth(const std::function<void()>& f) {
  const auto highest = [] {
    std::ifstream status("/proc/self/status");
    for (std::string line; std::getline(status, line);)
      if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) * 1024;
    return -1LL;
  };
  std::ofstream("/proc/self/clear_refs") << 5;  // the highest becomes the present
  const auto before = highest();
  f();
  return highest() - before;
}

TEST(Attend, NeverStoresTheWeights) {
  constexpr int64_t kLength = 16384;  // its weights would be 1 GiB
  const auto t =
      make({.B = 1, .H = 1, .G = 1, .Lq = kLength, .Lk = kLength, .D = 8, .E = 8}).to(at::kFloat);
  const auto growth = peak_growth([&] { gradients(attend, t, torch::ones({1, 1, kLength, 8})); });
  EXPECT_LT(growth, 128 << 20);
}

}  // namespace
}  // namespace heed::test
