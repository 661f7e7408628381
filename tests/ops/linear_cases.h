// Seeded calls of linear_attend: rules, decays, shapes and layouts at both ends of their ranges.
#pragma once

#include "heed/core/fields.h"
#include "heed/ops/linear_attention.h"
#include "ops/cases.h"

namespace heed::test {

struct LinearCase {
  int64_t B = 2, H = 2, G = 2, L = 7, D = 4, E = 4;
  LinearRule rule = LinearRule::linear;
  bool by_channel = true;  ///< one decay per channel instead of one for all
  double strength = 0.1;   ///< log decays are in [-2 strength, 0]
  bool state = false;      ///< given instead of 0
  bool shared = false;     ///< decay and beta the same for all batches and heads
  LinearFeature feature = LinearFeature::none;
  bool normalize = false, causal = true;
  Layout layout = Layout::plain;
  uint64_t seed = 1;
};

inline bool decays(const LinearCase& c) {
  return c.rule == LinearRule::gated || c.rule == LinearRule::gated_delta;
}
inline bool corrects(const LinearCase& c) {
  return c.rule == LinearRule::delta || c.rule == LinearRule::gated_delta;
}

struct LinearTensors {
  at::Tensor q, k, v;
  LinearAttention how;
  LinearInputs inputs;

