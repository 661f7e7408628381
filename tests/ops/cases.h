// Seeded calls of attend: shapes, layouts and masks at both ends of their ranges.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>

#include "heed/core/random.h"
#include "heed/ops/attend.h"
#include "heed/ops/parameters.h"

namespace heed::test {

/// How the memory of q, k and v is laid out.
enum class Layout { plain, heads_inside, every_other, expanded };

struct Case {
  int64_t B = 2, H = 2, G = 2, Lq = 5, Lk = 7, D = 4, E = 4;
  std::string how = "scaled_dot";
  Layout layout = Layout::plain;
  bool lengths = false, mask = false, added = false;
  std::vector<int64_t> bias = {};  ///< its shape; empty: none
  uint64_t seed = 1;
  double scale = 1;  ///< of q: large logits
};

struct Tensors {
  at::Tensor q, k, v;
  Attention how;
  AttendInputs inputs;

  /// The same numbers in another dtype.
  Tensors to(at::ScalarType type) const {
    Tensors t = *this;
    t.q = q.to(type), t.k = k.to(type), t.v = v.to(type);
    if (inputs.bias) t.inputs.bias = inputs.bias->to(type);
    if (inputs.attn_mask && inputs.attn_mask->is_floating_point())
      t.inputs.attn_mask = inputs.attn_mask->to(type);
    for (auto& [name, tensor] : t.inputs.parameters) tensor = tensor.to(type);
    return t;
  }
  /// q, k, v, the bias where there is one, and the parameters by name.
  std::vector<at::Tensor> leaves() const {
    std::vector<at::Tensor> all = {q, k, v};
    if (inputs.bias) all.push_back(*inputs.bias);
    for (const auto& [name, tensor] : inputs.parameters) all.push_back(tensor);
    return all;
  }
  Tensors with(const std::vector<at::Tensor>& leaves) const {
    Tensors t = *this;
    t.q = leaves[0], t.k = leaves[1], t.v = leaves[2];
    size_t next = 3;
    if (inputs.bias) t.inputs.bias = leaves[next++];
    for (auto& [name, tensor] : t.inputs.parameters) tensor = leaves[next++];
    return t;
  }
};

inline at::Tensor laid_out(at::IntArrayRef s, Layout layout, at::Generator& generator) {
  const auto options = at::TensorOptions().dtype(at::kDouble);
  switch (layout) {
    case Layout::plain:
      return at::randn(s, generator, options);
    case Layout::heads_inside:
      return at::randn({s[0], s[2], s[1], s[3]}, generator, options).transpose(1, 2);
    case Layout::every_other:
      return at::randn({s[0], s[1], s[3] * 2, s[2] * 3}, generator, options)
          .slice(2, 0, s[3] * 2, 2)
          .slice(3, 0, s[2] * 3, 3)
          .transpose(2, 3);
    case Layout::expanded:
      return at::randn({1, s[1], s[2], s[3]}, generator, options).expand(s);
  }
  return {};
}

/// Of a parameter's random numbers: large enough to matter, small enough for moderate scores.
inline double spread_of(const ParameterSpec& spec) {
  return spec.std == 0 ? 0.5 : std::clamp(spec.std, 0.1, 0.5);
}

inline Tensors make(const Case& c) {
  auto generator = at::detail::createCPUGenerator(c.seed);
  const auto options = at::TensorOptions().dtype(at::kDouble);
  Tensors t;
  t.q = laid_out({c.B, c.H, c.Lq, c.D}, c.layout, generator) * c.scale;
  t.k = laid_out({c.B, c.G, c.Lk, c.D}, c.layout, generator);
  t.v = laid_out({c.B, c.G, c.Lk, c.E}, c.layout, generator);
  t.how = Attention::parse(c.how);
  t.inputs.training = false;
  if (c.lengths) {
    t.inputs.key_lengths = at::randint(0, c.Lk + 1, {c.B}, generator, options.dtype(at::kLong));
  }
  if (c.mask || c.added) {
    auto seen = at::rand({c.B, 1, c.Lq, c.Lk}, generator, options) < 0.6;
    if (c.Lq > 1) seen.select(2, 1).fill_(false);  // a row that sees nothing
    t.inputs.attn_mask = seen;
    if (c.added)
      t.inputs.attn_mask = at::randn({c.B, 1, c.Lq, c.Lk}, generator, options)
                               .masked_fill(~seen, -std::numeric_limits<double>::infinity());
  }
  if (!c.bias.empty()) t.inputs.bias = at::randn(c.bias, generator, options);
  for (const auto& spec : parameters_of(t.how, c.H, c.G, c.D, c.E))
    t.inputs.parameters[spec.name] =
        at::randn(spec.shape, generator, options) * spread_of(spec) + spec.mean;
  if (t.how.has_mask("segment_ids")) {
    const auto starts = at::rand({c.B, c.Lk}, generator, options) < 0.1;
    t.inputs.segment_ids = starts.to(at::kLong).cumsum(1);
  }
  const auto draw_blocks = [&](const OpSpec& part) {
    if (part.name != "block_mask") return;
    const auto size = static_cast<int64_t>(part.at("size"));
    const auto count = [&](int64_t length) { return (length + size - 1) / size; };
    t.inputs.block_mask = at::rand({c.B, 1, count(c.Lq), count(c.Lk)}, generator, options) < 0.5;
  };
  for (const auto& part : t.how.masks) {
    draw_blocks(part);
    for (const auto& other : part.alternatives) draw_blocks(other);
  }
  return t;
}

/// Where HEED_TEST_DEVICE says that the operator runs (tools/gpu_check); the CPU without it.
inline at::Device device() {
  static const char* given = std::getenv("HEED_TEST_DEVICE");
  return given ? at::Device(given) : at::Device(at::kCPU);
}

/// heed::attend on that device; tensors come and go between it and the CPU.
inline at::Tensor attend(Tensors t) {
  const auto there = [](at::Tensor& x) { x = x.to(device()); };
  if (!device().is_cpu()) {
    there(t.q), there(t.k), there(t.v);
    auto& in = t.inputs;
    for (auto* x : {&in.key_lengths, &in.attn_mask, &in.bias, &in.segment_ids, &in.block_mask})
      if (*x) there(**x);
    for (auto& [name, tensor] : in.parameters) there(tensor);
  }
  const auto out = heed::attend(t.q, t.k, t.v, t.how, t.inputs);
  return device().is_cpu() ? out : out.cpu();
}
inline at::Tensor reference(const Tensors& t) {
  return attend_reference(t.q, t.k, t.v, t.how, t.inputs);
}

/// Cases drawn from the ends and the middle of every range.
inline std::vector<Case> random_cases(int count) {
  Random random(20240607);
  const auto one_of = [&](const auto& list) {
    return list[random.below(static_cast<uint32_t>(list.size()))];
  };
  const std::vector<int64_t> lengths = {0, 1, 2, 3, 15, 16, 17, 63, 64, 65, 130};
  const std::vector<int64_t> widths = {1, 2, 3, 7, 8, 16, 33, 64};
  const std::vector<std::pair<int64_t, int64_t>> heads = {{1, 1}, {2, 1}, {3, 3}, {4, 2}, {6, 2}};
  const std::vector<std::string> hows = {"scaled_dot",
                                         "dot",
                                         "scaled_dot(0.3)",
                                         "causal",
                                         "window(3,0)",
                                         "window(0,5); causal",
                                         "window(-1,2)",
                                         "window(20,4)",
                                         "causal | prefix(9)",
                                         "strided(8)",
                                         "fixed(16,2)",
                                         "dilated(2,3,5)",
                                         "causal; random_blocks(8,2,5)",
                                         "window(3,3) | global(2) | random_blocks(16,1)",
                                         "softcap(2)",
                                         "softcap(0.5); window(20,4)",
                                         "scaled_dot(2); softcap(3); causal",
                                         "block_mask(16)",
                                         "causal; block_mask(5); alibi",
                                         "adaptive_span(20, ramp=7)",
                                         "segment_ids",
                                         "uniform; causal",
                                         "general; alibi",
                                         "cosine; causal",
                                         "additive",
                                         "additive; causal; relative(8, 20)",
                                         "feed_forward(activation=relu); window(9,9)",
                                         "feed_forward(activation=gelu, layers=2); causal",
                                         "feed_forward(query=0); key_lengths",
                                         "location(150)",
                                         "relative(16, 40, both=0); causal",
                                         "shaw(5); dot",
                                         "shaw(7, values=1); window(30,3)",
                                         "shaw(0, values=1); entmax15",
                                         "transformer_xl; window(30,3)",
                                         "sinks; causal",
                                         "sparsemax; alibi",
                                         "entmax15; causal",
                                         "entmax(1.3); window(40,12)",
                                         "additive; sparsemax",
                                         "sigmoid(-1); causal",
                                         "softcap(3); alibi; sinks",
                                         "hard; causal",
                                         "geometric; window(20,20)",
                                         "dot; geometric; causal",
                                         "talking; window(12,12)"};
  std::vector<Case> cases;
  for (int i = 0; i < count; ++i) {
    const auto [H, G] = one_of(heads);
    Case c{.B = random.below(3),
           .H = H,
           .G = G,
           .Lq = one_of(lengths),
           .Lk = one_of(lengths),
           .D = one_of(widths),
           .E = one_of(widths),
           .how = one_of(hows)};
    // The gradient of a direction is divided by the length, which one channel may have nearly none
    // of.
    if (c.how.find("cosine") != c.how.npos) c.D = std::max<int64_t>(c.D, 4);
    c.layout = static_cast<Layout>(random.below(4));
    if (c.layout == Layout::expanded && c.B == 0) c.layout = Layout::plain;
    c.lengths = random.below(3) == 0 || c.how.find("key_lengths") != c.how.npos;
    if (c.how.find("segment_ids") != c.how.npos) c.Lq = std::min(c.Lq, c.Lk);
    c.mask = random.below(4) == 0;
    c.added = !c.mask && random.below(4) == 0;
    const std::vector<std::vector<int64_t>> biases = {
        {}, {c.B, H, c.Lq, c.Lk}, {H, 1, c.Lk}, {c.Lq, c.Lk}, {c.B, 1, c.Lq, 1}, {1}};
    c.bias = one_of(biases);
    c.seed = 100 + static_cast<uint64_t>(i);
    cases.push_back(c);
  }
  return cases;
}

inline std::string describe(const Case& c) {
  std::ostringstream text;
  text << "seed " << c.seed << ": B=" << c.B << " H=" << c.H << " G=" << c.G << " Lq=" << c.Lq
       << " Lk=" << c.Lk << " D=" << c.D << " E=" << c.E << " '" << c.how << "' layout "
       << static_cast<int>(c.layout) << (c.lengths ? " key_lengths" : "") << (c.mask ? " mask" : "")
       << (c.added ? " added" : "") << " bias [" << at::IntArrayRef(c.bias) << "]";
  return text.str();
}

/// |given - expected| <= atol + rtol |expected| everywhere, NaN where NaN; says the largest
/// difference.
inline testing::AssertionResult close(const at::Tensor& given, const at::Tensor& expected,
                                      double atol, double rtol) {
  if (given.sizes() != expected.sizes())
    return testing::AssertionFailure()
           << "shape " << given.sizes() << " instead of " << expected.sizes();
  const auto g = given.to(at::kDouble), e = expected.to(at::kDouble);
  if (at::allclose(g, e, rtol, atol, /*equal_nan=*/true)) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "largest difference " << (g - e).abs().max().item<double>();
}

/// Loss-weighted gradients of every leaf.
inline std::vector<at::Tensor> gradients(const std::function<at::Tensor(const Tensors&)>& f,
                                         const Tensors& t, const at::Tensor& weight) {
  std::vector<at::Tensor> leaves;
  for (const auto& leaf : t.leaves()) leaves.push_back(leaf.detach().requires_grad_());
  const auto out = f(t.with(leaves));
  return torch::autograd::grad({out}, leaves, {weight.to(out.scalar_type())}, {}, false,
                               /*allow_unused=*/true);
}

}  // namespace heed::test
