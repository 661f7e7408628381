#include "ops/linear_heads.h"

#include <torch/csrc/autograd/custom_function.h>

#include "ops/product.h"

namespace heed::ops {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

variable_list parts_of(at::TensorList inputs, int64_t batch, int64_t head) {
  variable_list parts;
  for (const auto& x : inputs) parts.push_back(x.select(0, batch).select(0, head));
  return parts;
}

/// body(batch, head, task) for each.
template <class Body>
void for_each_part(int64_t B, int64_t H, const Body& body) {
  in_tasks(B * H, [&](int64_t task) { body(task / H, task % H, task); });
}

at::Tensor joined(const variable_list& of_heads, int64_t B, int64_t H) {
  return at::stack(of_heads).unflatten(0, {B, H});
}

at::Tensor head_after_head(at::TensorList inputs, const HeadFormula& formula) {
  const int64_t B = inputs[0].size(0), H = inputs[0].size(1);
  if (!inputs[0].is_cpu() || B * H == 0) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    return formula(inputs.vec());
  }
  variable_list found(static_cast<size_t>(B * H));
  for_each_part(B, H, [&](int64_t batch, int64_t head, int64_t task) {
    found[static_cast<size_t>(task)] = formula(parts_of(inputs, batch, head));
  });
  return joined(found, B, H);
}

/// What is asked of `leaves`, with allow_unused; undefined where nothing is.
variable_list gradients_of(const at::Tensor& out, const variable_list& leaves,
                           const at::Tensor& grad, bool create_graph) {
  variable_list asked, grads(leaves.size());
  for (const auto& leaf : leaves)
    if (leaf.requires_grad()) asked.push_back(leaf);
  const auto found = torch::autograd::grad({out}, asked, {grad}, create_graph, create_graph,
                                           /*allow_unused=*/true);
  for (size_t i = 0, next = 0; i < leaves.size(); ++i)
    if (leaves[i].requires_grad()) grads[i] = found[next++];
  return grads;
}

class HeadFunction : public torch::autograd::Function<HeadFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, at::TensorList inputs,
                            const HeadFormula& formula) {
    ctx->save_for_backward(inputs.vec());
    ctx->saved_data["formula"] = at::IValue::make_capsule(c10::make_intrusive<Saved>(formula));
    return head_after_head(inputs, formula);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const auto capsule = ctx->saved_data["formula"].toCapsule();
    const auto& formula = static_cast<const Saved&>(*capsule).formula;
    auto inputs = ctx->get_saved_variables();
    auto result = torch::GradMode::is_enabled() || !inputs[0].is_cpu()
                      ? of_all(inputs, formula, grads[0])
                      : of_heads(inputs, formula, grads[0]);
    result.emplace_back();  // of the formula
    return result;
  }

 private:
  struct Saved : torch::CustomClassHolder {
    HeadFormula formula;
    explicit Saved(HeadFormula formula) : formula(std::move(formula)) {}
  };

  /// Gradients that can be differentiated again: of views, so that the graph starts here.
  static variable_list of_all(variable_list inputs, const HeadFormula& formula,
                              const at::Tensor& grad) {
    const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
    const bool again = torch::GradMode::is_enabled();
    const torch::AutoGradMode record(true);
    for (auto& x : inputs)
      if (x.requires_grad()) x = x.view_as(x);
    return gradients_of(formula(inputs), inputs, grad, again);
  }

  static variable_list of_heads(const variable_list& inputs, const HeadFormula& formula,
                                const at::Tensor& grad) {
    const int64_t B = inputs[0].size(0), H = inputs[0].size(1);
    if (B * H == 0) return of_all(inputs, formula, grad);
    std::vector<variable_list> found(inputs.size(), variable_list(static_cast<size_t>(B * H)));
    for_each_part(B, H, [&](int64_t batch, int64_t head, int64_t task) {
      const torch::AutoGradMode record(true);
      auto parts = parts_of(inputs, batch, head);
      for (size_t i = 0; i < parts.size(); ++i)
        parts[i] = parts[i].detach().requires_grad_(inputs[i].requires_grad());
      const auto grads = gradients_of(formula(parts), parts, grad[batch][head], false);
      for (size_t i = 0; i < parts.size(); ++i) found[i][static_cast<size_t>(task)] = grads[i];
    });
    const torch::NoGradGuard no_gradient;
    variable_list all;
    for (const auto& of_heads : found)
      all.push_back(of_heads[0].defined() ? joined(of_heads, B, H) : at::Tensor());
    return all;
  }
};

class ProjectFunction : public torch::autograd::Function<ProjectFunction> {
 public:
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, const at::Tensor& w) {
    ctx->save_for_backward({w});
    if (!x.is_cpu()) return at::matmul(x, w.t());
    auto out = at::empty({x.size(0), x.size(1), x.size(2), w.size(0)}, x.options());
    for_each_part(x.size(0), x.size(1), [&](int64_t batch, int64_t head, int64_t) {
      auto to = out[batch][head];
      at::mm_out(to, x[batch][head], w.t());
    });
    return out;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    return {projected(grads[0], ctx->get_saved_variables()[0].t()), at::Tensor()};
  }
};

}  // namespace

at::Tensor projected(const at::Tensor& x, const at::Tensor& w) {
  const c10::impl::ExcludeDispatchKeyGuard no_autocast(c10::autocast_dispatch_keyset);
  return ProjectFunction::apply(x, w);
}

at::Tensor by_heads(const std::vector<at::Tensor>& inputs, const HeadFormula& formula) {
  const bool wants_gradient =
      torch::GradMode::is_enabled() &&
      std::any_of(inputs.begin(), inputs.end(), [](const auto& x) { return x.requires_grad(); });
  return wants_gradient ? HeadFunction::apply(at::TensorList(inputs), formula)
                        : head_after_head(inputs, formula);
}

}  // namespace heed::ops
