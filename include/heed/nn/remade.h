// Modules whose clone is a new one that is given their values.
#pragma once

#include <c10/util/Optional.h>
#include <torch/nn/module.h>

#include <memory>

namespace heed::nn {

/// Gives `to` the values of `from`: parameters and buffers in memory of its own, with their dtypes,
/// on `device` or where they are, what is frozen and what is in training. No gradients. Throws
/// UsageError that names what one of them has and the other lacks.
void copy_values(const torch::nn::Module& from, torch::nn::Module& to,
                 const c10::optional<torch::Device>& device = {});

/// clone() for a module that holds parts of other modules' parameters, or what is no parameter, so
/// that torch::nn::Cloneable, which replaces its children, cannot make it. `Derived` has
///
///     std::shared_ptr<Derived> remade() const;   // of the same structure, with any values
///
/// A clone shares nothing with its original, and keeps nothing of what that did: packed weights,
/// memory of earlier windows. Like LibTorch's clones it draws from the generator what a new one
/// draws.
template <class Derived, class Base = torch::nn::Module>
class Remade : public Base {
 public:
  using Base::Base;

  std::shared_ptr<torch::nn::Module> clone(
      const c10::optional<torch::Device>& device = c10::nullopt) const override {
    const auto copy = static_cast<const Derived&>(*this).remade();
    copy_values(*this, *copy, device);
    return copy;
  }

 private:
  /// As the part of a module that is cloned.
  void clone_(torch::nn::Module& other, const c10::optional<torch::Device>& device) override {
    copy_values(other, *this, device);
  }
};

}  // namespace heed::nn
