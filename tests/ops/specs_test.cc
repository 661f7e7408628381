// Every word has a function that makes it.
#include "heed/ops/specs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/ops/attend.h"
#include "heed/ops/op_kinds.h"

namespace heed {
namespace {

using testing::HasSubstr;

/// Of every word, with numbers that are not its defaults where it has any.
std::vector<OpSpec> every_spec() {
  using namespace specs;
  return {scaled_dot(0.5),
          dot(),
          general(),
          cosine(5),
          additive(64),
          feed_forward(32, "gelu", 2, false),
          location(12),
          uniform(),
          none(),
          sinusoidal(500, true, true, 3),
          learned(7, 2),
          rope({.base = 500,
                .interleaved = true,
                .width = 6,
                .scaling = 3,
                .factor = 4,
                .original = 64,
                .beta_fast = 30,
                .beta_slow = 2,
                .attention = 1.5,
                .truncate = false}),
          sinusoidal_2d(3, 1, 50),
          learned_2d(3, 1, 4),
          rope_2d(3, 1, 50, true),
          alibi(),
          relative(16, 64, false),
          shaw(9, true),
          transformer_xl(),
          bias(),
          softcap(30),
          sinks(),
          talking(),
          gate(),
          causal(),
          window(256, 0),
          prefix(4),
          global(2),
          dilated(3, 2, 4),
          strided(5),
          fixed(8, 2),
          random_blocks(32, 2, 9),
          key_lengths(),
          segment_ids(),
          block_mask(16),
          attn_mask(),
          adaptive_span(90, 16, 0.5),
          softmax(),
          sparsemax(),
          entmax15(),
          entmax(1.7),
          sigmoid(-2),
          hard(0.5),
          geometric(),
          concat(),
          sum()};
}

TEST(Specs, EveryWordHasOne) {
  const auto all = every_spec();
  for (const auto& kind : op_kinds()) {
    if (kind.name.starts_with("test_")) continue;  // what other tests registered
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const OpSpec& part) { return part.name == kind.name; });
    ASSERT_NE(found, all.end()) << kind.name << " has no function in heed/ops/specs.h";
    // Its arguments stand in the declared order, and none is missing.
    ASSERT_EQ(found->arguments.size(), kind.arguments.size()) << kind.name;
    for (size_t i = 0; i < kind.arguments.size(); ++i)
      EXPECT_EQ(found->arguments[i].name, kind.arguments[i].name) << kind.name;
  }
}

TEST(Specs, DefaultsAreThoseOfTheWords) {
  using namespace specs;
  for (const auto& part : {scaled_dot(), cosine(), additive(), feed_forward(), sinusoidal(),
                           learned(), rope(), sinusoidal_2d(), learned_2d(), rope_2d(), relative(),
                           shaw(), random_blocks(), block_mask(), entmax(), sigmoid(), hard()})
    EXPECT_TRUE(part.arguments.empty())
        << part.name << ": the default of " << part.arguments[0].name;
  EXPECT_EQ(fixed(8).arguments.size(), 1u);
  EXPECT_EQ(adaptive_span(90).arguments.size(), 1u);
}

TEST(Specs, MakeWhatTheTextMakes) {
  using namespace specs;
  auto how = Attention::of({additive(64), relative(), softcap(30), sinks(),
                            causal() | prefix(64) | global(2), window(256, 0), concat()});
  how.num_heads = 8, how.num_kv_heads = 2, how.dropout = 0.1;
  EXPECT_EQ(how, Attention::parse("additive(64); relative; softcap(30); sinks; "
                                  "causal | prefix(64) | global(2); window(256, 0); num_heads=8/2; "
                                  "dropout=0.1"));
  EXPECT_EQ(Attention::of({(causal() | prefix(1)) | (global(2) | key_lengths())}),
            Attention::parse("causal | prefix(1) | global(2) | key_lengths"));
  EXPECT_EQ(Attention::of({}), Attention());
}

TEST(Specs, SampleOfTheDocuments) {
  torch::manual_seed(1);
  const auto q = torch::randn({1, 2, 90, 8}), k = torch::randn_like(q), v = torch::randn_like(q);
  using namespace heed::specs;
  const auto how = heed::Attention::of({scaled_dot(), causal() | prefix(64), window(256, 0)});
  const auto y = heed::attend(q, k, v, how);
  const auto z = heed::attend(q, k, v, {.causal = true, .window = 256, .dropout_p = 0.1});
  EXPECT_TRUE(y.equal(attend(q, k, v, "causal | prefix(64); window(256, 0)")));
  EXPECT_EQ(z.sizes(), y.sizes());
}

TEST(Specs, RefuseWhatTheTextRefuses) {
  using namespace specs;
  const auto refusal = [](auto&& make) -> std::string {
    try {
      make();
    } catch (const UsageError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal([] { softcap(-1); }), HasSubstr("softcap(cap): expected a number from"));
  EXPECT_THAT(refusal([] { feed_forward(0, "geglu"); }), HasSubstr("did you mean 'gelu'"));
  EXPECT_THAT(refusal([] { Attention::of({dot(), general()}); }), HasSubstr("a second score"));
  EXPECT_THAT(refusal([] { Attention::of({causal(), causal()}); }), HasSubstr("stands twice"));
  EXPECT_THAT(refusal([] { Attention::of({dot() | general()}); }), HasSubstr("'|' joins masks"));
  EXPECT_THAT(refusal([] { Attention::of({OpSpec{"soft"}}); }), HasSubstr("unknown word 'soft'"));
}

}  // namespace
}  // namespace heed
