// Boxes of a cell of a table.
#include "fuzz/fuzz.h"
#include "heed/core/error.h"
#include "heed/data/boxes.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::only<DataError>([&] {
    for (const auto& item : data::split_boxes(fuzz::text({data, size}))) {
      const auto box = data::parse_box(item);
      fuzz::require(box.area() > 0 && !box.name.empty());
      fuzz::require(data::parse_box(data::to_text(box)) == box);
    }
  });
  return 0;
}
