// Parameter groups, gradients, state and the moving average, against formulas written out in
// float64.
#include "train/optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn.h>
#include <torch/optim.h>

#include "heed/core/error.h"
#include "heed/train/model_folder.h"
#include "train/average.h"

namespace heed {
namespace {

struct NetImpl : torch::nn::Module {
  NetImpl() {
    torch::manual_seed(3);
    linear = register_module("linear", torch::nn::Linear(5, 4));
    norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({4})));
    token = register_parameter("token", torch::randn({1, 1, 4}));
    to(at::kDouble);
  }
  at::Tensor forward(const at::Tensor& x) { return norm(linear(x)) + token; }
  torch::nn::Linear linear{nullptr};
  torch::nn::LayerNorm norm{nullptr};
  at::Tensor token;
};

at::Tensor batch(int step) { return at::arange(15, at::kDouble).view({3, 5}).add(step).cos(); }

void backward(NetImpl& net, int step) { net.forward(batch(step)).pow(3).sum().backward(); }

TEST(Decay, ActsOnWeightMatricesOnly) {
  NetImpl net;
  std::vector<std::string> names;
  for (const auto& item : net.named_parameters()) {
    if (decays(item.key(), item.value())) names.push_back(item.key());
  }
  EXPECT_THAT(names, testing::ElementsAre("linear.weight"));
}

/// w after n steps of AdamW by its formula (Loshchilov & Hutter 2019).
TEST(Optimizer, FollowsTheFormula) {
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::adam}) {
    const OptimizerOptions o{
        .kind = kind, .lr = 0.01, .weight_decay = 0.3, .beta1 = 0.8, .beta2 = 0.9, .eps = 1e-6};
    NetImpl net;
    ModelOptimizer optimizer(net, o);
    std::map<std::string, at::Tensor> w, m, v;
    for (const auto& item : net.named_parameters()) {
      w[item.key()] = item.value().detach().clone();
      m[item.key()] = v[item.key()] = at::zeros_like(item.value());
    }
    for (int t = 1; t <= 4; ++t) {
      backward(net, t);
      const double lr = o.lr * 0.5 * t;
      for (const auto& item : net.named_parameters()) {
        const auto& name = item.key();
        const auto g = item.value().grad();
        m[name] = o.beta1 * m[name] + (1 - o.beta1) * g;
        v[name] = o.beta2 * v[name] + (1 - o.beta2) * g * g;
        const bool decay = kind == OptimizerKind::adamw && name == "linear.weight";
        if (decay) w[name] = w[name] * (1 - lr * o.weight_decay);
        w[name] = w[name] - lr * (m[name] / (1 - std::pow(o.beta1, t))) /
                                ((v[name] / (1 - std::pow(o.beta2, t))).sqrt() + o.eps);
      }
      optimizer.step(0.5 * t);
      for (const auto& item : net.named_parameters()) {
        EXPECT_TRUE(at::allclose(item.value(), w[item.key()], 1e-10, 1e-12)) << item.key();
        EXPECT_FALSE(item.value().grad().defined());
      }
    }
  }
}

TEST(Optimizer, AParameterMayHaveARateOfItsOwn) {
  const OptimizerOptions options{.lr = 0.01, .weight_decay = 0.3};
  const auto after = [&](const ModelOptimizer::RateOf& rate_of) {
    NetImpl net;
    ModelOptimizer optimizer(net, options, rate_of);
    backward(net, 1);
    optimizer.step(0.5);
    std::map<std::string, at::Tensor> changed;
    NetImpl before;
    for (const auto& item : net.named_parameters())
      changed[item.key()] = item.value().detach() - before.named_parameters()[item.key()].detach();
    EXPECT_EQ(optimizer.state().size(), 15);
    return changed;
  };
  const auto rate = [](const std::string& name) { return name.starts_with("linear") ? 0.25 : 1; };
  const auto one = after(nullptr), other = after(rate);
  // The first step of AdamW is lr (decay w + the sign of the gradient), all of it times the rate.
  for (const auto& [name, change] : one)
    EXPECT_TRUE(at::allclose(other.at(name), change * rate(name), 1e-9, 1e-14)) << name;
}

