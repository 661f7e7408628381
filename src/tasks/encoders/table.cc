// Rows of a table to a token a column.
#include "heed/models/table_encoder.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class TableEncoderPart : public WithOptions<EncoderPart, TableEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    TableShape shape;
    shape.numbers = size_of(input, "numbers", "table").front();
    shape.categories = size_of(input, "categories", "table", 0);
    return TableEncoder(options, shape).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_table_encoder() { return std::make_shared<TableEncoderPart>(); }

}  // namespace heed
