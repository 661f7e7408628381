// How an options struct tells its fields to whoever reads, writes or lists them (recipes, checkpoints, docs).
//
//   struct FooOptions {
//     TORCH_ARG(int64_t, width) = 64;
//    public:
//     template <class Visitor> void fields(Visitor&& v) { v("width", width(), "channels of a token"); }
//   };
//
// A visitor is called as v(name, reference, help) once a field, in the order in which it is printed. A nested options struct
// is a field whose type has `fields` itself. Field types: bool, int64_t, double, std::string, std::vector of these,
// std::optional of these, enums with `to_text` / `from_text`, and heed::Attention.
#pragma once

#include <concepts>

namespace heed {

namespace detail {
struct AnyVisitor {
  template <class T>
  void operator()(const char*, T&, const char*) {}
};
}  // namespace detail

/// An options struct that can be read from and written to a recipe.
template <class T>
concept HasFields = requires(T t, detail::AnyVisitor v) { t.fields(v); };

}  // namespace heed
