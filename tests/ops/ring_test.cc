// Attention by several processes that hold a part of the keys each is that of one.
#include "ops/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "heed/core/error.h"
#include "heed/ops/parameters.h"
#include "ring_of_threads.h"

namespace heed {
namespace {

using testing::HasSubstr;

/// Tensors of one call and the output's gradient, all of whole sequences.
struct Whole {
  at::Tensor q, k, v, grad_out;
  AttendInputs inputs = {};

  /// Those that learn, and where a call has the ones beside q, k and v.
  std::vector<at::Tensor> leaves() const {
    std::vector<at::Tensor> all{q, k, v};
    auto copy = inputs;
    for (auto* t : learned(copy)) all.push_back(*t);
    return all;
  }
  static std::vector<at::Tensor*> learned(AttendInputs& inputs) {
    std::vector<at::Tensor*> all;
    if (inputs.bias) all.push_back(&*inputs.bias);
    for (auto& [name, tensor] : inputs.parameters) all.push_back(&tensor);
    return all;
  }
};

constexpr int64_t kBatch = 2, kHeads = 4, kGroups = 2, kWidth = 8;

Whole make_whole(const std::string& text, int64_t queries, int64_t keys,
                 at::ScalarType type = at::kDouble) {
  const auto plain = at::TensorOptions(type);
  const auto random = [&](at::IntArrayRef shape) {
    return torch::randn(shape, plain).requires_grad_();
  };
  const auto how = Attention::parse(text);
  Whole whole{random({kBatch, kHeads, queries, kWidth}), random({kBatch, kGroups, keys, kWidth}),
              random({kBatch, kGroups, keys, kWidth}),
              torch::randn({kBatch, kHeads, queries, kWidth}, plain)};
  auto& inputs = whole.inputs;
  for (const auto& spec : parameters_of(how, kHeads, kGroups, kWidth, kWidth))
    inputs.parameters[spec.name] = random(spec.shape);
  if (text.find("key_lengths") != std::string::npos)  // short ones have none
    inputs.key_lengths = torch::tensor({keys, keys < 10 ? 0 : keys / 3}, at::kLong);
  if (how.has_modifier("bias")) inputs.bias = random({kHeads, queries, keys});
  if (how.has_mask("attn_mask"))
    inputs.attn_mask = torch::randn({kBatch, 1, queries, keys}, plain) > 0.5;
  if (how.has_mask("segment_ids"))
    inputs.segment_ids = std::get<0>((torch::rand({kBatch, keys}) * 4).to(at::kLong).sort(1));
  if (how.has_mask("block_mask"))
    inputs.block_mask = torch::rand({kHeads, (queries + 3) / 4, (keys + 3) / 4}) > 0.5;
  inputs.training = true, inputs.seed = 77;
  return whole;
}

/// The output and the gradients of the leaves.
std::vector<at::Tensor> by_one(const Whole& whole, const std::string& text) {
  const auto out = attend(whole.q, whole.k, whole.v, Attention::parse(text), whole.inputs);
  auto all = torch::autograd::grad({out}, whole.leaves(), {whole.grad_out}, c10::nullopt, false,
                                   /*allow_unused=*/true);
  all.insert(all.begin(), out.detach());
  return all;
}

std::vector<at::Tensor> by_ring(const Whole& whole, const std::string& text, int64_t count) {
  const ops::RingLengths lengths{whole.q.size(2), whole.k.size(2)};
  std::vector<at::Tensor> all{torch::zeros_like(whole.grad_out)};
  for (const auto& leaf : whole.leaves()) all.push_back(torch::zeros_like(leaf));
  std::mutex mutex;
  in_ring(count, [&](Ring& ring) {
    const ops::RingPart queries(ring.rank(), count, lengths.queries),
        keys(ring.rank(), count, lengths.keys);
    std::vector<at::Tensor> own{queries.of(whole.q.detach(), 2).requires_grad_(),
                                keys.of(whole.k.detach(), 2).requires_grad_(),
                                keys.of(whole.v.detach(), 2).requires_grad_()};
    auto inputs = whole.inputs;
    for (auto* t : Whole::learned(inputs)) {
      *t = t->detach().clone().requires_grad_();
      own.push_back(*t);
    }
    const auto out =
        ops::ring_attend(ring, own[0], own[1], own[2], Attention::parse(text), inputs, lengths);
    const auto grads = torch::autograd::grad({out}, own, {queries.of(whole.grad_out, 2)});
    const std::lock_guard lock(mutex);
    queries.put(out.detach(), all[0], 2), queries.put(grads[0], all[1], 2);
    keys.put(grads[1], all[2], 2), keys.put(grads[2], all[3], 2);
    for (size_t i = 3; i < grads.size(); ++i) all[1 + i] = all[1 + i] + grads[i];
  });
  return all;
}

void expect_same(const std::string& text, int64_t count, int64_t queries, int64_t keys) {
  torch::manual_seed(queries + keys);
  const auto whole = make_whole(text, queries, keys);
  const auto wanted = by_one(whole, text), found = by_ring(whole, text, count);
  ASSERT_EQ(found.size(), wanted.size());
  for (size_t i = 0; i < found.size(); ++i) {
    const auto want = wanted[i].defined() ? wanted[i] : torch::zeros_like(found[i]);
    EXPECT_TRUE(torch::allclose(found[i], want, 1e-9, 1e-10))
        << i << " of " << count << " processes, " << queries << " queries and " << keys
        << " keys: " << (found[i] - want).abs().max().item<double>();
  }
}

class RingAttention : public testing::TestWithParam<std::string> {};

TEST_P(RingAttention, IsThatOfOneProcess) {
  for (const int64_t count : {2, 3})
    for (const int64_t length : {1, 5, 83}) expect_same(GetParam(), count, length, length);
}

INSTANTIATE_TEST_SUITE_P(
    OfMechanisms, RingAttention,
    testing::Values("scaled_dot", "scaled_dot; causal", "scaled_dot; key_lengths",
                    "cosine; causal; softcap(5)", "general; window(7, 0)",
                    "scaled_dot; window(9, 4)", "scaled_dot; causal; dilated(12, 0, 2)",
                    "scaled_dot; strided(6)", "scaled_dot; alibi; causal",
                    "scaled_dot; relative(8, 20, 1)", "scaled_dot; shaw(5, 1); causal",
                    "scaled_dot; transformer_xl; causal", "additive; causal", "additive; sigmoid",
                    "uniform; causal", "scaled_dot; causal; adaptive_span(30, 8, 0.5)",
                    "scaled_dot; causal | window(3, 3)", "scaled_dot; prefix(9)",
                    "scaled_dot; causal | global(2)", "scaled_dot; fixed(8, 2)",
                    "scaled_dot; random_blocks(4, 2, 3)", "scaled_dot; causal | key_lengths",
                    "location(96)", "location(120); causal", "scaled_dot; causal; sinks",
                    "scaled_dot; prefix(0); sinks", "scaled_dot; sigmoid(-1)",
                    "scaled_dot; causal; window(6, 0); sigmoid", "scaled_dot; shaw(5, 1); sigmoid",
                    "scaled_dot; bias", "scaled_dot; causal; bias; sinks", "scaled_dot; attn_mask",
                    "scaled_dot; segment_ids; causal", "scaled_dot; segment_ids | window(2, 0)",
                    "scaled_dot; block_mask(4)", "scaled_dot; causal; dropout=0.3",
                    "scaled_dot; sinks; dropout=0.6", "scaled_dot; sigmoid; dropout=0.3"));

class RingCrossAttention : public testing::TestWithParam<std::string> {};

TEST_P(RingCrossAttention, IsThatOfOneProcess) {
  for (const int64_t count : {2, 3})
    for (const auto& [queries, keys] :
         std::vector<std::pair<int64_t, int64_t>>{{1, 40}, {40, 3}, {13, 29}, {0, 8}, {5, 0}})
      expect_same(GetParam(), count, queries, keys);
}

INSTANTIATE_TEST_SUITE_P(OfMechanisms, RingCrossAttention,
                         testing::Values("scaled_dot", "scaled_dot; key_lengths; sinks",
                                         "additive; key_lengths", "scaled_dot; causal",
                                         "scaled_dot; causal; sinks; alibi", "location(40)",
                                         "scaled_dot; relative(8, 20, 1); window(5, 5)",
                                         "scaled_dot; bias",
                                         "scaled_dot; random_blocks(4, 2, 3); sigmoid",
                                         "scaled_dot; block_mask(4)", "scaled_dot; dropout=0.4"));

TEST(Ring, BiasThatBroadcastsAndAddedMasks) {
  torch::manual_seed(2);
  auto whole = make_whole("scaled_dot", 23, 23);
  const auto plain = at::TensorOptions(at::kDouble);
  whole.inputs.bias = torch::randn({kBatch, 1, 1, 23}, plain).requires_grad_();
  whole.inputs.attn_mask =
      torch::randn({23, 23}, plain)
          .masked_fill(torch::rand({23, 23}) > 0.7, -std::numeric_limits<double>::infinity());
  const auto wanted = by_one(whole, "scaled_dot"), found = by_ring(whole, "scaled_dot", 3);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_TRUE(torch::allclose(found[i], wanted[i], 1e-9, 1e-10)) << i;
}

TEST(Ring, SinksThatTakeAllOrNothing) {
  torch::manual_seed(3);
  auto whole = make_whole("scaled_dot; causal; sinks", 23, 23);
  constexpr double inf = std::numeric_limits<double>::infinity();
  whole.inputs.parameters["sinks.score"] =
      torch::tensor({0.5, -inf, inf, 800.0}, at::kDouble).requires_grad_();
  const auto wanted = by_one(whole, "scaled_dot; causal; sinks"),
             found = by_ring(whole, "scaled_dot; causal; sinks", 2);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_TRUE(torch::allclose(found[i], wanted[i], 1e-9, 1e-10)) << i << '\n'
                                                                   << found[i] << wanted[i];
}

TEST(Ring, RowStatsAreThoseOfTheWhole) {
  torch::manual_seed(4);
  const std::string text = "scaled_dot; causal; sinks";
  const auto whole = make_whole(text, 31, 31);
  const auto wanted = std::get<1>(
      attend_with_row_stats(whole.q, whole.k, whole.v, Attention::parse(text), whole.inputs));
  in_ring(2, [&](Ring& ring) {
    const ops::RingPart part(ring.rank(), 2, 31);
    at::Tensor found;
    ops::ring_attend(ring, part.of(whole.q, 2), part.of(whole.k, 2), part.of(whole.v, 2),
                     Attention::parse(text), whole.inputs, {31, 31}, &found);
    EXPECT_TRUE(torch::allclose(found, part.of(wanted, 3), 1e-9, 1e-10));
  });
}

TEST(Ring, MergesIn32Bits) {
  torch::manual_seed(4);
  const auto whole = make_whole("scaled_dot; causal", 300, 300, at::kFloat);
  const auto wanted = by_one(whole, "scaled_dot; causal");
  const auto found = by_ring(whole, "scaled_dot; causal", 4);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_TRUE(torch::allclose(found[i], wanted[i], 1e-4, 1e-5)) << i;
}

TEST(Ring, GathersTheWholeAndAddsUpItsGradients) {
  for (const int64_t count : {2, 3})
    for (const int64_t length : {1, 13}) {
      const auto whole = torch::randn({2, length, 3, 2}),
                 weights = torch::randn({count, 2, length, 3, 2});
      in_ring(count, [&](Ring& ring) {
        const ops::RingPart part(ring.rank(), count, length);
        const auto own = part.of(whole, 1).requires_grad_();
        const auto found = ops::ring_gather(ring, own, length);
        EXPECT_TRUE(at::equal(found, whole));
        (found * weights[ring.rank()]).sum().backward();
        EXPECT_TRUE(at::allclose(own.grad(), part.of(weights.sum(0), 1), 1e-5, 1e-6));
      });
    }
}

TEST(Ring, PartsOfACausalSequenceHaveTheSameWork) {
  for (const int64_t count : {2, 4, 7}) {
    const int64_t length = 2 * count * 50;
    std::vector<int64_t> seen;
    for (int64_t rank = 0; rank < count; ++rank) {
      int64_t keys = 0;
      for (const auto& piece : ops::RingPart(rank, count, length).pieces)
        for (int64_t i = piece.first; i < piece.end(); ++i) keys += i + 1;
      seen.push_back(keys);
    }
    EXPECT_THAT(seen, testing::Each(seen.front())) << count;
  }
}

TEST(Ring, PartsAreTheWholeOnce) {
  for (const int64_t length : {0, 1, 9, 64}) {
    std::vector<int64_t> seen(static_cast<size_t>(length), 0);
    for (int64_t rank = 0; rank < 3; ++rank)
      for (const auto& piece : ops::RingPart(rank, 3, length).pieces)
        for (int64_t i = piece.first; i < piece.end(); ++i) ++seen[static_cast<size_t>(i)];
    EXPECT_THAT(seen, testing::Each(1));
  }
}

TEST(Ring, WordsThatOnePassCannotDoAreRefusedByName) {
  for (const auto& [text, word] :
       std::vector<std::pair<std::string, std::string>>{{"scaled_dot; sparsemax", "sparsemax"},
                                                        {"scaled_dot; entmax15", "entmax15"},
                                                        {"scaled_dot; hard", "hard"},
                                                        {"scaled_dot; geometric", "geometric"},
                                                        {"scaled_dot; talking", "talking"}})
    try {
      ops::check_ring(Attention::parse(text));
      ADD_FAILURE() << text;
    } catch (const ModelError& error) {
      EXPECT_THAT(error.what(), HasSubstr("'" + word + "'"));
    }
}

}  // namespace
}  // namespace heed
