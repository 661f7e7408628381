// LibTorch's autocast around a call changes nothing in it: every word computes in the dtype of its
// inputs, in whichever thread.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <set>

#include "autocast.h"
#include "heed/core/threads.h"
#include "ops/cases.h"
#include "ops/mechanisms.h"

namespace heed::test {
namespace {

constexpr int64_t kKeys = 40;

/// The word with a value for each argument that has no default.
std::string text_of(const OpKind& word) {
  std::string arguments;
  for (const auto& argument : word.arguments) {
    if (argument.initial) continue;
    arguments += (arguments.empty() ? "" : ", ") + argument.name + "=" + std::to_string(kKeys);
  }
  return arguments.empty() ? word.name : word.name + "(" + arguments + ")";
}

/// Every registered word by itself, and those whose arguments choose another computation.
std::vector<std::string> every_word() {
  std::vector<std::string> all;
  for (const auto& word : op_kinds()) {
    if (exempt_words().contains(word.name)) continue;  // attend refuses them, or they say nothing
    // A pattern that hides nothing is refused.
    all.push_back(word.name == "window" ? "window(20,5)" : text_of(word));
  }
  for (const char* more :
       {"feed_forward(activation=relu)", "feed_forward(activation=gelu)", "feed_forward(layers=2)",
        "feed_forward(query=0)", "feed_forward(query=0, layers=2)", "shaw(7, values=1)",
        "general; talking; causal", "cosine; geometric; causal", "talking; transformer_xl",
        "location(40); talking", "talking; shaw(5, values=1)", "talking; entmax", "hard; talking"})
    all.emplace_back(more);
  return all;
}

Tensors case_of_word(const std::string& how) {
  Case c{.B = 3, .H = 4, .G = 2, .Lq = kKeys, .Lk = kKeys, .D = 16, .E = 8, .how = how};
  c.lengths = how == "key_lengths", c.mask = how == "attn_mask";
  if (how == "bias") c.bias = {4, kKeys, kKeys};
  auto t = make(c).to(at::kBFloat16).to(at::kFloat);
  t.inputs.training = true, t.inputs.seed = 5;
  return t;
}

TEST(Autocast, ChangesNoBitOfAnyWord) {
  const int before = num_threads();
  std::set<std::string> seen;
  for (const auto& how : every_word())
    for (const auto type : {at::kFloat, at::kBFloat16}) {
      const auto t = case_of_word(how).to(type);
      const auto weight = torch::randn({3, 4, kKeys, 8}, at::kDouble);
      set_num_threads(1);
      const auto out = attend(t);
      const auto grads = gradients(attend, t, weight);
      for (const int threads : {1, 2, 3}) {
        set_num_threads(threads);
        const Autocast on;
        EXPECT_TRUE(torch::equal(attend(t), out)) << how << " " << threads;
        const auto found = gradients(attend, t, weight);
        for (size_t i = 0; i < grads.size(); ++i) {
          ASSERT_TRUE(found[i].defined() && grads[i].defined()) << how << " leaf " << i;
          EXPECT_TRUE(torch::equal(found[i], grads[i]))
              << how << " " << threads << " leaf " << i << " " << type;
        }
      }
    }
  set_num_threads(before);
}

// As in training: float32 parameters beside what a layer under autocast has made.
TEST(Autocast, TakesParametersOfAnotherDtype) {
  for (const auto& how : every_word()) {
    const auto exact = case_of_word(how);
    auto t = exact;
    t.q = exact.q.to(at::kBFloat16), t.k = exact.k.to(at::kBFloat16);
    t.v = exact.v.to(at::kBFloat16);
    const Autocast on;
    const auto weight = torch::ones({3, 4, kKeys, 8}, at::kDouble);
    EXPECT_TRUE(torch::equal(attend(t), attend(exact).to(at::kBFloat16))) << how;
    const auto found = gradients(attend, t, weight), expected = gradients(attend, exact, weight);
    for (size_t i = 3; i < found.size(); ++i)
      EXPECT_TRUE(torch::equal(found[i], expected[i])) << how << " leaf " << i;
  }
}

}  // namespace
}  // namespace heed::test
