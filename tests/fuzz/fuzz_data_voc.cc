// Pascal VOC's XML.
#include "data/voc.h"
#include "fuzz/fuzz.h"
#include "heed/core/error.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::only<DataError>([&] {
    const auto found = data::parse_voc(fuzz::text({data, size}), "x.xml");
    for (const auto& box : found.boxes) {
      fuzz::require(box.area() > 0 && box.x0 >= 0 && box.y1 <= double(found.height));
      fuzz::require(data::parse_box(data::to_text(box)).area() > 0);
    }
  });
  return 0;
}
