#include "heed/lens/edge.h"

#include "core/text.h"
#include "heed/core/error.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/nn/recording.h"
#include "lens/explain/activations.h"
#include "lens/explain/reader.h"

namespace heed::lens {
namespace {

int64_t checked(const char* what, int64_t given, int64_t most) {
  if (given < 1 || given > most)
    throw UsageError(text_of("--edge: ", what, ": expected 1 to ", most, ", given ", given));
  return given - 1;
}

double scale_of(const OpSpec& score, int64_t D) {
  if (score.name == "dot") return 1;
  if (score.name != "scaled_dot")
    throw UsageError("--edge: the score '" + score.name +
                     "' is no dot product of query and key, and has no such parts");
  const double given = score.at("scale");
  return given != 0 ? given : 1 / std::sqrt(double(D));
}

/// Weight and bias of a projection's rows of one head as (D, M) and (D), turned to a position.
struct Linear {
  at::Tensor weight, bias;
};
Linear turned(const torch::nn::LinearImpl& linear, int64_t first, int64_t D, const OpSpec& position,
              int64_t place, int64_t length) {
  const auto weight = linear.weight.detach().narrow(0, first, D).to(at::kDouble);
  const auto bias = linear.bias.defined() ? linear.bias.detach().narrow(0, first, D).to(at::kDouble)
                                          : at::zeros({D}, at::kDouble);
  if (!nn::is_rotary(position)) return {weight, bias};
  const auto both = at::cat({weight.t(), bias.unsqueeze(0)});  // (M + 1, D)
  const auto out = nn::rotate(both.view({-1, 1, 1, D}), place, position, length).view({-1, D});
  return {out.narrow(0, 0, out.size(0) - 1).t(), out[out.size(0) - 1]};
}

/// The parts of q . k by the singular values of Wq^T Wk, which lie in the spaces of the D rows of each.
void find_directions(Edge& edge, const Linear& of_query, const Linear& of_key, const at::Tensor& q,
                     const at::Tensor& k, double scale) {
  // Wq = Lq Q with orthonormal rows of Q, so that Wq^T Wk = Q^T (Lq^T Lk) K.
  const auto basis = [](const at::Tensor& weight) {
    const auto [orthonormal, upper] = at::linalg_qr(weight.t());  // (M, D), (D, D)
    return upper.t();  // (D, D): weight = it x orthonormal^T
  };
  const auto lq = basis(of_query.weight), lk = basis(of_key.weight);
  const auto [p, s, rt] = at::linalg_svd(at::matmul(lq.t(), lk));
  const auto solved = [](const at::Tensor& l, const at::Tensor& x) {
    return at::matmul(at::pinverse(l), x);  // the token's vector along the rows
  };
  const auto x = solved(lq, q - of_query.bias), z = solved(lk, k - of_key.bias);
  edge.along_query = at::matmul(p.t(), x), edge.along_key = at::matmul(rt, z);
  edge.directions = edge.along_query * s * edge.along_key * scale;
  edge.biases =
      scale * (of_query.bias.dot(k) + (q - of_query.bias).dot(of_key.bias)).item<double>();
}

void name_ends(Edge& edge, const Question& question, const nn::AttentionCall& call, int64_t row,
               int64_t column) {
  const auto& shown = question.shown.tokens;
  const auto& read = question.looked.read;
  const auto text = [&](int64_t length, int64_t at) {
    for (const auto* tokens : {&shown, &read})
      if (std::ssize(*tokens) == length) return (*tokens)[static_cast<size_t>(at)].text;
    return text_of("token ", at + 1);
  };
  edge.query = text(call.q.size(2), row), edge.key = text(call.k.size(2), column);
}

std::vector<std::string> what_else(const Attention& how) {
  std::vector<std::string> names;
  if (how.position.name != "none" && !nn::is_rotary(how.position))
    names.push_back(how.position.name);
  for (const auto& modifier : how.modifiers) names.push_back(modifier.name);
  return names;
}

}  // namespace

Edge explain_edge(const Question& question, int64_t layer, int64_t head, int64_t row,
                  int64_t column) {
  const at::NoGradGuard no_grad;
  const Recording recording(*question.model);
  const auto seen = Activations::of(question);
  const auto number = checked("layer", layer, std::ssize(seen.calls));
  const auto& call = seen.calls[static_cast<size_t>(number)].call;
  const auto& map = recording.map(static_cast<size_t>(number));
  Edge edge;
  edge.name = call.name;
  edge.head = checked("head", head, call.q.size(1));
  const auto i = checked("row", row, call.q.size(2)), j = checked("column", column, call.k.size(2));
  name_ends(edge, question, call, i, j);
  edge.weight = map.tile({i, i + 1}, {j, j + 1}, 0, edge.head)[0][0].item<double>();
  edge.beside = what_else(call.how);
  const int64_t D = call.q.size(3), group = edge.head / (call.q.size(1) / call.k.size(1));
  const double scale = scale_of(call.how.score, D);
  const auto q = call.q[0][edge.head][i].to(at::kDouble), k = call.k[0][group][j].to(at::kDouble);
  edge.channels = q * k * scale;
  edge.score = edge.channels.sum().item<double>();
  const auto* module = dynamic_cast<const nn::MultiHeadAttentionImpl*>(call.module);
  if (!module || module->query_norm || module->position) return edge;
  const int64_t offset = call.inputs.query_offset.value_or(call.k.size(2) - call.q.size(2));
  const auto& place = call.how.position;
  const auto& keys = module->qkv ? *module->qkv : *module->key_value;
  const int64_t keys_begin = module->qkv ? module->query_rows() : 0;
  find_directions(edge,
                  turned(module->qkv ? *module->qkv : *module->query, edge.head * D, D, place,
                         offset + i, call.k.size(2)),
                  turned(keys, keys_begin + group * D, D, place, j, call.k.size(2)), q, k, scale);
  return edge;
}

}  // namespace heed::lens
