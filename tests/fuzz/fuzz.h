// What every fuzz target needs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "heed/core/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace heed::fuzz {

inline std::string_view text(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// Stops the program, which the fuzzer records as a finding.
inline void require(bool good) {
  if (!good) __builtin_trap();
}

/// Bad bytes may give an error of kind `E` with a message and nothing else: any other exception
/// ends the program.
template <class E, class Call>
void only(Call&& call) {
  try {
    call();
  } catch (const E& error) {
    require(error.what()[0] != '\0');
  }
}

}  // namespace heed::fuzz
