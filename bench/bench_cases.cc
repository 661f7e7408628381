#include "bench_cases.h"

#include <torch/torch.h>

#include "heed/core/threads.h"
#include "heed/ops/attend.h"
#include "heed/ops/parameters.h"

namespace heed::cli {
namespace {

/// A call of attend with everything that it needs.
struct Called {
  at::Tensor q, k, v, grad;
  Attention how;
  AttendInputs inputs;
  std::vector<at::Tensor> leaves;

  Called(const std::string& text, const Shape& s, bool train, bool bias = false)
      : how(Attention::parse(text)) {
    q = leaf({s.batch, s.heads, s.queries, s.width}, train);
    k = leaf({s.batch, s.heads, s.keys, s.width}, train);
    v = leaf({s.batch, s.heads, s.keys, s.width}, train);
    grad = at::randn({s.batch, s.heads, s.queries, s.width});
    for (const auto& spec : parameters_of(how, s.heads, s.heads, s.width))
      inputs.parameters[spec.name] = leaf(spec.shape, train, std::max(spec.std, 0.1), spec.mean);
    if (bias) inputs.bias = leaf({s.heads, s.queries, s.keys}, train);
    inputs.training = train;
  }

  at::Tensor leaf(at::IntArrayRef sizes, bool train, double deviation = 1, double mean = 0) {
    leaves.push_back((at::randn(sizes) * deviation + mean).requires_grad_(train));
    return leaves.back();
  }
};

Work work_of(Called called, bool train) {
  return [called = std::move(called), train] {
    const torch::AutoGradMode record(train);
    const auto out = attend(called.q, called.k, called.v, called.how, called.inputs);
    if (train)
      torch::autograd::grad({out}, called.leaves, {called.grad}, {}, false, /*allow_unused=*/true);
  };
}

/// weight . tanh(q + k) as LibTorch's operators give it, with all of its Lq x Lk x hidden numbers.
Work broadcast_additive(const Called& c, bool train) {
  return [=] {
    const torch::AutoGradMode record(train);
    const auto weight = c.inputs.parameters.at("additive.weight").view({1, -1, 1, 1, c.q.size(3)});
    const auto scores = (torch::tanh(c.q.unsqueeze(3) + c.k.unsqueeze(2)) * weight).sum(-1);
    const auto out = torch::matmul(torch::softmax(scores, -1), c.v);
    if (train)
      torch::autograd::grad({out}, {c.q, c.k, c.v, c.inputs.parameters.at("additive.weight")},
                            {c.grad});
  };
}

}  // namespace

Comparison beside(const std::string& how, const std::string& base, const Shape& shape, bool train,
                  bool bias) {
  return {bias ? how + " with bias" : how,
          shape,
          train,
          base,
          work_of(Called(how, shape, train, bias), train),
          work_of(Called(base, shape, train), train)};
}

Comparison additive(bool train) {
  const Shape shape{1, 2, 512, 512, 128};
  Called called("additive", shape, train);
  return {"additive(hidden=128)",
          shape,
          train,
          "LibTorch's broadcast formula",
          work_of(called, train),
          broadcast_additive(called, train)};
}

Comparison additive_limit() {
  const Shape shape{1, 2, 512, 512, 128};
  constexpr int64_t kNumbers = 4096;
  const auto x = at::randn({kNumbers});
  auto y = at::empty({kNumbers});
  const double all = 2.0 * 512 * 512 * 128;
  return {"additive(hidden=128)",
          shape,
          false,
          "its tanh alone, LibTorch's vector tanh, 1 thread",
          work_of(Called("additive", shape, false), false),
          [=]() mutable { at::tanh_out(y, x); },
          all / kNumbers};
}

Comparison decoding(int64_t batch) {
  const Shape shape{batch, 8, 1, 4096, 64};
  const double bytes = 2.0 * 4 * static_cast<double>(batch) * 8 * 4096 * 64;
  const auto memory = at::randn({64 << 20});  // 256 MB
  return {"scaled_dot",
          shape,
          false,
          "reading keys and values from memory",
          work_of(Called("scaled_dot", shape, false), false),
          [=] { memory.sum(); },
          bytes / (4.0 * static_cast<double>(memory.numel()))};
}

Comparison one_thread(int threads) {
  const Shape shape{1, 1, 4096, 4096, 64};
  const auto work = work_of(Called("scaled_dot", shape, true), true);
  const auto with = [=](int count) {
    return [=] {
      if (num_threads() != count) set_num_threads(count);  // in the warm-up, which is not timed
      work();
    };
  };
  return {"scaled_dot", shape, true, "the same with one thread", with(threads), with(1)};
}

}  // namespace heed::cli
