// Hard attention trained with REINFORCE (Williams 1992; Xu et al. 2015): a query looks at one key,
// drawn from the map of its attention, and the reward of what it saw moves the map. Its argument,
// where there is one, is the seed.
#include <torch/nn/modules/linear.h>
#include <torch/optim/adam.h>

#include <iostream>
#include <string>

#include "heed/ops/attend.h"

namespace {

constexpr int64_t kBatch = 64, kKeys = 12, kWidth = 16, kClasses = 4;

/// Sequences in which one token, marked in its first channel, tells the class in the next four;
/// others tell a wrong one.
struct Batch {
  at::Tensor tokens, classes;
};

Batch draw(int64_t batch) {
  auto tokens = 0.2 * torch::randn({batch, kKeys, kWidth});
  const auto told = torch::randint(kClasses, {batch, kKeys}, torch::kLong);
  tokens.slice(2, 1, 1 + kClasses) += torch::one_hot(told, kClasses);
  const auto place = torch::randint(kKeys, {batch}, torch::kLong);
  tokens.select(2, 0) += torch::one_hot(place, kKeys);
  return {tokens, told.gather(1, place.unsqueeze(1)).squeeze(1)};
}

}  // namespace

int main(int count, char** words) {
  torch::manual_seed(count > 1 ? std::stoull(words[1]) : 2);
  const auto how = heed::Attention::parse("scaled_dot");
  auto query = (0.1 * torch::randn({1, 1, 1, kWidth})).requires_grad_();
  torch::nn::Linear classify(kWidth, kClasses);
  auto parameters = classify->parameters();
  parameters.push_back(query);
  torch::optim::Adam optimizer(parameters, 0.05);

  double baseline = 0, first = 0, mean = 0;
  for (int step = 0; step < 800; ++step) {
    const auto [tokens, classes] = draw(kBatch);
    const auto k = tokens.unsqueeze(1);  // (B, 1, Lk, D)
    // Values of one number per key: attention's output is then the row of weights itself.
    const auto each = torch::eye(kKeys).expand({kBatch, 1, kKeys, kKeys});
    const auto q = query.expand({kBatch, 1, 1, kWidth});
    const auto weights = heed::attend(q, k, each, how).view({kBatch, kKeys});
    const auto drawn = torch::multinomial(weights.detach(), 1);  // (B, 1)
    const auto looked = tokens.gather(1, drawn.unsqueeze(2).expand({-1, -1, kWidth})).squeeze(1);

    // The reward is what the classifier makes of the one token that was looked at.
    const auto log_p = torch::log_softmax(classify->forward(looked), 1);
    const auto reward = log_p.gather(1, classes.unsqueeze(1)).squeeze(1);
    const auto log_weight = weights.gather(1, drawn).squeeze(1).clamp_min(1e-9).log();
    const auto better = reward.detach() - baseline;  // than what is usual: less variance
    const auto entropy = -(weights * weights.clamp_min(1e-9).log()).sum(1);
    const auto loss = -(reward + better * log_weight + 0.01 * entropy).mean();
    optimizer.zero_grad();
    loss.backward();
    optimizer.step();

    mean = reward.mean().item<double>();
    baseline = step == 0 ? mean : 0.9 * baseline + 0.1 * mean;
    if (step == 0) first = mean;
    if (step % 100 == 0) std::cout << "step " << step << ": reward " << mean << '\n';
  }

  const torch::NoGradGuard no_gradient;
  const auto [tokens, classes] = draw(1000);
  // What was learned, looking at the best key alone.
  const auto hard = heed::Attention::parse("scaled_dot; hard");
  const auto seen = heed::attend(query.expand({1000, 1, 1, kWidth}), tokens.unsqueeze(1),
                                 tokens.unsqueeze(1), hard);
  const auto right = classify->forward(seen.view({1000, kWidth})).argmax(1) == classes;
  const double share = right.to(torch::kDouble).mean().item<double>();
  std::cout << "reward " << first << " -> " << baseline << "; right with one look: " << share
            << " (by chance " << 1.0 / kClasses << ")\n";
  return share > 0.9 ? 0 : 1;
}
