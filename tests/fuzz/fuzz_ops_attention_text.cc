// An attention in one line: what can be read says of itself what reads the same.
#include "fuzz/fuzz.h"
#include "heed/ops/attention.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::only<UsageError>([&] {
    const Attention how = Attention::parse(fuzz::text({data, size}));
    how.check();
    fuzz::require(Attention::parse(how.text()) == how);
  });
  return 0;
}
