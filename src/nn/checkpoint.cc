#include "nn/checkpoint.h"

#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

#include <set>

#include "heed/nn/multi_head_attention.h"
#include "nn/generator_state.h"
#include "nn/sequence_part.h"
#include "nn/small_products.h"
#include "ops/torch_version.h"

namespace heed::nn {
namespace {

thread_local bool checkpointing = false;

/// The generator and autocast as they were, while one lives.
class AsBefore {
 public:
  AsBefore(const at::Tensor& generator, bool autocast)
      : generator_(generator_state()), autocast_(ops::cpu_autocast()) {
    set_generator_state(generator);
    ops::set_cpu_autocast(autocast);
    at::autocast::increment_nesting();
  }
  ~AsBefore() {
    if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
    ops::set_cpu_autocast(autocast_);
    set_generator_state(generator_);
  }
  AsBefore(const AsBefore&) = delete;
  AsBefore& operator=(const AsBefore&) = delete;

 private:
  at::Tensor generator_;
  bool autocast_;
};

struct Call : torch::CustomClassHolder {
  BlockCall run;
  std::vector<at::Tensor> parameters;
  size_t inputs = 0;
  at::Tensor generator;
  bool autocast = false;
  SequencePart::Place place;
};

class Recomputed : public torch::autograd::Function<Recomputed> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx,
                            const c10::intrusive_ptr<Call>& call, const at::TensorList& tensors) {
    ctx->saved_data["call"] = c10::IValue::make_capsule(call);
    std::vector<at::Tensor> inputs(tensors.begin(), tensors.begin() + call->inputs);
    call->generator = generator_state();
    call->autocast = ops::cpu_autocast();
    call->place = SequencePart::here();
    const auto result = call->run(inputs);
    ctx->save_for_backward(inputs);
    return result;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& gradients) {
    const auto holder = ctx->saved_data["call"].toCapsule();
    const auto* call = static_cast<const Call*>(holder.get());
    std::vector<at::Tensor> inputs, wanted;
    for (const auto& input : ctx->get_saved_variables()) {
      inputs.push_back(input.detach());
      if (input.requires_grad()) wanted.push_back(inputs.back().requires_grad_());
    }
    wanted.insert(wanted.end(), call->parameters.begin(), call->parameters.end());
    const at::AutoGradMode record(true);
    const auto result = [&] {
      const SmallProducts::Aside products;
      const AsBefore before(call->generator, call->autocast);
      const SequencePart part(call->place);
      return call->run(inputs);
    }();
    auto found = torch::autograd::grad({result}, wanted, {gradients.front()}, c10::nullopt, false,
                                       /*allow_unused=*/true);
    torch::autograd::variable_list all(1 + inputs.size());
    size_t next = 0;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (inputs[i].requires_grad()) all[1 + i] = std::move(found[next++]);
    for (; next < found.size(); ++next) all.push_back(std::move(found[next]));
    return all;
  }
};

/// Parameters that learn: the block's own and what its attentions share with others.
std::vector<at::Tensor> learning(torch::nn::Module& block) {
  std::vector<at::Tensor> all;
  std::set<const void*> seen;
  const auto add = [&](const at::Tensor& parameter) {
    if (parameter.requires_grad() && seen.insert(parameter.unsafeGetTensorImpl()).second)
      all.push_back(parameter);
  };
  for (const auto& parameter : block.parameters()) add(parameter);
  for (const auto& module : block.modules())
    if (auto* attention = module->as<MultiHeadAttentionImpl>())
      for (const auto& [name, tensor] : attention->learned) add(tensor);
  return all;
}

}  // namespace

GradientCheckpointing::GradientCheckpointing(bool on) : outer_(checkpointing) {
  checkpointing = checkpointing || on;
}
GradientCheckpointing::~GradientCheckpointing() { checkpointing = outer_; }
bool GradientCheckpointing::active() noexcept { return checkpointing; }

at::Tensor checkpointed(torch::nn::Module& block, const std::vector<at::Tensor>& inputs,
                        const BlockCall& call) {
  if (!GradientCheckpointing::active() || !torch::GradMode::is_enabled()) return call(inputs);
  auto kept = c10::make_intrusive<Call>();
  kept->run = call;
  kept->parameters = learning(block);
  kept->inputs = inputs.size();
  auto tensors = inputs;
  tensors.insert(tensors.end(), kept->parameters.begin(), kept->parameters.end());
  return Recomputed::apply(kept, at::TensorList(tensors));
}

}  // namespace heed::nn
