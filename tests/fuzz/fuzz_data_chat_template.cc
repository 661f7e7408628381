// A chat template; its bytes are also what a user says.
#include "fuzz/fuzz.h"
#include "heed/data/chat_template.h"

using namespace heed;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(fuzz::text({data, size}));
  fuzz::only<ModelError>([&] {
    const auto made = data::ChatTemplate::parse(bytes, "x");
    fuzz::only<Error>([&] {
      made->render({{"system", "s"}, {"user", bytes}, {"assistant", "a"}});
    });
  });
  return 0;
}
