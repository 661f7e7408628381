#include "tasks/heads/aims.h"

#include <charconv>

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/core/nearest.h"

namespace heed {

namespace {

void refuse_tokens(const AimOptions& aimed) {
  if (aimed.first != 0 || aimed.last != 0)
    throw UsageError("--tokens is of texts that a model writes");
}

}  // namespace

int64_t aimed_class(const Classes& classes, const AimOptions& aimed, int64_t best,
                    const char* what) {
  refuse_tokens(aimed);
  const auto& target = aimed.target;
  if (target.empty()) return best;
  const auto number = classes.number(target);
  if (number < 0)
    throw UsageError(text_of("--target: the model has no ", what, " '", target, "'",
                             suggestion(target, classes.names())));
  return number;
}

int64_t aimed_number(const AimOptions& aimed, int64_t most, const char* what) {
  refuse_tokens(aimed);
  const auto& target = aimed.target;
  if (target.empty()) return 0;
  int64_t number = 0;
  const auto* end = target.data() + target.size();
  const auto [rest, error] = std::from_chars(target.data(), end, number);
  if (error != std::errc() || rest != end || number < 1 || number > most)
    throw UsageError(text_of("--target: expected the number of a ", what, ", 1 to ", most,
                             ", given '", target, "'"));
  return number;
}

}  // namespace heed
