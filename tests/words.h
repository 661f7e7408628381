// Words of enums, for tests that go through them.
#pragma once

#include <string>

#include "heed/core/fields.h"

namespace heed::test {

/// Becomes the value of any enum that has the word.
struct Word {
  std::string text;
  template <EnumWithWords E>
  /* implicit */ operator E() const {
    return from_word<E>(text).value();
  }
};

}  // namespace heed::test
