// The formula of a registered modifier: its own, or tiles handed to it.
#include <torch/csrc/autograd/custom_function.h>

#include "heed/core/error.h"
#include "ops/own_score_mod.h"

namespace heed::ops {
namespace {

/// The formula of a modifier that has none: a tile for each batch and head.
class ByTiles : public torch::autograd::Function<ByTiles> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, at::TensorList inputs,
                            const OpSpec& op, const ScorePlace& place) {
    const auto before = inputs[0].transpose(2, 3).contiguous();  // (b, h, c, r)
    auto after = before.clone();
    const Tensors at{before, after, {inputs.begin() + 1, inputs.end()}, {}};
    AT_DISPATCH_FLOATING_TYPES(before.scalar_type(), "modifier", [&] {
      for_each<scalar_t>(op, place, at, [&](auto&, auto& tile, auto& given, auto) {
        definition(op.name).own->forward(tile, given);
      });
    });
    torch::autograd::variable_list saved(inputs.begin(), inputs.end());
    ctx->save_for_backward(saved);
    ctx->saved_data["op"] = at::IValue::make_capsule(c10::make_intrusive<Saved>(op, place));
    return after.transpose(2, 3);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 const torch::autograd::variable_list& grads) {
    const auto capsule = ctx->saved_data["op"].toCapsule();
    const auto& of = static_cast<const Saved&>(*capsule).of;
    const auto& op = of.first;  // Clang 14 captures no structured binding
    const auto& place = of.second;
    if (torch::GradMode::is_enabled())
      throw UsageError("attention: the modifier '" + op.name +
                       "' has no second derivatives: they need ScoreMod::formula");
    const auto inputs = ctx->get_saved_variables();
    Tensors at{inputs[0].transpose(2, 3).contiguous(),
               grads[0].transpose(2, 3).clone(at::MemoryFormat::Contiguous),
               {inputs.begin() + 1, inputs.end()},
               {}};
    for (const auto& p : at.parameters)
      at.grads.push_back(at::zeros({at.scores.size(0) * p.numel()}, p.options()));
    AT_DISPATCH_FLOATING_TYPES(at.scores.scalar_type(), "modifier", [&] {
      for_each<scalar_t>(op, place, at, [&](auto& scores, auto& grad, auto& given, auto to) {
        definition(op.name).own->backward(scores, grad, given, to);
      });
    });
    torch::autograd::variable_list all = {at.changed.transpose(2, 3)};
    for (size_t i = 0; i < at.grads.size(); ++i)
      all.push_back(at.grads[i]
                        .view({at.scores.size(0), at.parameters[i].numel()})
                        .sum(0)
                        .view_as(at.parameters[i]));
    all.resize(all.size() + 2);  // of op and place
    return all;
  }

 private:
  struct Saved : torch::CustomClassHolder {
    std::pair<OpSpec, ScorePlace> of;
    Saved(const OpSpec& op, const ScorePlace& place) : of(op, place) {}
  };
  struct Tensors {
    at::Tensor scores, changed;  ///< (b, h, c, r)
    std::vector<at::Tensor> parameters, grads;
  };

  /// Calls visit(scores, what changes, inputs, gradients) for each batch and head.
  template <class T, class Visit>
  static void for_each(const OpSpec& op, const ScorePlace& place, const Tensors& at,
                       Visit&& visit) {
    const auto& s = at.scores;
    const int64_t H = s.size(1), size = s.size(2) * s.size(3);
    std::vector<at::Tensor> parameters;
    for (const auto& p : at.parameters) parameters.push_back(p.contiguous());
    for (int64_t x = 0; x < s.size(0) * H; ++x) {
      const auto tile = [&](const at::Tensor& t) {
        return ScoreTile<T>{t.data_ptr<T>() + x * size,
                            s.size(3),
                            place.batch + x / H,
                            place.head + x % H,
                            place.row,
                            s.size(3),
                            place.column,
                            s.size(2),
                            place.offset};
      };
      std::array<const T*, kMost> given;
      std::array<T*, kMost> to;
      for (size_t i = 0; i < parameters.size(); ++i)
        given[i] = OfHeads<const T>(parameters[i]).at(x % H);
      for (size_t i = 0; i < at.grads.size(); ++i)
        to[i] = at.grads[i].data_ptr<T>() + x * (parameters[i].numel() / H);
      const ScoreModInputs<T> inputs{op, {given.data(), parameters.size()}};
      const auto scores = tile(s), changed = tile(at.changed);
      visit(scores, changed, inputs, std::span<T* const>(to.data(), at.grads.size()));
    }
  }
};

}  // namespace

at::Tensor change_own(const OpSpec& op, const CallContext& context, const at::Tensor& scores) {
  const auto& own = *definition(op.name).own;
  std::vector<at::Tensor> parameters;
  for (const auto& learned : own.learns(op, context.sizes.D))
    parameters.push_back(context.parameters.at(parameter_name(op, learned)));
  const ScorePlace place{context.batch, context.head, context.row, context.column, context.offset};
  auto changed = own.formula(op, place, scores, parameters);
  if (changed.defined()) {
    if (changed.sizes() != scores.sizes())
      throw UsageError("attention: " + op.name + ": formula: expected the shape of the scores, " +
                       c10::str(scores.sizes()) + ", given " + c10::str(changed.sizes()));
    return changed;
  }
  if (!scores.is_cpu())
    throw UsageError("attention: the modifier '" + op.name + "' has no formula, which tensors on " +
                     c10::str(scores.device()) + " need: write ScoreMod::formula");
  parameters.insert(parameters.begin(), scores);
  return ByTiles::apply(at::TensorList(parameters), op, place);
}

}  // namespace heed::ops
