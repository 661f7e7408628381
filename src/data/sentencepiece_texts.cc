#include "data/sentencepiece_texts.h"

#include <algorithm>

#include "core/lower_case.h"
#include "core/utf8.h"
#include "data/text.h"
#include "data/vocabulary.h"

namespace heed::data {
namespace {

constexpr uint32_t kItsUnknown = 0x2585;

bool begins_special(std::string_view text) {
  return std::any_of(std::begin(kSpecialPieces), std::end(kSpecialPieces),
                     [&](const char* special) { return text.starts_with(special); });
}

}  // namespace

std::vector<std::string_view> trainer_parts(std::string_view line) {
  std::vector<std::string_view> parts;
  std::string_view rest = line;
  const char* begin = line.data();  // of the part
  size_t stretch = 0;               // characters since the last blank
  const auto cut = [&](const char* end) {
    if (end != begin) parts.emplace_back(begin, static_cast<size_t>(end - begin));
    begin = rest.data(), stretch = 0;
  };
  while (!rest.empty()) {
    const char* at = rest.data();
    const bool special = *at == '<' && begins_special(rest);
    const uint32_t code = take_character(rest);
    stretch = code == ' ' ? 0 : stretch + 1;
    if (code == kItsUnknown) {
      cut(at);
    } else if (special || stretch == kLongestStretch) {
      cut(rest.data());
    }
  }
  cut(line.data() + line.size());
  return parts;
}

bool TrainerTexts::next(std::string& text) {
  while (next_ == parts_.size()) {
    if (!lines_(line_)) return false;
    check_utf8(line_, "tokenizer: a line of its text");
    if (lowercase_) line_ = lower_case(line_);
    parts_ = trainer_parts(line_), next_ = 0;
    found_ = found_ || !parts_.empty();
  }
  text = parts_[next_++];
  return true;
}

}  // namespace heed::data
