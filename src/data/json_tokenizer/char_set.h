// Sets of characters by Unicode's properties, as Oniguruma 6.9.10 (Unicode 16) names them.
#pragma once

#include <unicode/uniset.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace heed::data::json_tokenizer {

/// A set that answers at once.
class CharSet {
 public:
  explicit CharSet(const icu::UnicodeSet& set);
  bool contains(uint32_t code) const {
    if (code < 0x10000) return (low_[code >> 6] >> (code & 63) & 1) != 0;
    return contains_high(code);
  }
  /// The bytes that UTF-8 of its characters begins with.
  std::array<uint64_t, 4> first_bytes() const;

 private:
  bool contains_high(uint32_t code) const;

  std::array<uint64_t, 1024> low_{};
  std::vector<std::pair<uint32_t, uint32_t>> high_;  // first, last
};

/// \p{NAME}: a general category, a script, a binary property or one of the words of POSIX; none where it is not known.
std::optional<icu::UnicodeSet> property_set(const std::string& name);
/// [:NAME:]
std::optional<icu::UnicodeSet> posix_set(const std::string& name);

icu::UnicodeSet white_space_set();  ///< \s
icu::UnicodeSet digit_set();        ///< \d
icu::UnicodeSet word_set();         ///< \w
icu::UnicodeSet hex_digit_set();    ///< \h

}  // namespace heed::data::json_tokenizer
