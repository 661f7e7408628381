// No tokens: for heads that read what the input gives by themselves.
#include "heed/core/error.h"
#include "tasks/encoders.h"

namespace heed {
namespace {

struct NoOptions {
  template <class Visitor>
  void fields(Visitor&&) {}
};

class NoEncoder : public Encoder {
 public:
  Tokens forward(const Batch&) override { return {}; }
  int64_t width() const override {
    throw ModelError(
        "encoder.kind: the head reads tokens, and the encoder 'none' gives none; it goes with "
        "heads that read the input by themselves (text)");
  }
};

class NoEncoderPart : public WithOptions<EncoderPart, NoOptions> {
 public:
  EncoderPtr make(const Sizes&) const override { return std::make_shared<NoEncoder>(); }
};

}  // namespace

std::shared_ptr<EncoderPart> make_no_encoder() { return std::make_shared<NoEncoderPart>(); }

}  // namespace heed
