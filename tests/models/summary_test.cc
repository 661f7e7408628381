#include "heed/models/summary.h"

#include <gtest/gtest.h>
#include <torch/nn.h>

#include "heed/models/image_classifier.h"
#include "words.h"

namespace heed {
namespace {

using Shape = std::vector<int64_t>;

const SummaryRow& row(const Summary& summary, const std::string& path) {
  for (const auto& row : summary.rows)
    if (row.path == path) return row;
  throw std::out_of_range("no row " + path);
}

ImageClassifier make(const char* stem, const char* pool, const char* how) {
  ImageEncoderOptions encoder;
  encoder.stem = test::Word{stem}, encoder.patch = 4, encoder.width = 16, encoder.layers = 2;
  encoder.hidden = 48, encoder.class_token = std::string(pool) == "class_token";
  encoder.attention = Attention::parse(how);
  return ImageClassifier(ImageClassifierOptions().encoder(encoder).pool(test::Word{pool}),
                         ImageShape{1, 12, 8}, 10);
}

Summary summary_of(ImageClassifier model, int64_t batch) {
  return summarize(*model, [&] { model->forward(torch::zeros({batch, 1, 12, 8})); });
}

TEST(Summary, CountsWhatTheFormulasSay) {
  auto model = make("conv", "attention", "learned; num_heads=4/2");
  const int64_t B = 3, L = 6, M = 16, H = 4, D = 4, kv = 8;
  const auto summary = summary_of(model, B);

  const auto& qkv = row(summary, "encoder.layers.1.attention.qkv");
  EXPECT_EQ(qkv.kind, "Linear");
  EXPECT_EQ(qkv.output, (Shape{B, L, M + 2 * kv}));
  EXPECT_EQ(qkv.parameters, (M + 1) * (M + 2 * kv));
  EXPECT_EQ(qkv.operations, 2 * B * L * M * (M + 2 * kv));

  const auto& attention = row(summary, "encoder.layers.1.attention");
  EXPECT_EQ(attention.kind, "MultiHeadAttention");
  EXPECT_EQ(attention.output, (Shape{B, H, L, D}));
  EXPECT_EQ(attention.parameters, 0);
  EXPECT_EQ(attention.operations, 4 * B * H * L * L * D);

  const auto& second = row(summary, "encoder.stem.convolutions.6");
  EXPECT_EQ(second.kind, "Conv2d");
  EXPECT_EQ(second.output, (Shape{B, M, 3, 2}));
  EXPECT_EQ(second.operations, 2 * B * M * L * M * 9);

  EXPECT_EQ(row(summary, "encoder.stem.convolutions.4").output, (Shape{B, M, 6, 4}));
  EXPECT_EQ(row(summary, "encoder.position").output, (Shape{B, L, M}));
  EXPECT_EQ(row(summary, "encoder.position").parameters, L * M);
  EXPECT_EQ(row(summary, "pool").parameters, M);
  EXPECT_EQ(row(summary, "pool").operations, 4 * B * H * L * D);
  EXPECT_EQ(row(summary, "encoder.norm").output, (Shape{B, L, M}));
  EXPECT_EQ(row(summary, "encoder.norm").operations, 0);
  EXPECT_EQ(row(summary, "head").output, (Shape{B, 10}));
  EXPECT_EQ(row(summary, "head").operations, 2 * B * M * 10);
}

TEST(Summary, TotalsAreTheModels) {
  for (const char* pool : {"class_token", "attention", "mean"})
    for (const char* how : {"none; num_heads=2", "learned; sum; num_heads=2"}) {
      auto model = make("patch", pool, how);
      int64_t parameters = 0;
      for (const auto& p : model->parameters()) parameters += p.numel();
      const auto one = summary_of(model, 1), three = summary_of(model, 3);
      EXPECT_EQ(one.parameters, parameters);
      EXPECT_GT(one.operations, 0);
      EXPECT_EQ(three.operations, 3 * one.operations);
      for (const auto& row : one.rows) EXPECT_FALSE(row.output.empty()) << row.path;
    }
}

TEST(Summary, LeavesTheModelAsItWas) {
  auto model = make("conv", "mean", "none");
  model->encoder->blocks.layers->eval();  // a part that its owner froze
  const auto before = model->named_buffers()["encoder.stem.convolutions.1.running_mean"].clone();
  summarize(*model, [&] { model->forward(torch::randn({2, 1, 12, 8})); });
  EXPECT_TRUE(model->is_training());
  EXPECT_TRUE(model->head->is_training());
  EXPECT_FALSE(model->encoder->blocks.layers[1]->is_training());
  EXPECT_TRUE(before.equal(model->named_buffers()["encoder.stem.convolutions.1.running_mean"]));
  EXPECT_THROW(summarize(*model, [] { throw std::runtime_error("x"); }), std::runtime_error);
  EXPECT_TRUE(model->is_training());
}

TEST(Summary, TakesLibTorchsOwnModules) {
  torch::nn::Sequential model(torch::nn::Conv2d(torch::nn::Conv2dOptions(2, 4, 3).groups(2)),
                              torch::nn::Flatten(), torch::nn::Linear(16, 5));
  const auto summary = summarize(*model, [&] { model->forward(torch::zeros({1, 2, 4, 4})); });
  ASSERT_EQ(summary.rows.size(), 2u);
  EXPECT_EQ(summary.rows[0].operations, 2 * 4 * 4 * 9);
  EXPECT_EQ(summary.rows[1].output, (Shape{1, 5}));
  EXPECT_EQ(summary.rows[1].operations, 2 * 16 * 5);
}

}  // namespace
}  // namespace heed
