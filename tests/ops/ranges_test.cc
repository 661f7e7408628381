// Words with numbers from the whole of their range, at lengths around those of tiles and chunks.
#include <gtest/gtest.h>

#include "ops/cases.h"

namespace heed::test {
namespace {

/// Draws attentions of one score or modifier, a normalizer and up to three masks.
class Drawer {
 public:
  explicit Drawer(uint64_t seed) : random_(seed, 0) {}

  template <class List>
  auto one_of(const List& list) {
    return list[random_.below(static_cast<uint32_t>(list.size()))];
  }

  Case next() {
    const std::vector<int64_t> lengths = {1, 5, 71, 72, 73, 96, 97, 145, 250, 513};
    const std::vector<int64_t> widths = {1, 4, 8, 16, 20, 33};
    const std::vector<std::pair<int64_t, int64_t>> heads = {{1, 1}, {2, 1}, {4, 2}};
    const auto [H, G] = one_of(heads);
    Case c{.B = 1 + random_.below(2), .H = H, .G = G, .Lq = one_of(lengths), .Lk = one_of(lengths)};
    c.D = one_of(widths), c.E = one_of(widths);
    c.how = how();
    // A direction of one channel is a sign, whose gradient is nothing but rounding.
    if (c.how.find("cosine") != c.how.npos) c.D = std::max<int64_t>(c.D, 4);
    c.lengths = random_.below(4) == 0;
    c.seed = random_.bits();
    return c;
  }

 private:
  std::string how() {
    const std::vector<std::string> scores = {"scaled_dot", "scaled_dot",       "scaled_dot",
                                             "additive",   "cosine",           "alibi",
                                             "shaw(%)",    "shaw(%,values=1)", "relative(16, 300)",
                                             "sinks",      "softcap(2)",       "transformer_xl"};
    const std::vector<std::string> normalizers = {"softmax", "softmax", "sparsemax", "entmax15",
                                                  "sigmoid"};
    std::vector<std::string> masks = {"causal",          "window(%,%)",        "window(-1,%)",
                                      "window(%,-1)",    "prefix(%)",          "global(%)",
                                      "strided(#)",      "fixed(#,1)",         "dilated(%,%,#)",
                                      "dilated(-1,%,#)", "random_blocks(#,#)", "random_blocks(#,1)",
                                      "block_mask(#)"};
    std::string text = filled(one_of(scores));
    text += "; " + (text == "sinks" ? "softmax" : one_of(normalizers));
    for (uint32_t more = random_.below(4), first = more; more > 0; --more) {
      const auto mask = one_of(masks), name = mask.substr(0, mask.find('('));
      text += (more < first && random_.below(3) == 0 ? " | " : "; ") + filled(mask);
      // A mask stands once.
      std::erase_if(masks, [&](const auto& other) { return other.rfind(name, 0) == 0; });
    }
    return text;
  }

  /// %: any number from 0, #: from 1.
  std::string filled(const std::string& pattern) {
    const std::vector<int64_t> numbers = {0,  1,  2,  5,  31, 32,  33,  63,  64,  65,  71,
                                          72, 73, 95, 96, 97, 100, 128, 144, 200, 300, 100000};
    std::string text;
    for (const char letter : pattern) {
      if (letter != '%' && letter != '#')
        text += letter;
      else
        text += std::to_string(std::max<int64_t>(one_of(numbers), letter == '#'));
    }
    return text;
  }

  Random random_;
};

TEST(Ranges, EveryNumberOfAWordFollowsTheFormula) {
  Drawer draw(1);
  for (int i = 0; i < 120; ++i) {
    const auto c = draw.next();
    const auto t = make(c);
    const auto weight = torch::randn({c.B, c.H, c.Lq, c.E}, at::kDouble);
    EXPECT_TRUE(close(attend(t), reference(t), 1e-11, 1e-10)) << describe(c);
    const auto got = gradients(attend, t, weight), expected = gradients(reference, t, weight);
    for (size_t leaf = 0; leaf < got.size(); ++leaf) {
      const auto zeros = torch::zeros_like(t.leaves()[leaf]);
      const auto want = expected[leaf].defined() ? expected[leaf] : zeros;
      const double size = want.numel() ? std::max(1.0, want.abs().max().item<double>()) : 1;
      EXPECT_TRUE(close(got[leaf].defined() ? got[leaf] : zeros, want, 1e-10 * size, 1e-9))
          << describe(c) << " leaf " << leaf;
    }
  }
}

}  // namespace
}  // namespace heed::test
