// Attention by several processes that hold a part of the keys each is that of one.
#include "ops/ring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "heed/core/error.h"
#include "heed/ops/parameters.h"

namespace heed {
namespace {

using testing::HasSubstr;

/// Threads in a ring: what each sends lies here until the next one takes it.
class Table {
 public:
  explicit Table(int64_t count) : sent_(static_cast<size_t>(count)) {}
  void put(int64_t rank, const at::Tensor& values) {
    const std::lock_guard lock(mutex_);
    sent_[static_cast<size_t>(rank)].push_back(values.clone());
    changed_.notify_all();
  }
  at::Tensor take(int64_t rank, size_t number) {
    std::unique_lock lock(mutex_);
    const auto& of = sent_[static_cast<size_t>(rank)];
    changed_.wait(lock, [&] { return of.size() > number; });
    return of[number];
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<at::Tensor>> sent_;
};

class Seat : public Ring {
 public:
  Seat(Table& table, int64_t rank, int64_t count) : table_(table), rank_(rank), count_(count) {}
  int64_t rank() const override { return rank_; }
  int64_t count() const override { return count_; }
  std::function<void()> start_pass(at::Tensor from, at::Tensor to) override {
    table_.put(rank_, from);
    return [this, to, number = passes_++] {
      to.copy_(table_.take((rank_ + count_ - 1) % count_, number));
    };
  }

 private:
  Table& table_;
  int64_t rank_, count_;
  size_t passes_ = 0;
};

/// Leaves of one call and the output's gradient, all of whole sequences.
struct Whole {
  at::Tensor q, k, v, grad_out;
  std::map<std::string, at::Tensor> parameters = {};
  std::optional<at::Tensor> lengths = {};