  LinearTensors with(std::vector<at::Tensor> leaves) const {
    LinearTensors t = *this;
    t.q = leaves[0], t.k = leaves[1], t.v = leaves[2];
    size_t next = 3;
    for (auto* input : {&t.inputs.log_decay, &t.inputs.beta, &t.inputs.state})
      if (*input) *input = leaves[next++];
    return t;
  }
  std::vector<at::Tensor> leaves() const {
    std::vector<at::Tensor> all = {q, k, v};
    for (const auto& input : {inputs.log_decay, inputs.beta, inputs.state})
      if (input) all.push_back(*input);
    return all;
  }
  LinearTensors to(at::ScalarType type) const {
    auto all = leaves();
    for (auto& leaf : all) leaf = leaf.to(type);
    return with(all);
  }
  /// Steps first .. first + count - 1, from that state.
  LinearTensors steps(int64_t first, int64_t count, const at::Tensor& state) const {
    LinearTensors t = *this;
    for (auto* x : {&t.q, &t.k, &t.v}) *x = x->narrow(2, first, count);
    for (auto* x : {&t.inputs.log_decay, &t.inputs.beta})
      if (*x) *x = (*x)->narrow(2, first, count);
    if (state.defined()) t.inputs.state = state;
    return t;
  }
};

/// Keys of length about 1, so that the delta rule does not grow.
inline LinearTensors make(const LinearCase& c) {
  auto generator = at::detail::createCPUGenerator(c.seed);
  const auto options = at::TensorOptions().dtype(at::kDouble);
  LinearTensors t;
  t.q = laid_out({c.B, c.H, c.L, c.D}, c.layout, generator);
  t.k = laid_out({c.B, c.G, c.L, c.D}, c.layout, generator) / std::sqrt(static_cast<double>(c.D));
  t.v = laid_out({c.B, c.G, c.L, c.E}, c.layout, generator);
  t.how.rule = c.rule, t.how.feature = c.feature;
  t.how.normalize = c.normalize, t.how.causal = c.causal;
  if (c.feature == LinearFeature::favor) t.how.features = 6;
  const int64_t B = c.shared ? 1 : c.B, G = c.shared ? 1 : c.G;
  if (decays(c))
    t.inputs.log_decay =
        at::rand({B, G, c.L, c.by_channel ? c.D : 1}, generator, options) * (-2 * c.strength);
  if (corrects(c)) t.inputs.beta = at::rand({B, G, c.L}, generator, options);
  const int64_t D = c.feature == LinearFeature::favor ? 6 : c.D;
  if (c.state) {
    t.inputs.state = at::randn({c.B, c.G, D, c.E + (c.normalize ? 2 : 0)}, generator, options);
    if (c.normalize) t.inputs.state = t.inputs.state->abs();  // and divided by up to e^3
  }
  return t;
}

inline std::string describe(const LinearCase& c) {
  std::ostringstream text;
  text << "seed " << c.seed << ": B=" << c.B << " H=" << c.H << " G=" << c.G << " L=" << c.L
       << " D=" << c.D << " E=" << c.E << " " << word_of(c.rule)
       << (c.by_channel ? " by channel" : "") << " strength " << c.strength
       << (c.state ? " state" : "") << (c.shared ? " shared" : "") << " " << word_of(c.feature)
       << (c.normalize ? " normalize" : "") << (c.causal ? "" : " not causal") << " layout "
       << static_cast<int>(c.layout);
  return text.str();
}

/// Drawn from the ends and the middle of every range.
inline std::vector<LinearCase> random_linear_cases(int count) {
  Random random(20240715);
  const auto one_of = [&](const auto& list) {
    return list[random.below(static_cast<uint32_t>(list.size()))];
  };
  const std::vector<int64_t> lengths = {0, 1, 2, 5, 11, 12, 13, 63, 64, 65, 130};
  const std::vector<int64_t> widths = {1, 2, 3, 8, 16, 33, 64, 100};
  const std::vector<std::pair<int64_t, int64_t>> heads = {{1, 1}, {2, 1}, {3, 3}, {4, 2}, {6, 2}};
  const std::vector<LinearRule> rules = {LinearRule::linear, LinearRule::gated, LinearRule::delta,
                                         LinearRule::gated_delta};
  const std::vector<double> strengths = {0, 0.05, 1, 20, 400};
  std::vector<LinearCase> cases;
  for (int i = 0; i < count; ++i) {
    const auto [H, G] = one_of(heads);
    LinearCase c{.B = random.below(3),
                 .H = H,
                 .G = G,
                 .L = one_of(lengths),
                 .D = one_of(widths),
                 .E = one_of(widths),
                 .rule = one_of(rules)};
    c.by_channel = random.below(3) > 0, c.strength = one_of(strengths);
    c.state = random.below(2) == 0, c.shared = random.below(3) == 0;
    c.layout = static_cast<Layout>(random.below(4));
    if (c.layout == Layout::expanded && c.B == 0) c.layout = Layout::plain;
    if (c.rule == LinearRule::linear && random.below(2) == 0) {
      c.feature = one_of(std::vector<LinearFeature>{LinearFeature::none, LinearFeature::elu,
                                                    LinearFeature::favor});
      c.normalize = c.feature != LinearFeature::none && random.below(2) == 0;
      c.causal = random.below(2) == 0;
      // Without a key there is nothing to divide by.
      if (c.L == 0) c.normalize = false;
    }
    c.seed = 100 + static_cast<uint64_t>(i);
    cases.push_back(c);
  }
  return cases;
}

using LinearOperator = LinearResult (*)(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                                        const LinearAttention&, const LinearInputs&);

inline LinearResult call(LinearOperator f, const LinearTensors& t) {
  return f(t.q, t.k, t.v, t.how, t.inputs);
}

/// Gradients of every leaf, both results weighted.
inline std::vector<at::Tensor> gradients(LinearOperator f, const LinearTensors& t,
                                         const LinearResult& weight, bool create_graph = false,
                                         std::vector<at::Tensor>* kept = nullptr) {
  std::vector<at::Tensor> leaves;
  for (const auto& leaf : t.leaves()) leaves.push_back(leaf.detach().requires_grad_());
  if (kept) *kept = leaves;
  const auto result = call(f, t.with(leaves));
  // Without steps a result may depend on no leaf.
  std::vector<at::Tensor> results, weights;
  for (const auto& [x, w] : {std::pair{result.out, weight.out}, {result.state, weight.state}}) {
    if (!x.requires_grad()) continue;
    results.push_back(x), weights.push_back(w.to(x.scalar_type()));
  }
  if (results.empty()) return std::vector<at::Tensor>(leaves.size());
  return torch::autograd::grad(results, leaves, weights, true, create_graph,
                               /*allow_unused=*/true);
}

inline LinearResult weights_of(const LinearCase& c, const LinearTensors& t) {
  const auto result = call(linear_attend_reference, t);
  auto generator = at::detail::createCPUGenerator(c.seed + 7);
  return {at::randn(result.out.sizes(), generator, result.out.options()),
          at::randn(result.state.sizes(), generator, result.state.options())};
}

}  // namespace heed::test
