// What the bits of a result may depend on, for every mechanism: not on threads, not on other rows
// or sequences, not on what a mask hides, not on autocast.
#include <gtest/gtest.h>

#include "autocast.h"
#include "heed/core/threads.h"
#include "ops/mechanisms.h"

namespace heed::test {
namespace {

/// Large enough for LibTorch's operators to want several threads.
Case wide_sizes() { return {.B = 1, .H = 2, .G = 1, .Lq = 130, .Lk = 140, .D = 64, .E = 16}; }

TEST(Bits, AreTheSameForAnyNumberOfThreads) {
  const int before = num_threads();
  for (const auto& m : mechanisms()) {
    for (const auto& sizes : {tiled_sizes(), wide_sizes()}) {
      const auto t = call_of(m, sizes).to(at::kFloat);
      const auto weight = torch::randn({sizes.B, sizes.H, sizes.Lq, sizes.E});
      at::Tensor first;
      std::vector<at::Tensor> first_grads;
      for (int threads : {1, 2, 3}) {
        set_num_threads(threads);
        const auto out = attend(t);
        const auto grads = all_gradients(attend, t, weight);
        if (!first.defined()) first = out, first_grads = grads;
        EXPECT_TRUE(torch::equal(out, first)) << describe(m) << " " << threads;
        expect_same(grads, first_grads, describe(m) + " " + std::to_string(threads));
      }
    }
  }
  set_num_threads(before);
}

// Without training: dropout and Gumbel noise go by a row's number in its call.
TEST(Bits, OfARowAreThoseThatItHasAlone) {
  for (const auto& m : mechanisms()) {
    auto t = call_of(m, tiled_sizes()).to(at::kFloat);
    t.inputs.training = false;
    const auto all = attend(t);
    const auto expect_rows = [&](int64_t first, int64_t count) {
      EXPECT_TRUE(torch::equal(attend(some_queries(t, first, count)), all.narrow(2, first, count)))
          << describe(m) << ": rows " << first << " to " << first + count - 1;
    };
    for (const int64_t row : {0, 1, 37, 95, 96, 97, 143, 199}) expect_rows(row, 1);
    for (const int64_t count : {2, 3, 5, 6, 7}) expect_rows(94, count);
    expect_rows(40, 80), expect_rows(120, 40), expect_rows(160, 40);
  }
}

/// Of a step of decoding.
Case one_query_sizes() { return {.B = 12, .H = 4, .G = 4, .Lq = 1, .Lk = 100, .D = 32, .E = 32}; }

TEST(Bits, OfASequenceAreThoseThatItHasAlone) {
  for (const auto& m : mechanisms()) {
    for (const auto& sizes : {tiled_sizes(), one_query_sizes()}) {
      auto t = call_of(m, sizes).to(at::kFloat);
      t.inputs.training = false;
      const auto weight = torch::randn({sizes.B, sizes.H, sizes.Lq, sizes.E});
      const auto all = attend(t);
      const auto grads = all_gradients(attend, t, weight);
      for (const int64_t b : {int64_t{0}, sizes.B - 1}) {
        const auto one = one_sequence(t, b);
        const auto what =
            describe(m) + ": sequence " + std::to_string(b) + " of " + std::to_string(sizes.B);
        EXPECT_TRUE(torch::equal(attend(one), all.narrow(0, b, 1))) << what;
        const auto alone = all_gradients(attend, one, weight.narrow(0, b, 1));
        for (int i = 0; i < 3; ++i)
          EXPECT_TRUE(torch::equal(alone[i], grads[i].narrow(0, b, 1)))
              << what << ": gradient of leaf " << i;
      }
    }
  }
}

/// Hides the keys from kSeen on from every query, each in its way. There are as many queries.
constexpr int64_t kSeen = 100;

struct Curtain {
  const char* mask;
  void (*draw)(AttendInputs&, int64_t Lq, int64_t Lk);
};

at::Tensor some_pairs(int64_t rows, int64_t columns, int64_t seen) {
  auto pairs = torch::rand({rows, columns}) < 0.7;
  pairs.slice(1, seen).fill_(false);
  return pairs.view({1, 1, rows, columns});
}

const std::vector<Curtain>& curtains() {
  static const std::vector<Curtain> all = {
      {"key_lengths",
       [](AttendInputs& in, int64_t, int64_t) {
         in.key_lengths = torch::tensor({kSeen, int64_t{0}}, at::kLong);
       }},
      {"attn_mask",
       [](AttendInputs& in, int64_t Lq, int64_t Lk) { in.attn_mask = some_pairs(Lq, Lk, kSeen); }},
      {"attn_mask",
       [](AttendInputs& in, int64_t Lq, int64_t Lk) {
         in.attn_mask =
             torch::zeros({1, 1, Lq, Lk})
                 .masked_fill(~some_pairs(Lq, Lk, kSeen), -std::numeric_limits<float>::infinity());
       }},
      {"causal", [](AttendInputs&, int64_t, int64_t) {}},
      {"window(30, 0)", [](AttendInputs&, int64_t, int64_t) {}},
      {"segment_ids",
       [](AttendInputs& in, int64_t, int64_t Lk) {
         const auto place = torch::arange(Lk, at::kLong);
         in.segment_ids = ((place > 40).to(at::kLong) + (place >= kSeen)).expand({2, Lk});
       }},
      {"block_mask(20)", [](AttendInputs& in, int64_t Lq, int64_t Lk) {
         in.block_mask = some_pairs((Lq + 19) / 20, (Lk + 19) / 20, kSeen / 20);
       }}};
  return all;
}

/// The call behind that curtain; not where the mechanism has the mask already.
std::optional<Tensors> behind(const Curtain& curtain, const Mechanism& m) {
  auto how = Attention::parse(m.how);
  const auto mask = Attention::parse(curtain.mask).masks[0];
  if (how.has_mask(mask.name)) return {};
  for (const auto& part : how.masks)
    if (!part.alternatives.empty()) return {};  // has causal and window among them
  auto t = call_of(m, {.B = 2, .H = 2, .G = 1, .Lq = kSeen, .Lk = 130, .D = 8, .E = 12});
  t.how.masks.push_back(mask);
  t.inputs.query_offset = 0;
  curtain.draw(t.inputs, kSeen, 130);
  return t.to(at::kFloat);
}

TEST(Bits, DoNotDependOnWhatIsHidden) {
  for (const auto& m : mechanisms()) {
    for (const auto& curtain : curtains()) {
      const auto clean = behind(curtain, m);
      if (!clean) continue;
      auto poisoned = *clean;
      for (auto* x : {&poisoned.q, &poisoned.k, &poisoned.v}) *x = x->clone();
      poisoned.k.slice(2, kSeen, 115).fill_(NAN), poisoned.v.slice(2, kSeen, 115).fill_(INFINITY);
      poisoned.k.slice(2, 115).fill_(-INFINITY), poisoned.v.slice(2, 115).fill_(NAN);
      if (curtain.mask == std::string("key_lengths"))  // of the second sequence nothing is seen
        poisoned.q[1].fill_(NAN), poisoned.k[1].fill_(NAN), poisoned.v[1].fill_(NAN);
      const auto weight = torch::randn({2, 2, kSeen, 12});
      const std::string what = describe(m) + " behind " + curtain.mask;
      EXPECT_TRUE(torch::equal(attend(*clean), attend(poisoned))) << what;
      expect_same(all_gradients(attend, *clean, weight), all_gradients(attend, poisoned, weight),
                  what);
    }
  }
}

// A key that some rows see and others do not.
TEST(Bits, OfARowDoNotDependOnKeysThatItDoesNotSee) {
  for (const auto& m : mechanisms()) {
    auto clean = behind({"causal", [](AttendInputs&, int64_t, int64_t) {}}, m);
    if (!clean) continue;
    auto poisoned = *clean;
    poisoned.k = poisoned.k.clone(), poisoned.v = poisoned.v.clone();
    poisoned.k.select(2, 60).fill_(NAN), poisoned.v.select(2, 60).fill_(INFINITY);
    EXPECT_TRUE(torch::equal(attend(*clean).slice(2, 0, 60), attend(poisoned).slice(2, 0, 60)))
        << describe(m);
  }
}

// Threads that help do not know of autocast, so what it changed would depend on who computes.
TEST(Bits, DoNotDependOnAutocast) {
  for (const auto& m : mechanisms()) {
    for (const auto type : {at::kBFloat16, at::kFloat}) {
      const auto t = call_of(m, tiled_sizes()).to(type);
      const auto weight = torch::randn({2, 4, 200, 12});
      const auto out = attend(t);
      const auto grads = all_gradients(attend, t, weight);
      const auto what = describe(m) + " " + c10::toString(type);
      const Autocast on;
      EXPECT_TRUE(torch::equal(attend(t), out)) << what;
      expect_same(all_gradients(attend, t, weight), grads, what);
    }
  }
}

}  // namespace
}  // namespace heed::test
