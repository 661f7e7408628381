// Which neighbours of tags begin, continue and end a span in each strict scheme: the tables of
// seqeval 1.2.2, whose counts are wanted.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "heed/metrics/spans.h"

namespace heed::metric {

struct Tag {
  char prefix;
  std::string type;
};

enum class Types { kAny, kSame, kDifferent };

/// Holds where the left tag has a prefix of `left`, the right one of `right`, and the types fit.
struct TagPattern {
  std::string_view left, right;
  Types types;
};

struct TagRules {
  std::string_view prefixes;  ///< that the scheme has
  std::span<const TagPattern> start, inside, end;
};

bool matches(std::span<const TagPattern> patterns, const Tag& left, const Tag& right);

/// Null of TagScheme::kLenient.
const TagRules* rules_of(TagScheme scheme);

}  // namespace heed::metric
