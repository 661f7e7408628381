// Documents to one token each, by attention to words and to sentences.
#include "heed/models/document_encoder.h"

#include "tasks/encoders.h"

namespace heed {
namespace {

class DocumentEncoderPart : public WithOptions<EncoderPart, DocumentEncoderOptions> {
 public:
  EncoderPtr make(const Sizes& input) const override {
    return DocumentEncoder(options, size_of(input, "documents", "document").front()).ptr();
  }
};

}  // namespace

std::shared_ptr<EncoderPart> make_document_encoder() {
  return std::make_shared<DocumentEncoderPart>();
}

}  // namespace heed
