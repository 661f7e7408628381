// Questions about stories to one token each.
#include "heed/models/query_reduction.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class QueryReductionPart : public WithOptions<EncoderPart, QueryReductionOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    return QueryReduction(options, size_of(input, "words", "query_reduction").front()).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_query_reduction() {
  return std::make_shared<QueryReductionPart>();
}

}  // namespace heed
