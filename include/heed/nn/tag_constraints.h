// Which tags may follow each other.
#pragma once

#include <torch/types.h>

#include <array>
#include <string>
#include <vector>

namespace heed::nn {

/// What sequences of K tags may look like. Undefined tensors allow everything.
struct TagConstraints {
  at::Tensor transitions = {};          ///< (K, K) bool: tag j may follow tag i
  at::Tensor start = {};                ///< (K) bool: a sequence may begin with the tag
  at::Tensor end = {};                  ///< (K) bool: a sequence may end with the tag
  std::vector<std::string> names = {};  ///< of the tags, for messages; may be empty
};

/// How spans are written as tags: "O" outside, or a letter, '-' and the span's type.
///
///   iob2   B begins every span, I goes on                       (Tjong Kim Sang & Veenstra 1999)
///   iobes  B begins, I goes on and E ends a span of two or more tokens, S is a span of one
///   bilou  as iobes, with L for E and U for S                   (Ratinov & Roth 2009)
///
enum class SpanScheme { iob2, iobes, bilou };
constexpr std::array<const char*, 3> words(SpanScheme) { return {"iob2", "iobes", "bilou"}; }

/// A type goes on only as itself: I-PER follows B-PER or I-PER. Throws DataError naming the tag
/// that is no tag of the scheme or stands twice.
TagConstraints span_constraints(const std::vector<std::string>& names, SpanScheme scheme);

}  // namespace heed::nn
