#include "metrics/tag_patterns.h"

#include <algorithm>

namespace heed::metric {
namespace {

constexpr std::string_view kAll = "OBIES";

constexpr TagPattern kIob1Start[] = {{"O", "I", Types::kAny},
                                     {"I", "I", Types::kDifferent},
                                     {"B", "I", Types::kAny},
                                     {"IB", "B", Types::kSame}};
constexpr TagPattern kIobInside[] = {{"BI", "I", Types::kSame}};
constexpr TagPattern kIob1End[] = {{"BI", "I", Types::kDifferent},
                                   {"BI", "O", Types::kAny},
                                   {"I", "B", Types::kAny},
                                   {"B", "B", Types::kSame}};

constexpr TagPattern kIob2Start[] = {{kAll, "B", Types::kAny}};
constexpr TagPattern kIob2End[] = {{"BI", "OB", Types::kAny}, {"BI", "I", Types::kDifferent}};

constexpr TagPattern kIoe2Start[] = {{"OE", "IE", Types::kAny}, {"I", "IE", Types::kDifferent}};
constexpr TagPattern kIoe2Inside[] = {{"I", "IE", Types::kSame}};
constexpr TagPattern kIoe2End[] = {{"E", kAll, Types::kAny}};

constexpr TagPattern kIobesStart[] = {{kAll, "BS", Types::kAny}};
constexpr TagPattern kIobesInside[] = {{"BI", "IE", Types::kSame}};
constexpr TagPattern kIobesEnd[] = {{"SE", kAll, Types::kAny}};

constexpr TagRules kIob1{"OBI", kIob1Start, kIobInside, kIob1End};
constexpr TagRules kIob2{"OBI", kIob2Start, kIobInside, kIob2End};
constexpr TagRules kIoe2{"OIE", kIoe2Start, kIoe2Inside, kIoe2End};
constexpr TagRules kIobes{"OBIES", kIobesStart, kIobesInside, kIobesEnd};

}  // namespace

bool matches(std::span<const TagPattern> patterns, const Tag& left, const Tag& right) {
  return std::ranges::any_of(patterns, [&](const TagPattern& pattern) {
    return pattern.left.find(left.prefix) != std::string_view::npos &&
           pattern.right.find(right.prefix) != std::string_view::npos &&
           (pattern.types == Types::kAny ||
            (left.type == right.type) == (pattern.types == Types::kSame));
  });
}

const TagRules* rules_of(TagScheme scheme) {
  switch (scheme) {
    case TagScheme::kLenient:
      return nullptr;
    case TagScheme::kIob1:
      return &kIob1;
    case TagScheme::kIob2:
      return &kIob2;
    case TagScheme::kIoe2:
      return &kIoe2;
    case TagScheme::kIobes:
      return &kIobes;
  }
  return nullptr;
}

}  // namespace heed::metric
