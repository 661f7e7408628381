// Small models learn a small task: which quarter of a noisy image holds a bright square.
#include <gtest/gtest.h>
#include <torch/nn.h>
#include <torch/optim.h>

#include "heed/core/threads.h"
#include "heed/models/image_classifier.h"
#include "learning.h"
#include "words.h"

namespace heed {
namespace {

struct Task {
  at::Tensor images, labels;
};

Task make_task(int64_t count) {
  Task task{torch::randn({count, 1, 8, 8}) * 0.5, torch::randint(0, 4, {count})};
  for (int64_t i = 0; i < count; ++i) {
    const auto quarter = task.labels[i].item<int64_t>();
    const auto at = torch::randint(0, 3, {2});
    const int64_t row = quarter / 2 * 4 + at[0].item<int64_t>();
    const int64_t column = quarter % 2 * 4 + at[1].item<int64_t>();
    task.images[i][0].narrow(0, row, 2).narrow(1, column, 2) += 2;
  }
  return task;
}

/// Trains a model from a fixed seed and returns it.
ImageClassifier train(const ImageEncoderOptions& encoder, const char* pool, int steps) {
  torch::manual_seed(test::learning_seed(7));
  ImageClassifier model(ImageClassifierOptions().encoder(encoder).pool(test::Word{pool}),
                        ImageShape{1, 8, 8}, 4);
  const auto task = make_task(1024);
  torch::optim::AdamW optimizer(model->parameters(), torch::optim::AdamWOptions());
  for (int step = 0; step < steps; ++step) {
    test::set_rate(optimizer, 5e-3, step, steps);
    const auto picked = torch::randint(0, 1024, {64});
    const auto logits = model->forward(task.images.index_select(0, picked));
    optimizer.zero_grad();
    torch::nll_loss(logits.log_softmax(1), task.labels.index_select(0, picked)).backward();
    optimizer.step();
  }
  return model;
}

double accuracy(ImageClassifier model) {
  torch::NoGradGuard no_gradient;
  torch::manual_seed(test::learning_seed(8));
  const auto task = make_task(1000);
  model->eval();
  return model->forward(task.images)
      .argmax(1)
      .eq(task.labels)
      .to(at::kDouble)
      .mean()
      .item<double>();
}

ImageEncoderOptions small_learner(const char* how, const char* stem = "patch") {
  ImageEncoderOptions options;
  options.patch = 2, options.width = 16, options.layers = 1, options.hidden = 32;
  options.stem = test::Word{stem}, options.stochastic_depth = 0.05;
  options.attention = Attention::parse(how);
  return options;
}

TEST(Learning, EveryStemPoolAndNormLearns) {
  const auto learned = [](const ImageEncoderOptions& encoder, const char* pool) {
    const auto name = std::string(word_of(encoder.tokens)) + " " + word_of(encoder.stem) + " " +
                      pool + " " + encoder.attention.text();
    test::expect_learned(name, accuracy(train(encoder, pool, 400)), 0.95);
  };
  learned(small_learner("learned; num_heads=2", "conv"), "attention");
  auto with_class = small_learner("learned; num_heads=4");
  with_class.width = 32;  // half as wide, it may stop where it tells three quarters apart
  with_class.hidden = 64, with_class.class_token = true;
  learned(with_class, "class_token");
  auto post = small_learner("sinusoidal; num_heads=4/2");
  post.norm = nn::Norm::post;
  learned(post, "mean");
  learned(small_learner("learned; sum; num_heads=2"), "attention");
  auto rows = small_learner("learned; num_heads=2; dropout=0.05");
  rows.tokens = ImageTokens::rows;
  learned(rows, "attention");
}

TEST(Learning, TheSameSeedGivesTheSameBits) {
  auto encoder = small_learner("learned; num_heads=2; dropout=0.1", "conv");
  encoder.dropout = 0.1, encoder.stochastic_depth = 0.2;
  const auto first = train(encoder, "attention", 10), second = train(encoder, "attention", 10);
  const auto a = first->named_parameters(), b = second->named_parameters();
  for (const auto& p : a) EXPECT_TRUE(p.value().equal(b[p.key()])) << p.key();
}

}  // namespace
}  // namespace heed
