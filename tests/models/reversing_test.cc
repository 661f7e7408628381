// A small Transformer learns to write a sequence backwards, and to say it again.
#include <gtest/gtest.h>
#include <torch/optim.h>

#include "heed/models/generate.h"
#include "learning.h"
#include "models/sequences.h"

namespace heed {
namespace {

using Lines = std::vector<std::vector<int64_t>>;

/// Sequences of 1 to 6 of the tokens 4 to 11.
Lines lines_of(int64_t count) {
  Lines lines(static_cast<size_t>(count));
  for (auto& line : lines) {
    const auto ids = torch::randint(4, 12, {torch::randint(1, 7, {1}).item<int64_t>()}, at::kLong);
    line.assign(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + ids.numel());
  }
  return lines;
}

Lines backwards(Lines lines) {
  for (auto& line : lines) std::reverse(line.begin(), line.end());
  return lines;
}

at::Tensor loss_of(SequenceModel& model, const Lines& source, Lines target) {
  for (auto& line : target) line.insert(line.begin(), 2);
  const auto given = sources(target).tokens;
  for (auto& line : target) line.erase(line.begin()), line.push_back(3);
  const auto labels = sources(target, -100).tokens;
  const auto logits = model.project(model.hidden(sources(source), given));
  return torch::nll_loss(logits.flatten(0, 1).log_softmax(1), labels.flatten(), {}, 1, -100);
}

double right(const SequenceModelPtr& model, const Lines& source, const Lines& target,
             int64_t beams) {
  model->eval();
  const auto said = generate({model}, source, GenerateOptions().beam_size(beams).max_length(10));
  double count = 0;
  for (size_t i = 0; i < said.size(); ++i) count += said[i][0].tokens == target[i];
  return count / static_cast<double>(said.size());
}

template <class Turn>
void learns(const TransformerOptions& options, int steps, const Turn& turn) {
  torch::manual_seed(test::learning_seed(6));
  Transformer model(options, 12, 12);
  torch::optim::Adam optimizer(model->parameters(), torch::optim::AdamOptions());
  for (int step = 0; step < steps; ++step) {
    test::set_rate(optimizer, 5e-3, step, steps);
    const auto source = lines_of(48);
    optimizer.zero_grad();
    loss_of(*model, source, turn(source)).backward();
    optimizer.step();
  }
  const auto fresh = lines_of(200);
  for (const int64_t beams : {1, 4}) {
    const double metric = right(model.ptr(), fresh, turn(fresh), beams);
    test::expect_learned("lines right by " + std::to_string(beams) + " beams", metric, 0.95);
  }
}

TransformerOptions learner(nn::Norm norm) {
  return TransformerOptions()
      .encoder_layers(1)
      .decoder_layers(1)
      .width(32)
      .hidden(64)
      .dropout(0)
      .norm(norm)
      .encoder_attention(Attention::parse("sinusoidal; num_heads=4"))
      .decoder_attention(Attention::parse("sinusoidal; num_heads=4"))
      .cross_attention(Attention::parse("num_heads=4"));
}

TEST(Transformer, LearnsToWriteBackwards) {
  learns(learner(nn::Norm::pre).tied(nn::Tied::all), 1400, backwards);
}

TEST(Transformer, LearnsToSayAgain) {
  learns(learner(nn::Norm::post).decoder_attention(Attention::parse("rope; num_heads=4")), 1000,
         [](const Lines& lines) { return lines; });
}

}  // namespace
}  // namespace heed
