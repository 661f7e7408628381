#include "heed/core/fields.h"

#include <charconv>
#include <cmath>

namespace heed {
namespace {

std::string number(double x) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, x).ptr};
}

}  // namespace

bool Bounds::allow(double x) const noexcept {
  return (least_open ? x > least : x >= least) && (most_open ? x < most : x <= most);
}

std::string Bounds::text() const {
  const bool has_least = std::isfinite(least), has_most = std::isfinite(most);
  const std::string low = (least_open ? "above " : "at least ") + number(least);
  const std::string high = (most_open ? "below " : "at most ") + number(most);
  if (has_least && has_most && !least_open && !most_open) {
    return "from " + number(least) + " to " + number(most);
  }
  if (has_least && has_most) return low + " and " + high;
  return has_least ? low : has_most ? high : "any number";
}

}  // namespace heed
