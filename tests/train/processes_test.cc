// Several ranks as threads of this process, each with connections of its own.
#include "heed/train/processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <thread>

#include "core/network.h"
#include "heed/core/error.h"
#include "nn/shared_batch_norm.h"
#include "ops/ring.h"
#include "train/gradient_buckets.h"
#include "train/optimizer.h"
#include "train/process_group.h"

namespace heed {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// Runs `work` in each of `count` processes at once. What each threw.
std::vector<std::string> together(int64_t count, const std::function<void(Processes&)>& work) {
  const int port = free_port();
  std::vector<std::string> errors(static_cast<size_t>(count));
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < count; ++rank) {
    threads.emplace_back([&, rank] {
      try {
        const auto group = make_process_group({.launcher = "test",
                                               .rank = rank,
                                               .world_size = count,
                                               .local_rank = rank,
                                               .local_world_size = count,
                                               .master_addr = "127.0.0.1",
                                               .master_port = port});
        work(*group);
      } catch (const std::exception& error) {
        errors[static_cast<size_t>(rank)] = error.what();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  return errors;
}

TEST(ProcessGroup, SumsSharesAndGathers) {
  const auto errors = together(3, [](Processes& all) {
    const auto rank = static_cast<double>(all.rank());
    std::vector<double> values{1, rank, rank * rank};
    all.sum(values);
    EXPECT_THAT(values, ElementsAre(3, 3, 5));
    EXPECT_EQ(all.from_first("of rank " + std::to_string(all.rank())), "of rank 0");
    EXPECT_EQ(all.from_first(all.is_first() ? "" : "longer"), "");
    std::vector<double> number{rank + 7};
    all.from_first(number);
    EXPECT_EQ(number[0], 7);
    auto rows = at::full({2, 3}, rank + 1).t();
    all.from_first(rows);
    EXPECT_TRUE(at::equal(rows, at::ones({3, 2})));
    EXPECT_THAT(all.gather(std::string(static_cast<size_t>(all.rank()), 'x')),
                ElementsAre("", "x", "xx"));
    EXPECT_THAT(all.name(1), HasSubstr("rank 1 on " + host_name()));
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST(ProcessGroup, RingsOfSuccessiveRanksPassOn) {
  const auto errors = together(4, [](Processes& all) {
    auto& ring = *all.ring(2);
    EXPECT_EQ(ring.count(), 2);
    EXPECT_EQ(ring.rank(), all.rank() % 2);
    for (int64_t size = 1; size < 4; ++size) {  // of the one before, another size
      const auto other = all.rank() ^ 1;
      auto taken = at::zeros({size + other});
      ring.start_pass(at::full({size + all.rank()}, static_cast<float>(all.rank())), taken)();
      EXPECT_TRUE(at::equal(taken, at::full({size + other}, static_cast<float>(other))));
    }
    std::vector<double> values{1};
    all.sum(values);
    EXPECT_EQ(values[0], 4);
    EXPECT_GT(all.waited(), 0);
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST(ProcessGroup, RingsOfOneSizeAreApart) {
  const auto errors = together(2, [](Processes& all) {
    auto &first = *all.ring(2), &second = *all.ring(2);
    const auto other = static_cast<float>(all.rank() ^ 1), own = static_cast<float>(all.rank());
    auto of_first = at::zeros({1}), of_second = at::zeros({2});
    const auto wait = second.start_pass(at::full({2}, 10 + own), of_second);
    first.start_pass(at::full({1}, own), of_first)();
    wait();
    EXPECT_TRUE(at::equal(of_first, at::full({1}, other)));
    EXPECT_TRUE(at::equal(of_second, at::full({2}, 10 + other)));
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST(ProcessGroup, WhatOneOfThemHasIsForAll) {
  const auto errors = together(3, [](Processes& all) {
    for (int64_t rank = 0; rank < 3; ++rank) {
      auto values = at::full({5}, all.rank(), at::kLong);
      all.start_from(rank, values)();
      EXPECT_TRUE(at::equal(values, at::full({5}, rank, at::kLong)));
    }
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST(ProcessGroup, OneAloneAsksNobody) {
  Processes alone;
  std::vector<double> values{2};
  alone.sum(values);
  EXPECT_EQ(values[0], 2);
  EXPECT_THAT(alone.gather("a"), ElementsAre("a"));
  EXPECT_EQ(alone.from_first("b"), "b");
  EXPECT_FALSE(alone.are_several());
}

TEST(ProcessGroup, ThoseWhoWaitAreToldWhyOneEnded) {
  const auto errors = together(3, [](Processes& all) {
    if (all.rank() == 2) {
      all.tell_failure("no space left");
      throw std::runtime_error("no space left");
    }
    std::vector<double> values{1};
    all.sum(values);
    ADD_FAILURE() << "a sum without one of three";
  });
  EXPECT_EQ(errors[2], "no space left");
  for (const size_t rank : {0u, 1u}) {
    EXPECT_THAT(errors[rank], HasSubstr("rank 2 on "));
    EXPECT_THAT(errors[rank], HasSubstr("has ended: no space left"));
  }
}

TEST(ProcessGroup, AnotherNumberOfProcessesIsRefused) {
  const int port = free_port();
  std::vector<std::string> errors(2);
  std::vector<std::thread> threads;
  for (int64_t rank = 0; rank < 2; ++rank)
    threads.emplace_back([&, rank] {
      try {  // the first one waits for two, the other knows of three
        make_process_group({.rank = rank,
                            .world_size = 2 + rank,
                            .local_world_size = 2 + rank,
                            .master_addr = "127.0.0.1",
                            .master_port = port});
      } catch (const std::exception& error) {
        errors[static_cast<size_t>(rank)] = error.what();
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(errors[0], HasSubstr("was told of WORLD_SIZE = 3"));
  EXPECT_NE(errors[1], "");  // the same of the first, or that it has ended
}

/// Of a step in which rank r sees the rows r, r + count, ... of x, and uses `extra` where r is 1.
struct Net : torch::nn::Module {
  Net() {
    first = register_module("first", torch::nn::Linear(1200, 1000));
    second = register_module("second", torch::nn::Linear(1000, 4));
    extra = register_module("extra", torch::nn::Linear(4, 1));
    unused = register_module("unused", torch::nn::Linear(2, 2));
    lent_words = register_module("lent_words", torch::nn::Embedding(9000, 64));
    unused_words = register_module("unused_words", torch::nn::Embedding(9000, 64));
    few_words = register_module("few_words", torch::nn::Embedding(9000, 64));
    all_words = register_module("all_words", torch::nn::Embedding(9000, 64));
  }
  at::Tensor loss(const at::Tensor& x, bool with_extra) {
    const auto y = second->forward(first->forward(x).tanh()) + words(x);
    return y.square().sum() +
           (with_extra ? extra->forward(y).sum() + lent_words(at::arange(5)).sum() : at::zeros({}));
  }
  /// Each row of x says which: words 30 to 33 and its own two of a table, and all of another.
  at::Tensor words(const at::Tensor& x) {
    const auto own = (x.select(1, 0).abs() * 1e5).to(at::kLong).remainder(9000).unsqueeze(1);
    const auto some = at::cat({own, own.add(7).remainder(9000), own.remainder(4).add(30)}, 1);
    return few_words(some).sum(1).slice(1, 0, 4) +
           all_words->weight.sum(0).square().slice(0, 0, 4) * 1e-4;
  }
  torch::nn::Linear first{nullptr}, second{nullptr}, extra{nullptr}, unused{nullptr};
  torch::nn::Embedding lent_words{nullptr}, unused_words{nullptr}, few_words{nullptr},
      all_words{nullptr};
};

std::vector<at::Tensor> gradients_of(Net& net) {
  std::vector<at::Tensor> all;
  for (const auto& parameter : net.parameters())
    all.push_back(parameter.grad().defined() ? parameter.grad().clone() : at::Tensor());
  return all;
}

class Buckets : public testing::Test {
 protected:
  /// The gradients of rank 0 after `backwards` of which the last is reduced; 4 rows.
  std::vector<at::Tensor> reduced(int64_t count, int64_t backwards = 1) {
    std::vector<at::Tensor> found;
    std::vector<std::shared_ptr<Net>> nets;
    for (int64_t i = 0; i < count; ++i) {
      torch::manual_seed(3);
      nets.push_back(std::make_shared<Net>());
    }
    const auto errors = together(count, [&](Processes& all) {
      auto& net = *nets[static_cast<size_t>(all.rank())];
      GradientBuckets buckets(net, all);
      for (int64_t i = 0; i < backwards; ++i) {
        if (i + 1 == backwards) buckets.arm();
        if (all.rank() < x_.size(0))
          net.loss(x_.slice(0, all.rank(), x_.size(0), all.count()), all.rank() == 1).backward();
      }
      buckets.finish();
      if (all.is_first()) found = gradients_of(net);
    });
    EXPECT_THAT(errors, testing::Each(""));
    return found;
  }

  /// Those of one process: the whole batch, and the extra rows.
  std::vector<at::Tensor> wanted(int64_t count) {
    torch::manual_seed(3);
    Net net;
    for (int64_t rank = 0; rank < std::min(count, x_.size(0)); ++rank)
      net.loss(x_.slice(0, rank, x_.size(0), count), rank == 1).backward();
    return gradients_of(net);
  }

  const at::Tensor x_ = [] {
    torch::manual_seed(5);
    return torch::randn({4, 1200});
  }();
};

TEST_F(Buckets, GiveEveryProcessTheSum) {
  for (const int64_t count : {2, 3, 5}) {  // of five, one has no row
    const auto found = reduced(count), expected = wanted(count);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_EQ(found[i].defined(), expected[i].defined()) << i << " of " << count << " processes";
      if (found[i].defined()) {
        EXPECT_TRUE(at::allclose(found[i], expected[i], 1e-4, 1e-5)) << i;
      }
    }
    EXPECT_FALSE(found[found.size() - 3].defined()) << "nobody used it";
    EXPECT_LE(found[found.size() - 2].abs().sum(1).nonzero().size(0), 12);
    EXPECT_EQ(found.back().abs().sum(1).nonzero().size(0), 9000);
  }
}

/// The weights after steps along given gradients, and the optimizer's state.
struct Stepped {
  std::vector<at::Tensor> weights;
  std::map<std::string, at::Tensor> state;
};

Stepped stepped(Processes* owners, int64_t steps, const NamedTensors* from = nullptr) {
  static std::mutex one_generator;
  const auto made = [] {
    const std::lock_guard lock(one_generator);
    torch::manual_seed(3);
    return std::make_shared<Net>();
  }();
  auto& net = *made;
  ModelOptimizer optimizer(net, {}, nullptr, owners);
  if (from) optimizer.restore(*from);
  for (int64_t step = 0; step < steps; ++step) {
    for (auto& item : net.named_parameters())
      if (!item.key().starts_with("unused"))
        item.value().mutable_grad() = item.value().detach() * static_cast<double>(step + 1);
    optimizer.step(1);
  }
  Stepped found;
  for (const auto& parameter : net.parameters())
    found.weights.push_back(parameter.detach().clone());
  for (const auto& [name, tensor] : optimizer.state()) found.state[name] = tensor.clone();
  return found;
}

TEST(Owners, StepAsOneOptimizer) {
  const auto half = stepped(nullptr, 2);
  const NamedTensors begun(half.state.begin(), half.state.end());
  for (const auto* from : {static_cast<const NamedTensors*>(nullptr), &begun}) {
    const auto wanted = stepped(nullptr, 3, from);
    for (const int64_t count : {2, 11}) {  // of eleven some own nothing
      std::vector<Stepped> found(static_cast<size_t>(count));
      const auto errors = together(count, [&](Processes& all) {
        found[static_cast<size_t>(all.rank())] = stepped(&all, 3, from);
      });
      EXPECT_THAT(errors, testing::Each(""));
      for (const auto& own : found)
        for (size_t i = 0; i < wanted.weights.size(); ++i)
          EXPECT_TRUE(at::equal(own.weights[i], wanted.weights[i])) << i;
      ASSERT_EQ(found[0].state.size(), wanted.state.size());
      for (const auto& [name, tensor] : wanted.state)
        EXPECT_TRUE(at::equal(found[0].state.at(name), tensor)) << name;
      EXPECT_TRUE(found[1].state.empty());
    }
  }
}

/// What a batch norm gives and learns from x, where the sum of y times `given` is the loss.
struct Normed {
  at::Tensor y, dx, weight, bias, mean, variance;
};

template <class Norm>
Normed normed(Norm& norm, const at::Tensor& x, const at::Tensor& given) {
  const auto leaf = x.detach().clone().requires_grad_();
  const auto y = norm->forward(leaf);
  (y * given).sum().backward();
  return {y.detach(),        leaf.grad(),        norm->weight.grad(),
          norm->bias.grad(), norm->running_mean, norm->running_var};
}

TEST(SharedBatchNorm, HasTheBatchOfAll) {
  torch::manual_seed(4);
  const auto x = torch::randn({5, 3, 2, 4}) * 2 + 100, given = torch::randn({5, 3, 2, 4});
  torch::nn::BatchNorm2d one(3);
  const auto wanted = normed(one, x, given);
  one->eval();
  const auto near = [](const at::Tensor& a, const at::Tensor& b) {
    return at::allclose(a, b, 1e-4, 1e-4);
  };
  for (const int64_t count : {2, 3, 7}) {  // of seven two have no row
    std::vector<at::Tensor> weights(static_cast<size_t>(count)), biases = weights;
    const auto errors = together(count, [&](Processes& all) {
      const int64_t rank = all.rank();
      nn::SharedBatchNorm2d norm(3);
      norm->share_with(*all.ring(count));
      if (rank >= x.size(0)) {
        norm->join_forward(), norm->join_backward();
        EXPECT_TRUE(near(norm->running_mean, wanted.mean));
        return;
      }
      const auto own = [&](const at::Tensor& rows) { return rows.slice(0, rank, 5, count); };
      const auto found = normed(norm, own(x), own(given));
      EXPECT_TRUE(near(found.y, own(wanted.y)));
      EXPECT_TRUE(near(found.dx, own(wanted.dx)));
      EXPECT_TRUE(near(found.mean, wanted.mean));
      EXPECT_TRUE(near(found.variance, wanted.variance));
      weights[static_cast<size_t>(rank)] = found.weight;
      biases[static_cast<size_t>(rank)] = found.bias;
      norm->eval();
      EXPECT_TRUE(near(norm->forward(x), one->forward(x)));
    });
    EXPECT_THAT(errors, testing::Each(""));
    const auto first = static_cast<size_t>(std::min<int64_t>(count, 5));
    weights.resize(first), biases.resize(first);
    EXPECT_TRUE(near(at::stack(weights).sum(0), wanted.weight));
    EXPECT_TRUE(near(at::stack(biases).sum(0), wanted.bias));
  }
}

TEST(SharedBatchNorm, OfBfloat16HasMomentsInFloat32) {
  torch::manual_seed(5);
  const auto x = (torch::randn({6, 3, 2, 4}) * 2 + 100).to(at::kBFloat16);
  const auto wanted = torch::nn::BatchNorm2d(3)->forward(x.to(at::kFloat));
  const auto errors = together(2, [&](Processes& all) {
    nn::SharedBatchNorm2d norm(3);
    norm->share_with(*all.ring(2));
    const auto own = [&](const at::Tensor& rows) { return rows.slice(0, all.rank(), 6, 2); };
    const auto found = norm->forward(own(x));
    EXPECT_EQ(found.scalar_type(), at::kBFloat16);
    EXPECT_TRUE(at::allclose(found.to(at::kFloat), own(wanted), 1e-2, 1e-2));
  });
  EXPECT_THAT(errors, testing::Each(""));
}

TEST_F(Buckets, AddUpWhatWasBefore) {
  const auto once = reduced(2), twice = reduced(2, 2);
  for (size_t i = 0; i < once.size(); ++i) {
    if (once[i].defined()) {
      EXPECT_TRUE(at::allclose(2 * once[i], twice[i], 1e-4, 1e-5)) << i;
    }
  }
}

TEST_F(Buckets, AreTheSameBitsEveryTime) {
  const auto once = reduced(3), again = reduced(3);
  for (size_t i = 0; i < once.size(); ++i) {
    if (once[i].defined()) {
      EXPECT_TRUE(at::equal(once[i], again[i])) << i;
    }
  }
}

}  // namespace
}  // namespace heed
