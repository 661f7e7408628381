#include "heed/nn/ngram_embedding.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>

#include "heed/core/error.h"
#include "heed/core/threads.h"
#include "words.h"

namespace heed::nn {
namespace {

at::Tensor random_ids(int64_t B, int64_t L, int64_t F, int64_t R) {
  auto ids = torch::randint(R, {B, L, F}, at::kLong);
  return ids.masked_fill(torch::rand({B, L, F}) < 0.3, -1);
}

NgramEmbedding make_embedding(const std::string& reduction, int64_t rows, int64_t width) {
  torch::manual_seed(6);
  return NgramEmbedding(
      rows, NgramEmbeddingOptions().width(width).reduction(heed::test::Word{reduction}));
}

TEST(NgramEmbedding, AddsRowsAndTheirGradients) {
  for (const std::string reduction : {"mean", "sum"}) {
    auto layer = make_embedding(reduction, 7, 5);
    layer->to(at::kDouble);
    auto ids = random_ids(2, 3, 4, 7);
    ids[0][1].fill_(-1);  // a word of nothing
    ids[1][2].fill_(3);   // one row four times
    const auto y = layer->forward(ids);
    const auto weights = torch::randn({2, 3, 5}, at::kDouble);
    (y * weights).sum().backward();
    auto gradient = torch::zeros({7, 5}, at::kDouble);
    for (int64_t b = 0; b < 2; ++b)
      for (int64_t l = 0; l < 3; ++l) {
        auto sum = torch::zeros({5}, at::kDouble);
        int64_t count = 0;
        for (int64_t f = 0; f < 4; ++f) count += ids[b][l][f].item<int64_t>() >= 0;
        const double part = reduction == "sum" || count == 0 ? 1.0 : 1.0 / double(count);
        for (int64_t f = 0; f < 4; ++f) {
          const auto id = ids[b][l][f].item<int64_t>();
          if (id < 0) continue;
          sum += layer->weight[id].detach() * part;
          gradient[id] += weights[b][l] * part;
        }
        EXPECT_TRUE(y[b][l].allclose(sum, 1e-12, 1e-12));
      }
    EXPECT_TRUE(layer->weight.grad().allclose(gradient, 1e-12, 1e-12));
  }
}

TEST(NgramEmbedding, CanBeDifferentiatedTwice) {
  auto layer = make_embedding("sum", 5, 3);
  layer->to(at::kDouble);
  const auto ids = random_ids(1, 4, 2, 5);
  const auto gradient = [&](double shift) {
    layer->weight.data() += shift;
    const auto loss = layer->forward(ids).pow(3).sum();
    const auto grad = torch::autograd::grad({loss}, {layer->weight}, {}, true, true)[0];
    layer->weight.data() -= shift;
    return grad;
  };
  const double step = 1e-6;
  const auto second = torch::autograd::grad({gradient(0).sum()}, {layer->weight})[0];
  EXPECT_GT(second.abs().sum().item<double>(), 0);
  EXPECT_TRUE(
      second.allclose((gradient(step) - gradient(-step)).detach() / (2 * step), 1e-5, 1e-7));
}

TEST(NgramEmbedding, SameBitsForAnyThreads) {
  const int before = num_threads();
  auto layer = make_embedding("mean", 300, 33);
  const auto ids = random_ids(7, 31, 12, 300);
  const auto weights = torch::randn({7, 31, 33});
  std::vector<at::Tensor> values, gradients;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    layer->zero_grad();
    const auto y = layer->forward(ids);
    (y * weights).sum().backward();
    values.push_back(y.detach()), gradients.push_back(layer->weight.grad().clone());
    EXPECT_TRUE(values[0].equal(values.back()));
    EXPECT_TRUE(gradients[0].equal(gradients.back()));
  }
  set_num_threads(before);
}

TEST(NgramEmbedding, RefusesWhatDoesNotFit) {
  auto layer = make_embedding("mean", 7, 5);
  EXPECT_THROW(make_embedding("sum", 0, 5), ModelError);
  EXPECT_THROW(make_embedding("sum", 7, 0), ModelError);
  const auto ids = torch::zeros({2, 3, 4}, at::kLong);
  EXPECT_THROW(layer->forward(ids[0]), UsageError);
  EXPECT_THROW(layer->forward(ids.to(at::kInt)), UsageError);
  EXPECT_THROW(layer->forward(ids + 7), UsageError);
  EXPECT_THROW(layer->forward(ids - 2), UsageError);
  EXPECT_EQ(layer->forward(ids.narrow(1, 0, 0)).numel(), 0);
  const auto nothing = layer->forward(ids.narrow(2, 0, 0));
  EXPECT_TRUE(nothing.equal(torch::zeros({2, 3, 5})));
}

}  // namespace
}  // namespace heed::nn
