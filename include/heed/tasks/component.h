// Parts of a recipe that are chosen by name: inputs, encoders, heads.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "heed/train/recipe.h"

namespace heed {

/// What reads its own table of a recipe. Options whose fields are known by now are told to the
/// visitor; the table's `kind` is not among them.
class Component {
 public:
  virtual ~Component() = default;
  virtual void read(FieldReader& reader) = 0;
  virtual void list(FieldLister& lister) const = 0;
};

/// A component that is an options struct and what Base asks for.
template <class Base, class Options>
class WithOptions : public Base {
 public:
  void read(FieldReader& reader) override { reader.read(options); }
  void list(FieldLister& lister) const override { Options(options).fields(lister); }

 protected:
  Options options;
};

/// The kinds of a base: a name, and what makes one with the default options.
template <class Base>
using Registry = std::map<std::string, std::function<std::shared_ptr<Base>()>>;

/// All inputs, encoders or heads, by name (src/tasks/registry.cc).
template <class Base>
const Registry<Base>& registry();

/// A table of a recipe: `kind`, then the fields of that kind.
template <class Base>
class Chosen {
 public:
  std::string kind;

  // Components find things in the data, so no two recipes share one.
  Chosen() = default;
  Chosen(Chosen&&) = default;
  Chosen& operator=(Chosen&&) = default;

  /// Null until a kind is known.
  const std::shared_ptr<Base>& get() const { return component_; }
  Base* operator->() const { return component_.get(); }
  Base& operator*() const { return *component_; }

  /// The component of that kind, with its defaults.
  void choose(const std::string& name) { kind = name, make_component(); }

  template <class Visitor>
  void fields(Visitor&& v) {
    OneOf kinds;
    for (const auto& [name, make] : registry<Base>()) kinds.words.push_back(name);
    v("kind", kind, Base::kHelp, kinds);
    make_component();
    using V = std::remove_cvref_t<Visitor>;
    if (!component_) return;  // the kind is unknown, which the reader has said
    if constexpr (std::is_same_v<V, FieldReader>) component_->read(v);
    if constexpr (std::is_same_v<V, FieldLister>) component_->list(v);
  }

 private:
  void make_component() {
    if (kind == made_) return;
    const auto known = registry<Base>().find(kind);
    if (known != registry<Base>().end()) component_ = known->second(), made_ = kind;
  }

  std::shared_ptr<Base> component_;
  std::string made_;  // the kind of component_
};

}  // namespace heed
