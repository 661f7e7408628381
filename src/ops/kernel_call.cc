#include "ops/kernel_call.h"

#include <new>

#include "heed/core/error.h"
#include "kernels/any_mask.h"
#include "ops/view.h"

namespace heed::ops {
namespace {

template <class T>
std::unique_ptr<kernels::Mask<T>> make_mask(const Part& part, const Scene& scene) {
  auto first = std::get<MakeMask<T>>(definition(part.name).mask)(part, scene);
  if (part.alternatives.empty()) return first;
  std::vector<std::unique_ptr<kernels::Mask<T>>> all;
  all.push_back(std::move(first));
  for (const auto& other : part.alternatives) all.push_back(make_mask<T>(other, scene));
  return std::make_unique<kernels::AnyMask<T>>(std::move(all));
}

/// The stations of a call, and the problem that points to them.
template <class T>
struct Stations {
  std::vector<std::unique_ptr<kernels::Modifier<T>>> modifiers;
  std::vector<std::unique_ptr<kernels::Mask<T>>> masks;
  kernels::Problem<T> problem;

  Stations(const Call& call, const Scene& scene) {
    for (const auto& part : call.how.modifiers) {
      modifiers.push_back(std::get<MakeModifier<T>>(definition(part.name).modifier)(part, scene));
      problem.modifiers.push_back(modifiers.back().get());
    }
    for (const auto& part : call.how.masks) {
      masks.push_back(make_mask<T>(part, scene));
      problem.masks.push_back(masks.back().get());
    }
    const auto& score = call.how.score;
    problem.sizes = scene.sizes;
    problem.scale = static_cast<T>(definition(score.name).scale(score, scene.sizes.D));
    problem.dropout = call.dropout;
    problem.seed = call.seed;
  }
};

/// The call's q, k, v in the dtype of the computation.
struct Operands {
  at::Tensor q, k, v;
  explicit Operands(const Call& call)
      : q(call.q.to(call.compute)), k(call.k.to(call.compute)), v(call.v.to(call.compute)) {}

  template <class T>
  void enter(kernels::Problem<T>& problem) const {
    problem.q = view_of<const T>(q), problem.k = view_of<const T>(k),
    problem.v = view_of<const T>(v);
  }
};

/// Runs on the dtype of the computation: body(float()) or body(double()).
template <class Body>
void with_type(const Call& call, Body&& body) {
  try {
    call.compute == at::kDouble ? body(double()) : body(float());
  } catch (const std::bad_alloc&) {
    throw Error(Failure::memory, "attend: not enough memory for the kernel's buffers; q is " +
                                     c10::str(call.q.sizes()) + ", k is " +
                                     c10::str(call.k.sizes()));
  }
}

/// Empty (B, H, Lq, E), laid out as q: what was split from (B, L, H D) merges again without a copy.
at::Tensor empty_output(const Call& call) {
  const auto& s = call.scene.sizes;
  const auto options = call.q.options().dtype(call.compute);
  const bool heads_inside = call.q.stride(1) < call.q.stride(2);
  if (heads_inside) return at::empty({s.B, s.Lq, s.H, s.E}, options).transpose(1, 2);
  return at::empty({s.B, s.H, s.Lq, s.E}, options);
}

}  // namespace

Attended by_kernels(const Call& call) {
  const auto& s = call.scene.sizes;
  const Operands operands(call);
  const Scene scene = expanded(call);
  Attended result;
  result.out = empty_output(call);
  result.rows = at::empty({s.B, s.H, s.Lq}, result.out.options());
  with_type(call, [&](auto type) {
    using T = decltype(type);
    Stations<T> stations(call, scene);
    operands.enter(stations.problem);
    kernels::attend_forward(stations.problem, view_of<T>(result.out),
                            result.rows.template data_ptr<T>());
  });
  return result;
}

std::array<at::Tensor, 4> kernel_gradients(const Call& call, const at::Tensor& out,
                                           const at::Tensor& rows, const at::Tensor& grad_out,
                                           const std::array<bool, 4>& wanted) {
  const auto& s = call.scene.sizes;
  const Operands operands(call);
  const auto grad = grad_out.to(call.compute);
  Scene scene = expanded(call);
  std::array<at::Tensor, 4> grads;
  const at::Tensor* inputs[] = {&operands.q, &operands.k, &operands.v};
  for (int i = 0; i < 3; ++i)
    if (wanted[i]) grads[i] = at::empty_like(*inputs[i]);
  if (wanted[3]) {
    grads[3] = at::zeros(call.scene.bias.sizes(), call.scene.bias.options().dtype(call.compute));
    scene.grad_bias = grads[3].expand({s.B, s.H, s.Lq, s.Lk});
  }
  with_type(call, [&](auto type) {
    using T = decltype(type);
    Stations<T> stations(call, scene);
    operands.enter(stations.problem);
    kernels::attend_backward(stations.problem, view_of<const T>(out), rows.data_ptr<T>(),
                             view_of<const T>(grad), view_of<T>(grads[0]), view_of<T>(grads[1]),
                             view_of<T>(grads[2]));
  });
  for (int i = 0; i < 3; ++i)
    if (wanted[i]) grads[i] = grads[i].to(call.q.scalar_type());
  if (wanted[3]) grads[3] = grads[3].to(call.scene.bias.scalar_type());
  return grads;
}

}  // namespace heed::ops
