#include "core/utf8.h"

#include <gtest/gtest.h>

namespace heed {
namespace {

TEST(Utf8, FindsTheFirstBadByte) {
  const auto npos = std::string_view::npos;
  EXPECT_EQ(invalid_utf8(""), npos);
  EXPECT_EQ(invalid_utf8("aé日😀\xEF\xBF\xBD"), npos);  // a replacement character that stands there
  EXPECT_EQ(invalid_utf8(std::string_view("\0", 1)), npos);
  EXPECT_EQ(invalid_utf8("ab\x80"), 2u);
  EXPECT_EQ(invalid_utf8("é\xC3"), 2u);
  EXPECT_EQ(invalid_utf8("\xC0\x80"), 0u);          // overlong
  EXPECT_EQ(invalid_utf8("\xED\xA0\x80"), 0u);      // a surrogate
  EXPECT_EQ(invalid_utf8("\xF4\x90\x80\x80"), 0u);  // over U+10FFFF
  EXPECT_EQ(invalid_utf8("a\xE6\x97"), 1u);
}

TEST(Utf8, EveryCharacterReturns) {
  for (uint32_t code = 0; code < 0x110000; code += code < 0x900 ? 1 : 37) {
    if (code >= 0xD800 && code < 0xE000) continue;
    std::string text;
    append_utf8(text, code);
    ASSERT_EQ(invalid_utf8(text), std::string_view::npos) << code;
    std::string_view rest = text;
    ASSERT_EQ(take_character(rest), code);
    ASSERT_TRUE(rest.empty());
  }
}

}  // namespace
}  // namespace heed
