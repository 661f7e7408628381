#include "data/json_tokenizer/byte_level.h"

#include "core/utf8.h"
#include "data/json_tokenizer/unicode.h"

namespace heed::data::json_tokenizer {
namespace {

constexpr uint32_t kFirstStandIn = 0x100;

bool stands_for_itself(uint32_t byte) {
  return (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
}

const std::array<uint32_t, 256>& level_codes() {
  static const auto codes = [] {
    std::array<uint32_t, 256> made{};
    uint32_t next = kFirstStandIn;
    for (uint32_t byte = 0; byte < 256; ++byte)
      made[byte] = stands_for_itself(byte) ? byte : next++;
    return made;
  }();
  return codes;
}

}  // namespace

const std::array<std::string, 256>& byte_level_characters() {
  static const auto characters = [] {
    std::array<std::string, 256> made;
    for (size_t byte = 0; byte < 256; ++byte) append_utf8(made[byte], level_codes()[byte]);
    return made;
  }();
  return characters;
}

std::optional<std::string> byte_level_bytes(std::string_view text) {
  static const auto bytes = [] {
    std::array<int, 512> made;
    made.fill(-1);
    for (size_t byte = 0; byte < 256; ++byte) made[level_codes()[byte]] = static_cast<int>(byte);
    return made;
  }();
  std::string raw;
  for (size_t at = 0; at < text.size();) {
    const uint32_t code = next_character(text, at);
    if (code >= bytes.size() || bytes[code] < 0) return {};
    raw += static_cast<char>(bytes[code]);
  }
  return raw;
}

}  // namespace heed::data::json_tokenizer
