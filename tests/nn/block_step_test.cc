// Steps without tensors in between have the bits of the modules that they stand for.
#include "nn/block_step.h"

#include <gtest/gtest.h>

#include "heed/nn/lora.h"
#include "heed/nn/probe.h"
#include "nn/linear.h"
#include "nn/step_rows.h"

namespace heed::nn {
namespace {

/// A few steps of a block, by its modules (a Probe looks) or as it does them. `step(x)` -> (B, 1, M).
template <class Step>
std::vector<at::Tensor> steps_of(const std::vector<at::Tensor>& tokens, bool by_modules,
                                 const Step& step) {
  const torch::NoGradGuard no_gradient;
  const RowsAlone alone;
  std::vector<at::Tensor> all;
  for (const auto& x : tokens) {
    std::unique_ptr<Probe> probe;
    if (by_modules) probe = std::make_unique<Probe>();
    all.push_back(step(x));
  }
  return all;
}

std::vector<at::Tensor> random_tokens(int64_t batch, int64_t width) {
  std::vector<at::Tensor> tokens;
  for (int i = 0; i < 40; ++i)
    tokens.push_back(torch::randn({batch, 1, width}));  // the cache grows
  return tokens;
}

void expect_equal(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_TRUE(a[i].equal(b[i])) << "step " << i;
}

void randomize(torch::nn::Module& module) {
  const torch::NoGradGuard no_gradient;
  for (auto& p : module.parameters()) p.add_(torch::randn_like(p) * 0.1);
  module.eval();
}

TEST(BlockStep, OfABlockHaveTheBitsOfItsModules) {
  torch::manual_seed(1);
  for (const char* how : {"scaled_dot; causal; num_heads=4", "rope; causal; num_heads=4/2",
                          "dot; causal; num_heads=1"})
    for (const auto norm : {Norm::pre, Norm::post, Norm::sandwich})
      for (const bool modern : {false, true}) {
        BlockParts parts;
        if (modern) parts.norm_type = NormType::rms, parts.biases.clear(), parts.gated = true;
        TransformerBlock block(TransformerBlockOptions(32)
                                   .hidden(48)
                                   .attention(Attention::parse(how))
                                   .norm(norm)
                                   .activation(modern ? Activation::silu : Activation::gelu)
                                   .parts(parts));
        randomize(*block);
        const auto tokens = random_tokens(3, 32);
        const auto run = [&](bool by_modules) {
          KeyValueCache cache;
          return steps_of(tokens, by_modules, [&](const auto& x) { return block->step(x, cache); });
        };
        SCOPED_TRACE(how);
        expect_equal(run(true), run(false));
      }
}

TEST(BlockStep, OfADecodersBlockHaveTheBitsOfItsModules) {
  torch::manual_seed(2);
  for (const auto norm : {Norm::pre, Norm::post, Norm::sandwich})
    for (const int64_t beams : {1, 3}) {
      TransformerDecoderBlock block(
          TransformerDecoderBlockOptions(32)
              .hidden(64)
              .attention(Attention::parse("scaled_dot; causal; num_heads=4"))
              .cross(Attention::parse("scaled_dot; key_lengths; num_heads=8"))
              .norm(norm)
              .activation(Activation::relu));
      randomize(*block);
      const torch::NoGradGuard no_gradient;
      const auto z = block->cross->project(torch::randn({2, 9, 32}));
      AttendInputs inputs;
      inputs.key_lengths = torch::tensor({9, 4}, at::kLong);
      const auto tokens = random_tokens(2 * beams, 32);
      const auto run = [&](bool by_modules) {
        KeyValueCache cache;
        return steps_of(tokens, by_modules,
                        [&](const auto& x) { return block->step(x, cache, z, inputs); });
      };
      expect_equal(run(true), run(false));
    }
}

/// Sequences of other lengths, some of which read several tokens, on pages: the bits of each alone on its cache. `Step`: of
/// a row's x, its cache and its number, or of all on pages.
template <class Step>
void expect_rows_as_alone(const PageLayout& own, const PageLayout& source,
                          const std::vector<int64_t>& sources, const Step& step) {
  const auto pool = std::make_shared<PagePool>(own, source, at::kFloat, int64_t{1} << 24);
  const RowsAlone alone;
  const torch::NoGradGuard no_gradient;
  std::vector<PageTable> tables(3, PageTable(pool, pool->own()));
  std::vector<PageTable> of_source;
  std::vector<KeyValueCache> caches(3);
  std::vector<KeyValues> z;
  for (const int64_t length : sources) {
    const auto& [heads, key_width, value_width] = source.layers[0];
    z.push_back({torch::randn({1, heads, length, key_width}),
                 torch::randn({1, heads, length, value_width})});
    of_source.emplace_back(pool, pool->source());
    of_source.back().make_room(length);
    write_tokens(of_source.back(), 0, z.back().keys, z.back().values);
    of_source.back().advance(length);
  }
  const std::vector<std::vector<int64_t>> all{{1, 1, 70}, {1, 1, 64}, {1, 1, 20}, {1, 1, 1}};
  for (const auto& counts : all) {
    std::vector<StepRow> rows;
    std::vector<at::Tensor> given, want;
    for (size_t i = 0; i < 3; ++i) {
      given.push_back(torch::randn({1, counts[i], 32}));
      want.push_back(step(given.back(), caches[i], z.empty() ? KeyValues() : z[i]));
      tables[i].make_room(counts[i]);
      rows.push_back({&tables[i], of_source.empty() ? nullptr : &of_source[i], counts[i]});
    }
    at::Tensor found;
    {
      StepRows together(rows);
      KeyValueCache unused;
      found = step(torch::cat(given, 1), unused, KeyValues());
    }
    for (size_t i = 0; i < 3; ++i) tables[i].advance(counts[i]);
    EXPECT_TRUE(found.equal(torch::cat(want, 1)));
  }
}

TEST(BlockStep, RowsOnPagesHaveTheBitsThatTheyHaveAlone) {
  torch::manual_seed(7);
  // The last two are left to the modules.
  for (const char* how : {"scaled_dot; causal; rope; num_heads=4/2",
                          "scaled_dot; causal; rope(interleaved=1); num_heads=2",
                          "scaled_dot; causal; num_heads=4", "alibi; causal; num_heads=2",
                          "scaled_dot; causal; window(9, 0); softcap(3); num_heads=2"}) {
    SCOPED_TRACE(how);
    TransformerBlock block(TransformerBlockOptions(32).hidden(64).attention(Attention::parse(how)));
    randomize(*block);
    const auto& own = *block->attention;
    const int64_t G = own.options.attention().kv_heads();
    expect_rows_as_alone(
        PageLayout({{G, own.key_rows() / G, own.value_rows() / G}}), {}, {},
        [&](const auto& x, auto& cache, const auto&) { return block->step(x, cache); });
  }
}

TEST(BlockStep, RowsOfADecodersBlockOnPagesHaveTheBitsThatTheyHaveAlone) {
  torch::manual_seed(8);
  for (const char* how :
       {"scaled_dot; key_lengths; num_heads=8", "cosine; key_lengths; num_heads=8"}) {
    SCOPED_TRACE(how);
    TransformerDecoderBlock block(
        TransformerDecoderBlockOptions(32)
            .hidden(64)
            .attention(Attention::parse("scaled_dot; causal; num_heads=4"))
            .cross(Attention::parse(how)));
    randomize(*block);
    expect_rows_as_alone(PageLayout({{4, 8, 8}}), PageLayout({{8, 4, 4}}), {100, 1, 72},
                         [&](const auto& x, auto& cache, const KeyValues& z) {
                           AttendInputs inputs;
                           if (z.keys.defined())
                             inputs.key_lengths = torch::tensor({z.keys.size(2)}, at::kLong);
                           return block->step(x, cache, z, inputs);
                         });
  }
}

TEST(BlockStep, AreLeftToTheModulesWhereTheseDoMore) {
  torch::manual_seed(3);
  const torch::NoGradGuard no_gradient;
  const auto taken = [](TransformerBlock& block, const at::Tensor& x, int64_t before = 1) {
    const RowsAlone alone;
    KeyValueCache cache;
    for (int64_t i = 0; i < before; ++i) block->step(torch::randn({2, 1, 32}), cache);
    return step_by_rows(*block, x, cache, {}).defined();
  };
  const auto block_of = [](const char* how) {
    TransformerBlock block(TransformerBlockOptions(32).hidden(64).attention(Attention::parse(how)));
    block->eval();
    return block;
  };
  auto plain = block_of("scaled_dot; causal; num_heads=4");
  const auto x = torch::randn({2, 1, 32});
  EXPECT_TRUE(taken(plain, x));
  EXPECT_FALSE(taken(plain, x, 0));  // a first token
  EXPECT_FALSE(taken(plain, torch::randn({2, 3, 32})));
  EXPECT_FALSE(taken(plain, x.to(at::kDouble)));
  for (const char* how : {"scaled_dot; window(3, 0); num_heads=4", "scaled_dot; causal; sparsemax",
                          "cosine; causal", "scaled_dot; causal; softcap(3)"}) {
    auto other = block_of(how);
    EXPECT_FALSE(taken(other, x)) << how;
  }
  plain->train();
  EXPECT_FALSE(taken(plain, x));
}

}  // namespace
}  // namespace heed::nn
