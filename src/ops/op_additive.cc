// Scores of a small network on query and key, which are projections of the network's hidden width:
//   additive      sum_e weight_e tanh(q_e + k_e)                         (Bahdanau et al. 2015)
//   feed_forward  the same with tanh, relu or gelu, one hidden layer or two, with the query or
//                 without it                                            (Raffel and Ellis 2015)
// Two hidden layers: weight . act(act(q + k) W + b).
#include "heed/core/error.h"
#include "kernels/bias.h"
#include "kernels/blocks.h"
#include "ops/by_rows.h"
#include "ops/op_definition.h"
#include "ops/product.h"
#include "ops/view.h"

namespace heed::ops {
namespace {

enum Activation { kTanh, kRelu, kGelu };

struct Network {
  Activation activation = kTanh;
  int64_t layers = 1;
  bool with_query = true;
};

Network network_of(const OpSpec& op) {
  if (op.name == "additive") return {};
  return {static_cast<Activation>(op.at("activation")), static_cast<int64_t>(op.at("layers")),
          op.at("query") != 0};
}

std::vector<int64_t> square_a_head(const OpSpec&, const kernels::Sizes& s) {
  return {s.H, s.D, s.D};
}
bool has_second_layer(const OpSpec& op) { return network_of(op).layers == 2; }

void check_width(const OpSpec& op, const CallContext& context) {
  const auto hidden = static_cast<int64_t>(op.at("hidden"));
  if (hidden == 0 || hidden == context.sizes.D) return;
  throw UsageError("attend: q: expected width D=" + std::to_string(hidden) + ", as " + op.name +
                   "(hidden=" + std::to_string(hidden) + ") says, given " +
                   std::to_string(context.sizes.D));
}

at::Tensor activate(const at::Tensor& x, Activation activation) {
  if (activation == kTanh) return torch::tanh(x);
  return activation == kRelu ? torch::relu(x) : torch::gelu(x);
}

/// x (b, h, ..., D) -> (b, h, ...)
at::Tensor apply_network(const OpSpec& op, const CallContext& context, at::Tensor x) {
  const Network network = network_of(op);
  x = activate(x, network.activation);
  if (network.layers == 2) {
    const auto w = context.parameter("feed_forward.hidden_weight");  // (h, D, D)
    const auto b = context.parameter("feed_forward.hidden_bias");    // (h, D)
    const auto flat = x.flatten(2, -2);                              // (b, h, n, D)
    x = activate(product(flat, w) + b.unsqueeze(1), network.activation).view(x.sizes());
  }
  const auto weight = context.parameters.at(op.name + ".weight");  // (h, D)
  return product(x.flatten(2, -2), weight.unsqueeze(-1)).view(x.sizes().slice(0, x.dim() - 1));
}

at::Tensor network_scores(const OpSpec& op, const CallContext& context, const at::Tensor& q,
                          const at::Tensor& k) {
  if (!network_of(op).with_query)
    return apply_network(op, context, k).unsqueeze(2) + no_score(q, k);
  return apply_network(op, context,
                       q.unsqueeze(3) + k.unsqueeze(2));  // (b, h, r, c, D) -> (b, h, r, c)
}

/// keys (b, h, c, D) -> (b, h, c, 1). A key that is not finite, which a mask may hide, keeps to
/// itself: NaN, and no gradient.
at::Tensor score_of_keys(const OpSpec& op, const CallContext& context, const at::Tensor& keys) {
  const auto bad = torch::isfinite(keys.detach()).all(-1).logical_not();  // (b, h, c)
  // Whole vectors of numbers: the last few of an odd count would have other bits.
  const int64_t missing = kernels::round_up(keys.size(2), kernels::kAlign) - keys.size(2);
  const auto x = torch::constant_pad_nd(keys.masked_fill(bad.unsqueeze(-1), 0), {0, 0, 0, missing});
  return apply_network(op, context, x)
      .narrow(2, 0, keys.size(2))
      .masked_fill(bad, std::numeric_limits<double>::quiet_NaN())
      .unsqueeze(3);
}

bool has_kernel(const OpSpec& op) {
  const Network network = network_of(op);
  return !network.with_query || (network.layers == 1 && network.activation != kGelu);
}

void prepare_network(const OpSpec& op, Operands& operands) {
  if (network_of(op).with_query) {
    operands.add("score.weight", operands.context.parameters.at(op.name + ".weight").contiguous());
    return;
  }
  // Without the query a key has one score for all: a bias, in O(Lk) work.
  std::vector<std::string> names;
  std::vector<at::Tensor> parameters;
  for (const auto& [name, tensor] : operands.context.parameters)
    if (name.rfind(op.name, 0) == 0) names.push_back(name), parameters.push_back(tensor);
  const auto work = [&](const at::Tensor& keys, const std::vector<at::Tensor>& given) {
    CallContext context;
    for (size_t i = 0; i < names.size(); ++i) context.parameters[names[i]] = given[i];
    return score_of_keys(op, context, keys);
  };
  const auto& s = operands.context.sizes;
  const auto of_keys = by_rows(for_each_head(operands.k, s.H), parameters, s.H * s.D, work);
  operands.q = operands.q.narrow(3, 0, 0), operands.k = operands.k.narrow(3, 0, 0);
  operands.add("score.bias", of_keys.transpose(2, 3));  // (B, H, 1, Lk)
}

template <class T>
void build_network(const OpSpec& op, const Operands& operands, Pipeline<T>& to) {
  const auto* weight = operands.find("score.weight");
  if (!weight) return;
  to.problem.score = network_of(op).activation == kTanh ? kernels::ScoreKind::additive_tanh
                                                        : kernels::ScoreKind::additive_relu;
  to.problem.score_weight = weight->value.data_ptr<T>();
  if (weight->grad.defined()) to.gradients.score_weight = weight->grad.data_ptr<T>();
}

/// Of the scores that the keys have alone.
template <class T>
std::unique_ptr<kernels::Modifier<T>> make_key_bias(const OpSpec&, const Operands& operands) {
  const auto* keys = operands.find("score.bias");
  if (!keys) return nullptr;
  const auto full = [&](const at::Tensor& t) {
    return t.defined() ? t.detach().expand({-1, -1, operands.q.size(2), -1}) : t;
  };
  return std::make_unique<kernels::Bias<T>>(view_of<const T>(full(keys->value)),
                                            view_of<T>(full(keys->grad)), operands.sizes());
}

OpKind::Argument hidden_width() {
  return {"hidden", 0, 0, 1 << 20, true, "width of the hidden layer; 0: that of a head"};
}

}  // namespace

OpDefinition op_additive() {
  return {
      .kind = {OpKind::Role::score, "additive", {hidden_width()}, "weight . tanh(q + k)"},
      .learned = {{.name = "weight", .shape = vector_a_head, .std = one_over_root_width}},
      .check_sizes = check_width,
      .scores = network_scores,
      .prepare = prepare_network,
      .build = {build_network<float>, build_network<double>},
  };
}

OpDefinition op_feed_forward() {
  return {
      .kind = {OpKind::Role::score,
               "feed_forward",
               {hidden_width(),
                {.name = "activation",
                 .initial = kTanh,
                 .low = 0,
                 .high = 2,
                 .whole = true,
                 .help = "of the hidden layers",
                 .choices = {"tanh", "relu", "gelu"}},
                {"layers", 1, 1, 2, true, "hidden layers"},
                {"query", 1, 0, 1, true, "0: the score is the key's alone"}},
               "a network's score of q + k, or of k alone"},
      .learned = {{.name = "weight", .shape = vector_a_head, .std = one_over_root_width},
                  {.name = "hidden_weight",
                   .shape = square_a_head,
                   .present = has_second_layer,
                   .std = one_over_root_width},
                  {.name = "hidden_bias", .shape = vector_a_head, .present = has_second_layer}},
      .check_sizes = check_width,
      .scores = network_scores,
      .has_kernel = has_kernel,
      .prepare = prepare_network,
      .build = {build_network<float>, build_network<double>},
      .modifier = {make_key_bias<float>, make_key_bias<double>},
  };
}

}  // namespace heed::ops
