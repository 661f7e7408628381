// The JPEG reader: an image that can be read has the shape that its header gives.
#include "data/formats.h"
#include "fuzz/fuzz.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const data::ImageLimits limits{.side = 4096, .pixels = 1 << 20};
  fuzz::only<DataError>([&] {
    const auto image = data::decode_jpeg({data, size}, "x.jpeg", limits);
    fuzz::require(image.shape == data::jpeg_shape({data, size}, "x.jpeg", limits));
    fuzz::require(static_cast<int64_t>(image.values.size()) == image.shape.values());
  });
  fuzz::only<DataError>([&] { data::jpeg_shape({data, size}, "x.jpeg", limits); });
  return 0;
}
