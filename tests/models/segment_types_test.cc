// Which parts of a text an encoder tells apart.
#include <gtest/gtest.h>

#include "heed/models/text_encoder.h"

namespace heed {
namespace {

TEST(SegmentTypes, OneTableRowOrNoneForTextsOfTwoParts) {
  torch::manual_seed(1);
  const Batch one{{{"tokens", torch::tensor({{1, 2, 3}})},
                   {"lengths", torch::tensor({3})},
                   {"segments", torch::tensor({{0, 0, 1}})}},
                  at::zeros({1}, at::kLong)};
  auto other = one;
  other.tensors["segments"] = torch::tensor({{0, 1, 1}});
  for (const int64_t types : {-1, 0, 1, 3}) {
    TextEncoderOptions options;
    options.width = 8, options.layers = 1, options.segment_types = types;
    TextEncoder encoder(options, TextShape{.vocabulary = 5, .segments = 2});
    encoder->eval();
    const bool same = at::equal(encoder->forward(one).states, encoder->forward(other).states);
    EXPECT_EQ(same, types == -1 || types == 1) << types;
    EXPECT_EQ(encoder->named_parameters().contains("segment_embedding"), types != -1) << types;
  }
}

}  // namespace
}  // namespace heed
