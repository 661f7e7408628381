// What tests of encoders share.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "heed/core/error.h"
#include "heed/models/encoder.h"
#include "heed/nn/recording.h"
#include "learning.h"

namespace heed {

inline Batch batch_of(std::map<std::string, at::Tensor> tensors) {
  const int64_t B = tensors.empty() ? 0 : tensors.begin()->second.size(0);
  return {.tensors = std::move(tensors), .records = torch::arange(B)};
}

/// A batch of texts or histories, whose padding holds `padding`.
inline Batch sequences_of(const char* name, const std::vector<std::vector<int64_t>>& lines,
                          int64_t padding = 0, size_t longest = 0) {
  for (const auto& line : lines) longest = std::max(longest, line.size());
  const auto B = static_cast<int64_t>(lines.size());
  auto ids = torch::full({B, static_cast<int64_t>(longest)}, padding, at::kLong);
  auto lengths = torch::zeros({B}, at::kLong);
  for (int64_t b = 0; b < B; ++b) {
    const auto& line = lines[static_cast<size_t>(b)];
    const auto n = static_cast<int64_t>(line.size());
    lengths[b] = n;
    if (n > 0) ids[b].narrow(0, 0, n).copy_(torch::tensor(line, at::kLong));
  }
  return batch_of({{name, ids}, {"lengths", lengths}});
}

/// The states of real tokens (sum of lengths, M), one record after the other.
inline at::Tensor real_states(const Tokens& tokens) {
  if (!tokens.lengths.defined()) return tokens.states.flatten(0, 1);
  std::vector<at::Tensor> rows;
  for (int64_t b = 0; b < tokens.states.size(0); ++b)
    rows.push_back(tokens.states[b].narrow(0, 0, tokens.lengths[b].item<int64_t>()));
  return torch::cat(rows);
}

/// Every parameter gets a gradient that is not all zero from the real tokens, but those named.
inline void expect_gradients(Encoder& encoder, const Batch& batch,
                             const std::set<std::string>& without = {}) {
  encoder.zero_grad();
  const auto states = real_states(encoder.forward(batch));
  torch::manual_seed(11);
  (states * torch::randn_like(states)).sum().backward();
  for (const auto& p : encoder.named_parameters()) {
    const auto& gradient = p.value().grad();
    const bool reached = gradient.defined() && gradient.abs().max().item<double>() > 0;
    EXPECT_EQ(reached, !without.count(p.key())) << p.key();
  }
}

inline std::vector<std::string> names_of(const Recording& seen) {
  std::vector<std::string> names;
  for (const auto& map : seen.maps()) names.push_back(map.name());
  return names;
}

inline std::vector<std::string> parameters_of(const Encoder& encoder) {
  std::vector<std::string> names;
  for (const auto& p : encoder.named_parameters()) names.push_back(p.key());
  return names;
}

template <class Exception>
std::string refusal_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Exception& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

/// The share of `answers` that encoder and a linear layer of `pick`ed states (B, M) find in the
/// last batches of a training by `draw`, which gives a batch and its classes.
struct Lesson {
  int64_t classes;
  std::function<std::pair<Batch, at::Tensor>()> draw;
  std::function<at::Tensor(const Tokens&)> pick;
  int steps = 200;
  double rate = 3e-3;
};

inline double learn(Encoder& encoder, const Lesson& lesson) {
  torch::nn::Linear head(encoder.width(), lesson.classes);
  auto parameters = encoder.parameters();
  for (const auto& p : head->parameters()) parameters.push_back(p);
  torch::optim::Adam optimizer(parameters, lesson.rate);
  encoder.train();
  for (int step = 0; step < lesson.steps; ++step) {
    test::set_rate(optimizer, lesson.rate, step, lesson.steps);
    const auto [batch, answers] = lesson.draw();
    optimizer.zero_grad();
    const auto logits = head->forward(lesson.pick(encoder.forward(batch)));
    torch::nll_loss(logits.log_softmax(1), answers).backward();
    optimizer.step();
  }
  encoder.eval();
  const torch::NoGradGuard no_gradient;
  double right = 0, count = 0;
  for (int i = 0; i < 10; ++i) {
    const auto [batch, answers] = lesson.draw();
    const auto found = head->forward(lesson.pick(encoder.forward(batch))).argmax(1);
    right += (found == answers).sum().item<double>(), count += double(answers.size(0));
  }
  return right / count;
}

}  // namespace heed
