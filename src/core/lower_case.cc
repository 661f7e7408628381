#include "core/lower_case.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/edits.h>

#include "heed/core/error.h"

namespace heed {
namespace {

std::string lowered(std::string_view text, icu::Edits* edits) {
  std::string out;
  icu::StringByteSink<std::string> sink(&out, static_cast<int32_t>(text.size()));
  UErrorCode status = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())),
                            sink, edits, status);
  if (U_FAILURE(status)) {
    throw DataError(std::string("cannot turn a text of ") + std::to_string(text.size()) +
                    " bytes into lower case: " + u_errorName(status));
  }
  return out;
}

}  // namespace

std::string lower_case(std::string_view text) { return lowered(text, nullptr); }

LowerCase lower_case_with_origins(std::string_view text) {
  icu::Edits edits;
  LowerCase result{lowered(text, &edits), {}};
  result.origins.reserve(result.text.size() + 1);
  UErrorCode status = U_ZERO_ERROR;
  for (auto edit = edits.getFineIterator(); edit.next(status) != 0;) {
    for (int32_t i = 0; i < edit.newLength(); ++i)
      result.origins.push_back(edit.sourceIndex() + (edit.hasChange() != 0 ? 0 : i));
  }
  result.origins.push_back(static_cast<int64_t>(text.size()));
  return result;
}

}  // namespace heed
