#include "heed/models/image_classifier.h"

#include "core/text.h"
#include "nn/linear.h"

namespace heed {

ImageClassifierImpl::ImageClassifierImpl(const ImageClassifierOptions& options,
                                         const ImageShape& shape, int64_t classes)
    : options(options), shape(shape), classes(classes) {
  reset();
}

void ImageClassifierImpl::reset() {
  if (classes < 1) throw ModelError(text_of("classes: expected at least 1, given ", classes));
  encoder = register_module("encoder", ImageEncoder(options.encoder(), options.attention(), shape));
  head = register_module("head", nn::small_linear(options.encoder().width(), classes));
  nn::name_maps(*this);
}

at::Tensor ImageClassifierImpl::forward(const at::Tensor& images) {
  return head->forward(encoder->forward(images));
}

}  // namespace heed
