// What becomes of what training never saw.
#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace heed {

/// Classes, tags and labels of valid and test that training never saw.
enum class Unseen { refuse, wrong };
constexpr std::array<const char*, 2> words(Unseen) { return {"refuse", "wrong"}; }

/// What goes on behind the first of `count` that are wrong: "", ", nor are those of 1 more word",
/// ", nor are those of 2 more words".
inline std::string nor_are_others(int64_t count, const std::string& of) {
  if (count < 2) return "";
  return ", nor are those of " + std::to_string(count - 1) + " more " + of + (count > 2 ? "s" : "");
}

}  // namespace heed