TEST(Optimizer, ClipsTheNormOfTheWholeGradient) {
  NetImpl net;
  ModelOptimizer optimizer(net, {});
  backward(net, 0);
  double squares = 0;
  for (const auto& p : net.parameters()) squares += p.grad().pow(2).sum().item<double>();
  const double norm = optimizer.gradient_norm(0);
  EXPECT_NEAR(norm, std::sqrt(squares), 1e-9);
  EXPECT_NEAR(optimizer.gradient_norm(norm / 4), norm, 1e-9);
  EXPECT_NEAR(optimizer.gradient_norm(0), norm / 4, 1e-9);
  EXPECT_NEAR(optimizer.gradient_norm(norm), norm / 4, 1e-9) << "a smaller gradient stays";
}

TEST(Optimizer, GoesOnFromItsStateWithTheSameBits) {
  for (const auto kind : {OptimizerKind::adamw, OptimizerKind::adam}) {
    NetImpl net, again;
    ModelOptimizer optimizer(net, {.kind = kind});
    for (int step = 0; step < 3; ++step) backward(net, step), optimizer.step(1);
    ModelOptimizer restored(again, {.kind = kind});
    load_into(again, named_tensors(net), "net");
    restored.restore(optimizer.state());
    for (int step = 3; step < 6; ++step) {
      backward(net, step), optimizer.step(1);
      backward(again, step), restored.step(1);
    }
    for (const auto& item : net.named_parameters()) {
      EXPECT_TRUE(at::equal(item.value(), again.named_parameters()[item.key()])) << item.key();
    }
  }
}

TEST(Optimizer, StateThatDoesNotFitIsRefused) {
  NetImpl net;
  ModelOptimizer optimizer(net, {});
  backward(net, 0), optimizer.step(1);
  auto missing = optimizer.state();
  missing.erase(missing.begin());
  EXPECT_THROW(ModelOptimizer(net, {}).restore(missing), ModelError);
  auto shape = optimizer.state();
  shape[0].second = at::zeros({2, 2}, at::kDouble);
  EXPECT_THROW(ModelOptimizer(net, {}).restore(shape), ModelError);
  auto more = optimizer.state();
  more.emplace_back("optimizer/other.mean", at::zeros({1}));
  EXPECT_THROW(ModelOptimizer(net, {}).restore(more), ModelError);
}

TEST(Average, FollowsTheFormulaAndIsShownForAWhile) {
  NetImpl net;
  WeightAverage average(net, 0.6);
  const auto weight = [&] { return net.linear->weight.detach().clone(); };
  auto expected = weight();
  for (int n = 1; n <= 5; ++n) {
    {
      const torch::NoGradGuard no_grad;
      net.linear->weight.mul_(1.5);
    }
    average.update(n);
    const double d = std::min(0.6, (1.0 + n) / (10.0 + n));
    expected = d * expected + (1 - d) * weight();
  }
  const auto raw = weight();
  {
    const torch::NoGradGuard no_grad;
    const WeightAverage::Shown shown(average);
    EXPECT_TRUE(at::allclose(weight(), expected, 1e-12, 1e-12));
  }
  EXPECT_TRUE(at::equal(weight(), raw));
}

TEST(Average, SurvivesACheckpoint) {
  const torch::NoGradGuard no_grad;
  NetImpl net, again;
  WeightAverage average(net, 0.9);
  net.linear->weight.mul_(2), average.update(1);
  WeightAverage restored(again, 0.9);
  {
    const WeightAverage::Shown shown(average);
    load_into(again, named_tensors(net), "net");
    restored.restore(average.hidden());
  }
  EXPECT_TRUE(at::equal(again.linear->weight, net.linear->weight));
  const WeightAverage::Shown one(average), other(restored);
  EXPECT_TRUE(at::equal(again.linear->weight, net.linear->weight));
  EXPECT_THROW(restored.restore({}), ModelError);
}

}  // namespace
}  // namespace heed
