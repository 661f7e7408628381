// COCO's JSON, and boxes as texts.
#include "data/coco.h"
#include "fuzz/fuzz.h"
#include "heed/core/error.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = fuzz::text({data, size});
  fuzz::only<DataError>([&] {
    for (const auto& image : data::parse_coco(text, "x.json"))
      for (const auto& box : image.boxes) fuzz::require(data::parse_box(data::to_text(box)) == box);
  });
  fuzz::only<DataError>([&] {
    for (const auto& item : data::split_boxes(text)) {
      const auto box = data::parse_box(item);
      fuzz::require(data::parse_box(data::to_text(box)) == box);
    }
  });
  return 0;
}
