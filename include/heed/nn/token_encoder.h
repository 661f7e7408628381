// A place for any module that changes tokens.
#pragma once

#include <torch/nn/modules/container/any.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

#include <functional>
#include <memory>
#include <utility>

#include "heed/ops/attend.h"

namespace heed::nn {

/// Holds a module whose forward(x) or forward(x, AttendInputs) turns (N, L, M) into (N, L, M'):
/// nn::TransformerBlock, torch::nn::Linear, a torch::nn::Sequential or AnyModule of one tensor, or
/// one's own. Empty, it returns x. A module that takes the inputs is told what is padding; one that
/// does not sees padding as tokens.
class TokenEncoder {
 public:
  TokenEncoder() = default;

  template <class Impl>
  /* implicit */ TokenEncoder(const torch::nn::ModuleHolder<Impl>& holder)
      : module_(holder.ptr()),
        call_([](torch::nn::Module& module, const at::Tensor& x, const AttendInputs& inputs) {
          return forward_of(dynamic_cast<Impl&>(module), x, inputs);
        }) {}

  /* implicit */ TokenEncoder(const torch::nn::AnyModule& any);

  explicit operator bool() const { return module_ != nullptr; }
  const std::shared_ptr<torch::nn::Module>& module() const { return module_; }
  at::Tensor forward(const at::Tensor& x, const AttendInputs& inputs) const;
  /// With a module of its own, of the same parameters.
  TokenEncoder clone() const;

 private:
  using Call =
      std::function<at::Tensor(torch::nn::Module&, const at::Tensor&, const AttendInputs&)>;

  template <class Impl>
  static at::Tensor forward_of(Impl& module, const at::Tensor& x, const AttendInputs& inputs) {
    // Sequential takes anything and finds out when it runs.
    constexpr bool takes_inputs = requires { module.forward(x, inputs); }
    &&!std::is_same_v<Impl, torch::nn::SequentialImpl>;
    if constexpr (takes_inputs)
      return module.forward(x, inputs);
    else
      return module.forward(x);
  }

  std::shared_ptr<torch::nn::Module> module_;
  Call call_;
  std::shared_ptr<torch::nn::AnyModule> any_;  ///< holds module_, where it came so
};

}  // namespace heed::nn
