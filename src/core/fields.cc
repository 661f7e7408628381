#include "heed/core/fields.h"

#include <charconv>
#include <cmath>
#include <map>

#include "heed/core/error.h"

namespace heed {
namespace {

std::string number(double x) {
  char text[32];
  const bool whole = x == std::trunc(x) && std::abs(x) < 1e17;
  const auto end = whole ? std::to_chars(text, text + sizeof text, static_cast<int64_t>(x))
                         : std::to_chars(text, text + sizeof text, x);
  return {text, end.ptr};
}

}  // namespace

void check_apart(const std::vector<NamesOfKey>& keys) {
  std::map<std::string, const char*> known;
  for (const auto& [key, names] : keys)
    for (const auto& name : names) {
      const auto [first, is_new] = known.emplace(name, key);
      if (!is_new && !name.empty())
        throw ModelError(std::string(key) + ": expected other names than those of " +
                         first->second + ", given '" + name + "', too");
    }
}

bool Bounds::allow(double x) const noexcept {
  return (least_open ? x > least : x >= least) && (most_open ? x < most : x <= most);
}

std::string Bounds::text() const {
  if (!least_open && !most_open) return "from " + number(least) + " to " + number(most);
  return (least_open ? "above " : "at least ") + number(least) + " and " +
         (most_open ? "below " : "at most ") + number(most);
}

}  // namespace heed
