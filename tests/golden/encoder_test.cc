// Encoders of texts and images against transformers: states behind every block, logits, maps.
#include "golden/golden.h"
#include "heed/models/image_encoder.h"
#include "heed/models/text_encoder.h"
#include "models/encoder_parts.h"

namespace heed {
namespace {

using test::Golden;

void expect_text_states(Golden& golden) {
  auto& encoder = dynamic_cast<TextEncoderImpl&>(*golden.cell().encoder);
  const auto batch = golden.text_batch();
  const auto inputs = models::told_lengths(batch.at("lengths"));
  auto x = encoder.embedding.forward(batch, false);
  const auto blocks = static_cast<int64_t>(encoder.options.layers);
  for (int64_t i = 0; i <= blocks; ++i) {
    const auto name = "hidden_states." + std::to_string(i);
    if (i == blocks && encoder.blocks.norm) x = encoder.blocks.norm->forward(x);
    if (golden.has(name)) golden.expect(name, x);
    if (i < blocks)
      x = encoder.blocks.layers[static_cast<size_t>(i)]->as<nn::TransformerBlockImpl>()->forward(
          x, inputs);
  }
}

/// Tokens, logits and maps of the batch.
void expect_output(Golden& golden, const Batch& batch) {
  const at::NoGradGuard no_grad;
  Recording recording(*golden.cell().module);
  const auto tokens = golden.cell().encode(batch);
  if (golden.has("last_hidden_state")) golden.expect("last_hidden_state", tokens.states);
  const auto& head = golden.cell().recipe.heads.front();
  if (golden.has("logits")) golden.expect("logits", head.get()->output(tokens, batch));
  golden.expect_maps(recording.maps(), "attentions");
}

class GoldenTexts : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTexts, StatesLogitsAndMaps) {
  HEED_NEEDS_GOLDEN(GetParam());
  Golden golden(GetParam());
  const at::NoGradGuard no_grad;
  expect_text_states(golden);
  expect_output(golden, golden.text_batch());
}

INSTANTIATE_TEST_SUITE_P(Folders, GoldenTexts,
                         testing::Values("bert", "bert_token_classification", "roberta",
                                         "modernbert"));

TEST(GoldenImages, StatesLogitsAndMaps) {
  HEED_NEEDS_GOLDEN("vit");
  Golden golden("vit");
  const at::NoGradGuard no_grad;
  const auto& images = golden.at("pixel_values");
  expect_output(golden, {{{"image", images}}, at::arange(images.size(0), at::kLong)});
}

}  // namespace
}  // namespace heed
