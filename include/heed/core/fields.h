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
// A visitor is called as v(name, reference, help), for numbers as v(name, reference, help, Bounds)
// and for strings also as v(name, reference, help, OneOf), once a field, in the order in which it
// is printed. A nested options struct is a field whose type has `fields` itself. Fields may depend
// on those before them (`if (kind == "cosine") v(...)`): a reader has already filled those in.
// Field types: bool, int64_t, double, std::string, an enum that has words, std::vector and
// std::optional of the first four, and heed::Attention.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace heed {

/// The numbers that a field may have: those from `least` to `most`, without an end that is open.
/// Every number of a recipe has both ends.
struct Bounds {
  double least, most;
  bool least_open, most_open;

  constexpr Bounds(double least, double most, bool least_open = false, bool most_open = false)
      : least(least), most(most), least_open(least_open), most_open(most_open) {}

  bool allow(double x) const noexcept;  ///< false for NaN
  std::string text() const;             ///< "from 1 to 8", "above 0 and at most 1"
};
constexpr Bounds between(double least, double most) { return {least, most}; }
/// least < x <= most
constexpr Bounds above(double least, double most) { return {least, most, true}; }
/// least <= x < below
constexpr Bounds from_to_below(double least, double below) { return {least, below, false, true}; }

/// What many fields have at most: far more than is in use, and products of two of them, times a
/// dtype's size, are no overflow of int64.
constexpr double kMostChannels = 1 << 20;
constexpr double kMostLayers = 4096;
constexpr double kMostLength = 1 << 30;         ///< tokens, rows, sentences
constexpr double kMostCount = 1e9;              ///< epochs, steps, examples, lines
constexpr double kMostSeed = 9007199254740992;  ///< 2^53

/// The words that a string field may be.
struct OneOf {
  std::vector<std::string> words;
};

/// Of a list of texts: one may stand in it several times.
struct MayRepeat {};

/// Names that a key gives, as of columns.
struct NamesOfKey {
  const char* key;
  std::vector<std::string> names;  ///< an empty one is none
};
/// Throws ModelError where two keys give the same name; within a list the reader has refused that.
void check_apart(const std::vector<NamesOfKey>& keys);

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
  void operator()(const char*, T&, const char*) {}
  template <class T>
  void operator()(const char*, T&, const char*, const Bounds&) {}
  void operator()(const char*, std::string&, const char*, const OneOf&) {}
  void operator()(const char*, std::vector<std::string>&, const char*, MayRepeat) {}
};
}  // namespace detail

/// An options struct that can be read from and written to a recipe.
template <class T>
concept HasFields = requires(T t, detail::AnyVisitor v) {
  t.fields(v);
};

/// A visitor that calls refuse(field, bounds, number) for numbers out of their bounds.
template <class Refuse>
class BoundsCheck {
 public:
  explicit BoundsCheck(Refuse refuse) : refuse_(std::move(refuse)) {}

  void operator()(const char* field, int64_t given, const char*, const Bounds& bounds) const {
    if (!bounds.allow(static_cast<double>(given))) refuse_(field, bounds, given);
  }
  void operator()(const char* field, double given, const char*, const Bounds& bounds) const {
    if (!bounds.allow(given)) refuse_(field, bounds, given);
  }
  template <class T, class... Rule>
  void operator()(const char*, const T&, const char*, const Rule&...) const {}

 private:
  Refuse refuse_;
};

}  // namespace heed
