// Steps over a cache, against the whole sequence at once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/nn/transformer_block.h"
#include "nn/steps.h"

namespace heed::nn {
namespace {

using testing::HasSubstr;

MultiHeadAttention layer_of(const std::string& how, int64_t width = 16) {
  return settled(
      MultiHeadAttention(MultiHeadAttentionOptions(width).attention(Attention::parse(how))));
}

TEST(Step, EqualsTheWholeSequenceHoweverItIsCut) {
  for (const char* how :
       {"causal; num_heads=4", "causal; num_heads=4/2", "causal; rope; num_heads=4/1",
        "causal; rope(width=2, scaling=3, factor=4, original=20); num_heads=4",
        "window(7, 0); rope; num_heads=2", "causal; sinusoidal; num_heads=4",
        "causal; learned(100); sum", "causal; sum; rope; num_heads=4/2",
        "causal; rope_2d(7, 2); num_heads=4", "causal; sinusoidal_2d(7, 2); num_heads=2",
        "strided(5); rope; num_heads=2", "causal; window(9, 0) | global(3); num_heads=2",
        "causal | prefix(1); num_heads=2", "fixed(8, 2); rope; num_heads=2"}) {
    SCOPED_TRACE(how);
    auto layer = layer_of(how);
    const auto x = tokens(100), whole = layer->forward(x);
    for (const auto& cut : kCuts) {
      KeyValueCache cache;
      expect_near(
          in_steps(x, cut, [&](const at::Tensor& part) { return layer->step(part, cache); }),
          whole);
      EXPECT_EQ(cache.length(), 100);
    }
  }
}

TEST(Step, ACacheThatForgetsWhatAWindowHidesChangesNothing) {
  for (const char* how :
       {"window(7, 0); rope; num_heads=4/2", "window(7, 0); learned(100); num_heads=2"}) {
    auto layer = layer_of(how);
    const auto x = tokens(100), whole = layer->forward(x);
    for (const int64_t chunk : {1, 5, 20}) {
      KeyValueCache cache(7 + chunk);
      const auto y = in_steps(x, std::vector<int64_t>(100 / chunk, chunk), [&](const auto& part) {
        const auto out = layer->step(part, cache);
        cache.window(7);
        return out;
      });
      expect_near(y, whole);
      EXPECT_EQ(cache.position(), 100);
    }
  }
}

TEST(Step, BeamsGoOnFromTheSequenceTheyCameFrom) {
  auto layer = layer_of("causal; rope; num_heads=2");
  const auto x = tokens(12), next = torch::randn({3, 2, 16}, at::kDouble);
  const auto index = torch::tensor({1, 0, 1}, at::kLong);
  KeyValueCache cache;
  layer->step(x, cache);
  cache.reorder(index);
  const auto whole = torch::cat({x.index_select(0, index), next}, 1);
  expect_near(layer->step(next, cache), layer->forward(whole).narrow(1, 12, 2));
  cache.rewind(2), cache.drop(torch::tensor({0}, at::kLong));
  expect_near(layer->step(next.narrow(0, 1, 2), cache),
              layer->forward(whole).narrow(1, 12, 2).narrow(0, 1, 2));
}

TEST(Step, InputsSpeakOfCachedAndNewKeys) {
  auto layer = layer_of("causal; num_heads=2");
  const auto x = tokens(8);
  AttendInputs whole;
  whole.attn_mask = torch::arange(8).ge(2).view({1, 1, 1, 8});  // padding on the left
  const auto expected = layer->forward(x, whole);
  KeyValueCache cache;
  AttendInputs part;
  part.attn_mask = whole.attn_mask->narrow(3, 0, 5);
  layer->step(x.narrow(1, 0, 5), cache, part);
  expect_near(layer->step(x.narrow(1, 5, 3), cache, whole), expected.narrow(1, 5, 3));
}

TEST(Step, MapsOutliveTheCache) {
  auto layer = layer_of("causal; num_heads=2");
  const auto x = tokens(6);
  KeyValueCache cache;
  layer->step(x.narrow(1, 0, 5), cache);
  Recording steps(*layer), whole(*layer);
  layer->forward(x);
  {
    Recording inner(*layer);
    layer->step(x.narrow(1, 5, 1), cache);
    steps.add(inner.map(0));
  }
  cache.keys().zero_();
  expect_near(steps.map(0).dense(), whole.map(0).dense().narrow(1, 5, 1));
}

TEST(Step, BlocksStepToo) {
  for (const auto norm : {nn::Norm::pre, nn::Norm::post, nn::Norm::sandwich}) {
    auto block = settled(TransformerBlock(TransformerBlockOptions(16).norm(norm).attention(
        Attention::parse("causal; rope; num_heads=4/2"))));
    const auto x = tokens(100), whole = block->forward(x);
    for (const auto& cut : kCuts) {
      KeyValueCache cache;
      expect_near(
          in_steps(x, cut, [&](const at::Tensor& part) { return block->step(part, cache); }),
          whole);
    }
  }
}

std::string refusal_of_step(const std::string& how, KeyValueCache& cache,
                            AttendInputs inputs = {}) {
  try {
    layer_of(how)->step(tokens(1), cache, inputs);
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST(Step, RefusesWhatStepsCannotGive) {
  KeyValueCache cache;
  EXPECT_THAT(refusal_of_step("causal; random_blocks(4, 2)", cache), HasSubstr("random_blocks"));
  EXPECT_THAT(refusal_of_step("causal | random_blocks(4, 2)", cache), HasSubstr("random_blocks"));
  EXPECT_THAT(refusal_of_step("rope_2d; causal", cache), HasSubstr("say columns"));
  AttendInputs offset;
  offset.query_offset = 3;
  EXPECT_THAT(refusal_of_step("causal", cache, offset), HasSubstr("leave it out"));
  MultiHeadAttention cross(MultiHeadAttentionOptions(16).key_width(8));
  EXPECT_THROW(cross->step(torch::zeros({1, 1, 16}), cache), UsageError);
  EXPECT_EQ(cache.position(), 0);

  auto layer = layer_of("causal; learned(6)");
  layer->step(tokens(5), cache);
  AttendInputs wrong;
  wrong.key_lengths = torch::tensor({9, 9}, at::kLong);
  EXPECT_THROW(layer->step(tokens(1), cache, wrong), UsageError);
  EXPECT_EQ(cache.position(), 5);  // as before
  EXPECT_THROW(layer->step(tokens(2), cache), ModelError);
  EXPECT_EQ(cache.position(), 5);
  cache.window(3);
  for (const char* how : {"causal | prefix(2)", "causal; global(1)", "fixed(4)"})
    EXPECT_THAT(refusal_of_step(how, cache), HasSubstr("the cache forgot tokens")) << how;
  EXPECT_EQ(refusal_of_step("causal", cache), "nothing was thrown");
}

}  // namespace
}  // namespace heed::nn
