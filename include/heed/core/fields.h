// How an options struct tells its fields to whoever reads, writes or lists them (recipes,
// checkpoints, docs).
//
//   struct FooOptions {
//     TORCH_ARG(int64_t, width) = 64;
//
//    public:
//     template <class Visitor>
//     void fields(Visitor&& v) {
//       v("width", width(), "channels of a token");
//     }
//   };
//
// A visitor is called as v(name, reference, help), for numbers also v(name, reference, help,
// Bounds) and for strings v(name, reference, help, OneOf), once a field, in the order in which it
// is printed. A nested options struct is a field whose type has `fields` itself. Fields may depend
// on those before them (`if (kind == "cosine") v(...)`): a reader has already filled those in.
// Field types: bool, int64_t, double, std::string, an enum that has words, std::vector and
// std::optional of the first four, and heed::Attention.
#pragma once

#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace heed {

/// The numbers that a field may have: those from `least` to `most`, without an end that is open.
struct Bounds {
  double least = -std::numeric_limits<double>::infinity();
  double most = std::numeric_limits<double>::infinity();
  bool least_open = false, most_open = false;

  bool allow(double x) const noexcept;  ///< false for NaN
  std::string text() const;             ///< "at least 1", "above 0", "at least 0 and below 1"
};
constexpr Bounds at_least(double x) { return {.least = x}; }
constexpr Bounds above(double x) { return {.least = x, .least_open = true}; }
constexpr Bounds between(double least, double most) { return {.least = least, .most = most}; }
/// least <= x < below
constexpr Bounds from_to_below(double least, double below) {
  return {.least = least, .most = below, .most_open = true};
}

/// The words that a string field may be.
struct OneOf {
  std::vector<std::string> words;
};

/// An enum whose values 0, 1, ... have the words of an array `words(value)`, found beside the enum:
///
///   enum class Precision { float32, bfloat16 };
///   constexpr std::array<const char*, 2> words(Precision) { return {"float32", "bfloat16"}; }
template <class E>
concept EnumWithWords = std::is_enum_v<E> && requires(E e) {
  { words(e)[0] } -> std::convertible_to<const char*>;
};

/// The word of a value, "float32".
template <EnumWithWords E>
constexpr const char* word_of(E value) {
  return words(value)[static_cast<size_t>(value)];
}

/// All words of an enum, in the order of its values.
template <EnumWithWords E>
OneOf words_of() {
  OneOf all;
  for (const char* word : words(E{})) all.words.emplace_back(word);
  return all;
}

/// The value that has the word, or nothing.
template <EnumWithWords E>
constexpr std::optional<E> from_word(std::string_view word) {
  size_t i = 0;
  for (const char* known : words(E{})) {
    if (word == known) return static_cast<E>(i);
    ++i;
  }
  return std::nullopt;
}

namespace detail {
struct AnyVisitor {
  template <class T>
  void operator()(const char*, T&, const char*, Bounds = {}) {}
  void operator()(const char*, std::string&, const char*, const OneOf&) {}
};
}  // namespace detail

/// An options struct that can be read from and written to a recipe.
template <class T>
concept HasFields = requires(T t, detail::AnyVisitor v) {
  t.fields(v);
};

}  // namespace heed
