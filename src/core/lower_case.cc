#include "core/lower_case.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>

#include "heed/core/error.h"

namespace heed {

std::string lower_case(std::string_view text) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out, static_cast<int32_t>(text.size()));
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())),
                            sink, nullptr, status);
  if (U_FAILURE(status)) {
    throw DataError(std::string("cannot turn a text of ") + std::to_string(text.size()) +
                    " bytes into lower case: " + u_errorName(status));
  }
  return out;
}

}  // namespace heed
