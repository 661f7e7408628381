// A clone of an encoder gives the same tokens and shares no weight with it.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "heed/models/document_encoder.h"
#include "heed/models/image_classifier.h"
#include "heed/models/items_encoder.h"
#include "heed/models/joint_encoder.h"
#include "heed/models/query_reduction.h"
#include "heed/models/recurrent_encoder.h"
#include "heed/models/series_encoder.h"
#include "heed/models/table_encoder.h"
#include "heed/models/text_encoder.h"
#include "models/encoders.h"

namespace heed {
namespace {

constexpr int64_t kRecords = 3;

Batch texts() {
  return batch_of({{"tokens", torch::randint(20, {kRecords, 7}, at::kLong)},
                   {"lengths", torch::tensor({7, 3, 5}, at::kLong)}});
}

void expect_clone(Encoder& original, const Batch& batch) {
  original.eval();
  const auto copy = std::dynamic_pointer_cast<Encoder>(original.clone());
  ASSERT_TRUE(copy);
  EXPECT_FALSE(copy->is_training());
  const auto before = original.forward(batch).states;
  EXPECT_TRUE(copy->forward(batch).states.equal(before));
  EXPECT_EQ(copy->named_parameters().keys(), original.named_parameters().keys());
  {
    const torch::NoGradGuard no_gradient;
    for (auto& weight : copy->parameters()) weight.add_(1);
  }
  EXPECT_TRUE(original.forward(batch).states.equal(before));
  EXPECT_FALSE(copy->forward(batch).states.equal(before));
}

TextEncoder text_encoder() {
  TextEncoderOptions options;
  options.width = 8, options.layers = 1, options.attention = Attention::parse("num_heads=2");
  TextShape shape;
  shape.vocabulary = 20;
  return TextEncoder(options, shape);
}

class Clone : public testing::Test {
 protected:
  Clone() { torch::manual_seed(3); }
};

TEST_F(Clone, OfTexts) {
  expect_clone(*text_encoder(), texts());
  RecurrentEncoderOptions options;
  options.width = 8;
  TextShape shape;
  shape.vocabulary = 20;
  expect_clone(*RecurrentEncoder(options, shape), texts());
}

TEST_F(Clone, OfDocumentsAndItems) {
  DocumentEncoderOptions documents;
  documents.width = 8, documents.attention = Attention::parse("num_heads=2");
  expect_clone(*DocumentEncoder(documents, 20),
               batch_of({{"tokens", torch::randint(20, {kRecords, 2, 5}, at::kLong)},
                         {"words", torch::full({kRecords, 2}, 4, at::kLong)},
                         {"lengths", torch::full({kRecords}, 2, at::kLong)}}));
  ItemsEncoderOptions items;
  items.width = 8, items.layers = 1, items.attention = Attention::parse("num_heads=2");
  expect_clone(*ItemsEncoder(items, 12),
               batch_of({{"items", torch::randint(12, {kRecords, 6}, at::kLong)},
                         {"lengths", torch::full({kRecords}, 6, at::kLong)}}));
}

TEST_F(Clone, OfSeriesAndTables) {
  SeriesEncoderOptions series;
  series.width = 8, series.layers = 1, series.attention = Attention::parse("num_heads=2");
  SeriesShape shape;
  shape.channels = 2, shape.past = 32;
  expect_clone(*SeriesEncoder(series, shape),
               batch_of({{"past", torch::randn({kRecords, 2, 32})}}));
  TableEncoderOptions table;
  table.width = 8, table.layers = 1, table.attention = Attention::parse("num_heads=2");
  TableShape columns;
  columns.numbers = 2, columns.categories = {4};
  expect_clone(*TableEncoder(table, columns),
               batch_of({{"numbers", torch::randn({kRecords, 2})},
                         {"categories", torch::randint(4, {kRecords, 1}, at::kLong)}}));
}

TEST_F(Clone, OfImagesAndStories) {
  ImageEncoderOptions options;
  options.width = 8, options.layers = 2,
  options.attention = Attention::parse("learned; num_heads=2");
  const auto images = batch_of({{"image", torch::randn({kRecords, 1, 8, 8})}});
  expect_clone(*ImageEncoder(options, ImageShape{1, 8, 8}), images);
  ImageClassifier model(ImageClassifierOptions().encoder(options).pool(ImagePool::attention),
                        ImageShape{1, 8, 8}, 3);
  model->eval();
  const auto copy = std::dynamic_pointer_cast<ImageClassifierImpl>(model->clone());
  EXPECT_TRUE(copy->forward(images.at("image")).equal(model->forward(images.at("image"))));
  Recording seen(*copy);
  copy->forward(images.at("image"));
  EXPECT_EQ(seen.map(1).name(), "encoder.layers.1.attention");
  expect_clone(*QueryReduction(QueryReductionOptions().width(6), 20),
               batch_of({{"sentences", torch::randint(1, 20, {4, 5}, at::kLong)},
                         {"story", torch::randint(4, {kRecords, 3}, at::kLong)},
                         {"lengths", torch::full({kRecords}, 3, at::kLong)},
                         {"questions", torch::randint(1, 20, {kRecords, 4}, at::kLong)}}));
}

TEST_F(Clone, OfJoinedInputs) {
  JointEncoderOptions options;
  options.width = 8, options.layers = 1, options.attention = Attention::parse("num_heads=2");
  const auto a = text_encoder(), b = text_encoder();
  JointEncoder joint(options, JointEncoderImpl::Inputs{{"a", a.ptr()}, {"b", b.ptr()}});
  Batch batch{{}, torch::arange(kRecords)};
  for (const auto* name : {"a.", "b."})
    for (const auto& [tensor, value] : texts().tensors) batch.tensors[name + tensor] = value;
  expect_clone(*joint, batch);
}

}  // namespace
}  // namespace heed
