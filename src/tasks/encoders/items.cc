// What somebody did, item by item, to tokens.
#include "heed/models/items_encoder.h"

#include "heed/core/error.h"
#include "tasks/encoders.h"

namespace heed {
namespace {

class ItemsEncoderPart : public WithOptions<EncoderPart, ItemsEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    const int64_t items = size_of(input, "items", "items").front();
    const int64_t longest = size_of(input, "history", "items").front();
    if (options.max_positions > 0 && longest > options.max_positions)
      throw ModelError(
          "encoder.max_positions: expected at least input.max_length = " + std::to_string(longest) +
          ", given " + std::to_string(options.max_positions));
    if (options.gaps > 0 && !input.contains("times"))
      throw ModelError("encoder.gaps: expected 0 where input.time names no column, given " +
                       std::to_string(options.gaps));
    return ItemsEncoder(options, items).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_items_encoder() { return std::make_shared<ItemsEncoderPart>(); }

}  // namespace heed
