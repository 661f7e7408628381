#include "heed/models/image_classifier.h"

#include "core/text.h"
#include "nn/linear.h"

namespace heed {

ImageClassifierImpl::ImageClassifierImpl(const ImageClassifierOptions& given,
                                         const ImageShape& shape, int64_t classes)
    : options(given), shape(shape), classes(classes) {
  if (classes < 1) throw ModelError(text_of("classes: expected at least 1, given ", classes));
  const auto& how = options.encoder();
  if (options.pool() == ImagePool::class_token && !how.class_token)
    throw ModelError("pool: class_token needs the token; say encoder.class_token = true");
  encoder = register_module("encoder", ImageEncoder(how, shape));
  if (options.pool() == ImagePool::attention)
    pool = register_module(
        "pool",
        nn::AttentionPooling(nn::AttentionPoolingOptions(how.width).attention(how.attention)));
  head = register_module("head", nn::small_linear(how.width, classes));
}

at::Tensor ImageClassifierImpl::forward(const at::Tensor& images) {
  const auto x = encoder->forward(Batch{.tensors = {{"image", images}}, .records = {}}).states;
  if (pool) return head->forward(pool->forward(x).squeeze(1));
  return head->forward(options.pool() == ImagePool::class_token ? x.select(1, 0)
                                                                : x.mean(1));  // (B, K)
}

}  // namespace heed
