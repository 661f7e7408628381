#include "lens/explain/units.h"

#include <unicode/brkiter.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <memory>

#include "heed/core/error.h"

namespace heed::lens {
namespace {

/// Where parts of a text begin, in characters (code points), ascending.
std::vector<int64_t> beginnings(const std::string& text, Unit unit) {
  UErrorCode status = U_ZERO_ERROR;
  const auto& locale = icu::Locale::getRoot();
  const std::unique_ptr<icu::BreakIterator> breaks(
      unit == Unit::sentence ? icu::BreakIterator::createSentenceInstance(locale, status)
                             : icu::BreakIterator::createWordInstance(locale, status));
  if (U_FAILURE(status))
    throw ModelError(std::string("explain: ICU has no rules for parts of texts: ") +
                     u_errorName(status));
  const auto wide = icu::UnicodeString::fromUTF8(text);
  breaks->setText(wide);
  std::vector<int64_t> found;
  for (int32_t at = breaks->first(); at != icu::BreakIterator::DONE; at = breaks->next())
    found.push_back(wide.countChar32(0, at));
  return found;
}

}  // namespace

std::vector<int64_t> groups_of(const Reader& reader, Unit unit) {
  const auto& tokens = reader.tokens();
  const bool placed = std::any_of(tokens.begin(), tokens.end(),
                                  [](const TokenPlace& token) { return token.begin >= 0; });
  if (unit == Unit::sentence && !placed)
    throw UsageError("--unit sentence is for texts; choose token");
  if (unit == Unit::second && (tokens.empty() || tokens.front().seconds < 0))
    throw UsageError("--unit second is for recordings; choose token");
  std::vector<int64_t> begins;
  if (placed && (unit == Unit::word || unit == Unit::sentence))
    begins = beginnings(reader.question().shown.text, unit);
  std::vector<int64_t> groups;
  int64_t last = -1, part = -1;
  for (const auto& token : tokens) {
    if (token.special) {
      groups.push_back(-1);
      continue;
    }
    int64_t of = -1;
    if (unit == Unit::second) of = static_cast<int64_t>(token.seconds);
    if (token.begin >= 0 && !begins.empty())
      of = std::upper_bound(begins.begin(), begins.end(), std::max(token.begin, token.end - 1)) -
           begins.begin();
    if (of < 0 || of != part) ++last;
    part = of;
    groups.push_back(last);
  }
  return groups;
}

}  // namespace heed::lens
