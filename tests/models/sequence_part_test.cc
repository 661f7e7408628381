// Modules that are given a part of sequences make what they make of the whole.
#include "nn/sequence_part.h"

#include <gtest/gtest.h>

#include "heed/models/block_stack.h"
#include "heed/nn/recording.h"
#include "heed/nn/transformer_decoder_block.h"
#include "ring_of_threads.h"

namespace heed::nn {
namespace {

constexpr int64_t kRingWidth = 16;

at::Tensor random_tokens(int64_t length, uint64_t seed) {
  torch::manual_seed(seed);
  return torch::randn({2, length, kRingWidth}, at::kDouble);
}

/// A module whose forward takes tokens (B, L, M) of each of some sequences and gives those of the first.
using Forward = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

/// The output and the gradients of sequences and parameters.
std::vector<at::Tensor> learned_by(const std::vector<at::Tensor>& given,
                                   const std::vector<at::Tensor>& parameters, const at::Tensor& to,
                                   const Forward& forward) {
  std::vector<at::Tensor> inputs;
  for (const auto& x : given) inputs.push_back(x.detach().clone().requires_grad_());
  const auto out = forward(inputs);
  auto all = inputs;
  all.insert(all.end(), parameters.begin(), parameters.end());
  auto grads = torch::autograd::grad({out}, all, {to});
  grads.insert(grads.begin(), out.detach());
  return grads;
}

/// Compares a forward of whole sequences with the same by `count` processes that have a part of each.
void expect_same_in_parts(const torch::nn::Module& module, const std::vector<at::Tensor>& whole,
                          const Forward& forward, int64_t count) {
  const auto parameters = module.parameters();
  const int64_t length = whole[0].size(1), memory = whole.back().size(1);
  const auto to = random_tokens(length, 99);
  const auto wanted = learned_by(whole, parameters, to, forward);
  std::vector<at::Tensor> found;
  for (const auto& t : wanted) found.push_back(torch::zeros_like(t));
  std::mutex mutex;
  in_ring(count, [&](Ring& ring) {
    const SequencePart here(&ring, length, memory);
    const auto part_of = [&](const at::Tensor& x) { return SequencePart::here().part(x.size(1)); };
    std::vector<at::Tensor> parts;
    for (const auto& x : whole) parts.push_back(part_of(x).of(x, 1));
    const auto own = learned_by(parts, parameters, part_of(to).of(to, 1), forward);
    const std::lock_guard lock(mutex);
    part_of(to).put(own[0], found[0], 1);
    for (size_t i = 0; i < whole.size(); ++i) part_of(whole[i]).put(own[1 + i], found[1 + i], 1);
    for (size_t i = 1 + whole.size(); i < own.size(); ++i) found[i].add_(own[i]);
  });
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_TRUE(torch::allclose(found[i], wanted[i], 1e-9, 1e-10))
        << i << " of " << count
        << " processes: " << (found[i] - wanted[i]).abs().max().item<double>();
}

MultiHeadAttention attention_by(const std::string& how) {
  torch::manual_seed(5);
  MultiHeadAttention attention(
      MultiHeadAttentionOptions(kRingWidth).attention(Attention::parse(how)));
  attention->to(at::kDouble);
  return attention;
}

TEST(SequencePart, AttentionToOneself) {
  for (const std::string how :
       {"rope; causal; num_heads=2", "sinusoidal; num_heads=4", "learned(25); num_heads=2",
        "rope_2d; num_heads=2", "scaled_dot; key_lengths; gate; num_heads=2"}) {
    auto attention = attention_by(how);
    AttendInputs inputs;
    if (how.find("key_lengths") != std::string::npos)
      inputs.key_lengths = torch::tensor({25, 4}, at::kLong);
    for (const int64_t count : {2, 3})
      expect_same_in_parts(
          *attention, {random_tokens(25, 1)},
          [&](const auto& x) { return attention->forward(x[0], inputs); }, count);
  }
}

TEST(SequencePart, PackedSegments) {
  auto attention = attention_by("rope; causal; segment_ids; num_heads=2");
  AttendInputs inputs;
  inputs.segment_ids = torch::tensor({{0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 2, 2, 3, 3},
                                      {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}},
                                     at::kLong);
  for (const int64_t count : {2, 4})
    expect_same_in_parts(
        *attention, {random_tokens(15, 2)},
        [&](const auto& x) { return attention->forward(x[0], inputs); }, count);
}

TEST(SequencePart, DecoderBlockThatReadsAMemory) {
  for (const std::string how : {"num_heads=2", "rope; num_heads=2", "sinks; num_heads=2"}) {
    torch::manual_seed(6);
    auto cross = Attention::parse(how);
    cross.masks.push_back(OpSpec{"key_lengths"});
    TransformerDecoderBlock block(TransformerDecoderBlockOptions(kRingWidth)
                                      .attention(Attention::parse("rope; causal; num_heads=2"))
                                      .cross(cross));
    block->to(at::kDouble);
    for (const auto& [target, source] :
         std::vector<std::pair<int64_t, int64_t>>{{17, 30}, {30, 5}, {2, 9}}) {
      AttendInputs inputs;
      inputs.key_lengths = torch::tensor({source, source / 2}, at::kLong);
      expect_same_in_parts(
          *block, {random_tokens(target, 3), random_tokens(source, 4)},
          [&](const auto& x) { return block->forward(x[0], x[1], inputs); }, 2);
    }
  }
}

TEST(SequencePart, StacksPartWhatTheyAreGivenAndGiveTheWhole) {
  torch::manual_seed(7);
  BlockStackOptions options;
  options.width = kRingWidth, options.dropout = 0;
  options.attention = Attention::parse("rope; global(2) | window(4, 4); key_lengths; num_heads=2");
  struct Owner : torch::nn::Module {};
  auto owner = std::make_shared<Owner>();
  BlockStack stack(*owner, options);
  owner->to(at::kDouble);
  for (const int64_t length : {1, 3, 21}) {
    const auto x = random_tokens(length, 8), to = random_tokens(length, 9);
    AttendInputs inputs;
    inputs.key_lengths = torch::tensor({length, length - 1}, at::kLong);
    const Forward forward = [&](const auto& given) { return stack.forward(given[0], inputs); };
    const auto wanted = learned_by({x}, owner->parameters(), to, forward);
    std::vector<at::Tensor> found;
    for (const auto& t : wanted) found.push_back(torch::zeros_like(t));
    std::mutex mutex;
    in_ring(2, [&](Ring& ring) {
      const PartedStacks parted(&ring);
      // As the trainer has it: the loss is the first process'.
      const auto own = learned_by({x}, owner->parameters(), to * (ring.rank() == 0), forward);
      const std::lock_guard lock(mutex);
      EXPECT_TRUE(torch::allclose(own[0], wanted[0], 1e-9, 1e-10));
      for (size_t i = 1; i < own.size(); ++i) found[i].add_(own[i]);
    });
    for (size_t i = 1; i < found.size(); ++i)
      EXPECT_TRUE(torch::allclose(found[i], wanted[i], 1e-9, 1e-10)) << i << " of " << length;
  }
}

TEST(SequencePart, MapsAreThoseOfTheWhole) {
  torch::manual_seed(10);
  TransformerDecoderBlock block(
      TransformerDecoderBlockOptions(kRingWidth)
          .attention(Attention::parse("rope; causal; sinks; num_heads=4/2"))
          .cross(Attention::parse("scaled_dot; key_lengths; num_heads=2")));
  block->to(at::kDouble);
  const auto x = random_tokens(13, 11), z = random_tokens(21, 12);
  AttendInputs inputs;
  inputs.key_lengths = torch::tensor({21, 6}, at::kLong);
  const Recording whole(*block);
  block->forward(x, z, inputs);
  in_ring(3, [&](Ring& ring) {
    const Recording parts(*block);
    const SequencePart here(&ring, 13, 21);
    const auto& place = SequencePart::here();
    block->forward(place.part(13).of(x, 1), place.part(21).of(z, 1), inputs);
    ASSERT_EQ(parts.size(), 2u);
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_EQ(parts.map(i).name(), whole.map(i).name());
      for (const int64_t b : {0, 1})
        EXPECT_TRUE(torch::allclose(parts.map(i).dense(b), whole.map(i).dense(b), 1e-9, 1e-10))
            << i;
    }
  });
}

}  // namespace
}  // namespace heed::nn
