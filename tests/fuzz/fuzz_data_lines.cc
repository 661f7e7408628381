// The reader of lines, plain and packed.
#include "core/utf8.h"
#include "fuzz/file.h"
#include "heed/data/lines.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const fuzz::MemoryFile file(fuzz::text({data, size}));
  fuzz::only<DataError>([&] {
    data::LineReader reader(file.path());
    int64_t lines = 0;
    for (std::string line; reader.next(line); ++lines) {
      fuzz::require(line.find('\n') == std::string::npos);
      fuzz::require(invalid_utf8(line) == std::string::npos);
    }
    fuzz::require(reader.number() == lines && lines > 0);
  });
  return 0;
}
