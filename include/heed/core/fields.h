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
// Field types: bool, int64_t, double, std::string, std::vector of these, std::optional of these,
// and heed::Attention.
#pragma once

#include <concepts>
#include <limits>
#include <string>
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