  std::vector<at::Tensor> leaves() const {
    std::vector<at::Tensor> all{q, k, v};
    for (const auto& [name, tensor] : parameters) all.push_back(tensor);
    return all;
  }
  AttendInputs inputs() const {
    AttendInputs inputs;
    inputs.key_lengths = lengths;
    inputs.parameters = parameters;
    return inputs;
  }
};

Whole make_whole(const std::string& text, int64_t length, at::ScalarType type = at::kDouble) {
  const int64_t B = 2, H = 4, G = 2, D = 8;
  const auto random = [&](at::IntArrayRef shape) {
    return torch::randn(shape, at::TensorOptions(type)).requires_grad_();
  };
  const auto how = Attention::parse(text);
  Whole whole{random({B, H, length, D}), random({B, G, length, D}), random({B, G, length, D}),
              torch::randn({B, H, length, D}, at::TensorOptions(type))};
  for (const auto& spec : parameters_of(how, H, G, D, D))
    whole.parameters[spec.name] = random(spec.shape);
  if (how.has_mask("key_lengths")) whole.lengths = torch::tensor({length, length / 3}, at::kLong);
  return whole;
}

/// The output and the gradients of the leaves.
std::vector<at::Tensor> by_one(const Whole& whole, const std::string& text) {
  const auto out = attend(whole.q, whole.k, whole.v, Attention::parse(text), whole.inputs());
  auto all = torch::autograd::grad({out}, whole.leaves(), {whole.grad_out}, c10::nullopt, false,
                                   /*allow_unused=*/true);
  all.insert(all.begin(), out.detach());
  return all;
}

/// Puts a part's rows where they are in the whole.
void put_part(const at::Tensor& whole, const ops::RingPart& part, const at::Tensor& rows) {
  int64_t row = 0;
  for (const auto& piece : part.pieces) {
    whole.narrow(2, piece.first, piece.size).copy_(rows.narrow(2, row, piece.size));
    row += piece.size;
  }
}

std::vector<at::Tensor> by_ring(const Whole& whole, const std::string& text, int64_t count) {
  const int64_t length = whole.q.size(2);
  Table table(count);
  std::vector<at::Tensor> all{torch::zeros_like(whole.grad_out)};
  for (const auto& leaf : whole.leaves()) all.push_back(torch::zeros_like(leaf));
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count; ++rank)
    threads.emplace_back([&, rank] {
      Seat seat(table, rank, count);
      const ops::RingPart part(rank, count, length);
      std::vector<at::Tensor> own;
      for (const auto* x : {&whole.q, &whole.k, &whole.v})
        own.push_back(part.of(x->detach(), 2).requires_grad_());
      auto inputs = whole.inputs();
      for (auto& [name, tensor] : inputs.parameters) {
        tensor = tensor.detach().clone().requires_grad_();
        own.push_back(tensor);
      }
      const auto out =
          ops::ring_attend(seat, own[0], own[1], own[2], Attention::parse(text), inputs, length);
      const auto grads = torch::autograd::grad({out}, own, {part.of(whole.grad_out, 2)});
      const std::lock_guard lock(mutex);
      put_part(all[0], part, out.detach());
      for (size_t i = 0; i < grads.size(); ++i) {
        if (i < 3)
          put_part(all[1 + i], part, grads[i]);
        else
          all[1 + i] = all[1 + i] + grads[i];
      }
    });
  for (auto& thread : threads) thread.join();
  return all;
}

class RingAttention : public testing::TestWithParam<std::string> {};

TEST_P(RingAttention, IsThatOfOneProcess) {
  for (const int64_t count : {2, 3, 4})
    for (const int64_t length : {5, 37, 96}) {
      torch::manual_seed(length);
      const auto whole = make_whole(GetParam(), length);
      const auto wanted = by_one(whole, GetParam()), found = by_ring(whole, GetParam(), count);
      ASSERT_EQ(found.size(), wanted.size());
      for (size_t i = 0; i < found.size(); ++i) {
        const auto want = wanted[i].defined() ? wanted[i] : torch::zeros_like(found[i]);
        EXPECT_TRUE(torch::allclose(found[i], want, 1e-9, 1e-10))
            << i << " of " << count << " processes and " << length
            << " tokens: " << (found[i] - want).abs().max().item<double>();
      }
    }
}

INSTANTIATE_TEST_SUITE_P(
    OfMechanisms, RingAttention,
    testing::Values("scaled_dot", "scaled_dot; causal", "scaled_dot; key_lengths",
                    "cosine; causal; softcap(5)", "general; window(7, 0)",
                    "scaled_dot; window(9, 4)", "scaled_dot; causal; dilated(12, 0, 2)",
                    "scaled_dot; strided(6)", "scaled_dot; alibi; causal",
                    "scaled_dot; relative(8, 20, 1)", "scaled_dot; shaw(5, 1); causal",
                    "scaled_dot; transformer_xl; causal", "additive; causal", "uniform; causal",
                    "scaled_dot; causal; adaptive_span(30, 8, 0.5)",
                    "scaled_dot; causal | window(3, 3)"));

TEST(Ring, MergesIn32Bits) {
  torch::manual_seed(4);
  const auto whole = make_whole("scaled_dot; causal", 300, at::kFloat);
  const auto wanted = by_one(whole, "scaled_dot; causal");
  const auto found = by_ring(whole, "scaled_dot; causal", 4);
  for (size_t i = 0; i < found.size(); ++i)
    EXPECT_TRUE(torch::allclose(found[i], wanted[i], 1e-4, 1e-5)) << i;
}

TEST(Ring, GathersTheWholeAndAddsUpItsGradients) {
  for (const int64_t count : {2, 3})
    for (const int64_t length : {1, 13}) {
      Table table(count);
      const auto whole = torch::randn({2, length, 3}),
                 weights = torch::randn({count, 2, length, 3});
      std::vector<std::thread> threads;
      for (int64_t rank = 0; rank < count; ++rank)
        threads.emplace_back([&, rank] {
          Seat seat(table, rank, count);
          const ops::RingPart part(rank, count, length);
          const auto own = part.of(whole, 1).requires_grad_();
          const auto found = ops::ring_gather(seat, own, length);
          EXPECT_TRUE(at::equal(found, whole));
          (found * weights[rank]).sum().backward();
          EXPECT_TRUE(at::allclose(own.grad(), part.of(weights.sum(0), 1), 1e-5, 1e-6));
        });
      for (auto& thread : threads) thread.join();
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
  for (const auto& [text, word] : std::vector<std::pair<std::string, std::string>>{
           {"scaled_dot; sparsemax", "sparsemax"},
           {"scaled_dot; geometric", "geometric"},
           {"scaled_dot; sinks", "sinks"},
           {"scaled_dot; talking", "talking"},
           {"location(9)", "location"},
           {"scaled_dot; prefix(3)", "prefix"},
           {"scaled_dot; causal | global(2)", "global"},
           {"scaled_dot; segment_ids", "segment_ids"}})
    try {
      ops::check_ring(Attention::parse(text));
      ADD_FAILURE() << text;
    } catch (const ModelError& error) {
      EXPECT_THAT(error.what(), HasSubstr("'" + word + "'"));
    }
}

}  // namespace
}  // namespace heed
