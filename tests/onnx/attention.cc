// Attention (opset 23 and later) with the kernels: inputs Q, K, V, attn_mask, past_key, past_value
// and, since 24, nonpad_kv_seqlen; outputs Y, present_key, present_value, qk_matmul_output.
//
// scores = softcap(scale Q K^T), then the masks are added, then softmax. Query i stands at position
// offset + i among the keys: after the past ones, or at the end of each sequence's keys where there
// is no past but nonpad_kv_seqlen, or at i.
#include <limits>

#include "heed/core/error.h"
#include "heed/ops/attend.h"
#include "onnx/operators.h"

namespace heed::onnx {
namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();
constexpr double kMostScale = 1e6;  // of the word scaled_dot

struct Options {
  bool causal;
  int64_t q_heads, num_kv_heads, matmul_output, softmax_precision, left, right;
  std::optional<double> scale;
  double softcap;
};

Options options_of(Call& call) {
  auto& given = call.attributes;
  Options o{.causal = given.whole("is_causal", 0) != 0,
            .q_heads = given.whole("q_num_heads", 0),
            .num_kv_heads = given.whole("kv_num_heads", 0),
            .matmul_output = given.whole("qk_matmul_output_mode", 0),
            .softmax_precision = given.whole("softmax_precision", 0),
            .left = call.opset >= 25 ? given.whole("left_window_size", -1) : -1,
            .right = call.opset >= 25 ? given.whole("right_window_size", -1) : -1,
            .scale = given.number("scale"),
            .softcap = given.number("softcap").value_or(0)};
  given.refuse_others();
  if (o.matmul_output < 0 || o.matmul_output > 3)
    throw UsageError("attribute 'qk_matmul_output_mode': expected 0 to 3, given " +
                     std::to_string(o.matmul_output));
  return o;
}

/// ONNX's numbers of the floating dtypes; 0: that of Q.
at::ScalarType precision_of(const Options& o, at::ScalarType of_q) {
  switch (o.softmax_precision) {
    case 0:
      return of_q;
    case 1:
      return at::kFloat;
    case 10:
      return at::kHalf;
    case 11:
      return at::kDouble;
    case 16:
      return at::kBFloat16;
    default:
      throw UsageError("attribute 'softmax_precision': expected 1, 10, 11 or 16, given " +
                       std::to_string(o.softmax_precision));
  }
}

struct Setup {
  at::Tensor q, k, v;               ///< (B, H, Lq, D), (B, G, Lk, D), (B, G, Lk, E)
  at::Tensor lengths;               ///< (B) int64; undefined: all keys
  at::Tensor mask;                  ///< boolean or of q's dtype, rank 4; undefined: none
  int64_t past = 0;                 ///< length
  bool at_the_end = false;          ///< each sequence's queries end where its keys do
  at::Tensor present_k, present_v;  ///< in their own dtypes

  int64_t queries() const { return q.size(2); }
  int64_t keys() const { return k.size(2); }
};

at::Tensor heads_of(const at::Tensor& x, int64_t heads, const char* attribute) {
  if (x.dim() == 3) return split_heads(x, heads, attribute);
  if (x.dim() != 4)
    throw UsageError("inputs Q, K, V: expected rank 3 or 4, given " + std::to_string(x.dim()));
  if (heads != 0 && heads != x.size(1))
    throw UsageError(std::string("attribute '") + attribute + "': expected the " +
                     std::to_string(x.size(1)) + " heads of a rank 4 input, given " +
                     std::to_string(heads));
  return x;
}

/// The mask as long as there are keys, and of rank 4. What a shorter one leaves out is hidden; one
/// number for all keys is a shorter mask too, but for opset 23, which knows broadcasting alone.
at::Tensor mask_of(const at::Tensor& given, int64_t keys, int64_t opset, at::ScalarType type) {
  if (!given.defined()) return {};
  const bool boolean = given.scalar_type() == at::kBool;
  auto mask = boolean ? given : given.to(type);
  const int64_t missing = mask.dim() > 0 ? keys - mask.size(-1) : 0;
  if (missing > 0 && (opset >= 24 || mask.size(-1) != 1)) {
    auto shape = mask.sizes().vec();
    shape.back() = missing;
    const auto hidden =
        boolean ? torch::zeros(shape, mask.options()) : torch::full(shape, kHidden, mask.options());
    mask = torch::cat({mask, hidden}, -1);
  }
  while (mask.dim() < 4) mask = mask.unsqueeze(0);
  return mask;
}

Setup setup_of(const Call& call, const Options& o) {
  Setup s;
  const auto q = call.required(0, "Q");
  s.present_k = heads_of(call.required(1, "K"), o.num_kv_heads, "kv_num_heads");
  s.present_v = heads_of(call.required(2, "V"), o.num_kv_heads, "kv_num_heads");
  const auto past_k = call.optional(4), past_v = call.optional(5);
  if (past_k.defined() != past_v.defined())
    throw UsageError("inputs past_key and past_value: expected both or none");
  if (past_k.defined()) {
    s.past = past_k.size(2);
    s.present_k = torch::cat({past_k, s.present_k}, 2);
    s.present_v = torch::cat({past_v, s.present_v}, 2);
  }
  // V may be of another dtype than Q and K; double is also what softmax may ask for.
  auto type = c10::promoteTypes(q.scalar_type(), s.present_v.scalar_type());
  if (precision_of(o, type) == at::kDouble) type = at::kDouble;
  s.q = heads_of(q, o.q_heads, "q_num_heads").to(type);
  s.k = s.present_k.to(type), s.v = s.present_v.to(type);
  s.mask = mask_of(call.optional(3), s.keys(), call.opset, type);
  s.lengths = call.optional(6);
  if (s.lengths.defined()) {
    if (call.opset < 24) throw UsageError("input nonpad_kv_seqlen: expected opset 24 or later");
    s.lengths = s.lengths.to(at::kLong).flatten().clamp(0, s.keys());
    s.at_the_end = !past_k.defined();
  }
  return s;
}

/// Whom each query sees by its position and the lengths: broadcasts to (B, 1, Lq, Lk).
at::Tensor seen_of(const Setup& s, const Options& o) {
  const auto options = at::TensorOptions().dtype(at::kLong);
  auto p = torch::arange(s.queries(), options).view({1, 1, -1, 1}) + s.past;
  if (s.at_the_end) p = p + (s.lengths - s.queries()).view({-1, 1, 1, 1});
  const auto j = torch::arange(s.keys(), options).view({1, 1, 1, -1});
  auto seen = torch::ones_like(p - j, at::kBool);
  if (o.causal) seen = seen & (j <= p);
  if (o.left >= 0) seen = seen & (j >= p - o.left);
  if (o.right >= 0) seen = seen & (j <= p + o.right);
  if (s.lengths.defined()) seen = seen & (j < s.lengths.view({-1, 1, 1, 1}));
  return seen;
}

/// The mask that hides what either hides.
at::Tensor joined(const at::Tensor& mask, const at::Tensor& seen) {
  if (!mask.defined()) return seen;
  return mask.scalar_type() == at::kBool ? mask & seen : mask.masked_fill(~seen, kHidden);
}

/// The attributes as an attention.
Attention attention_of(const Options& o, bool by_position) {
  Attention how;
  how.score = {"scaled_dot"};
  if (o.scale && *o.scale > 0 && *o.scale <= kMostScale)
    how.score.arguments = {{"scale", *o.scale}};
  if (o.scale && how.score.arguments.empty()) how.score = {"dot"};  // q takes it
  if (o.softcap > 0) how.modifiers = {{"softcap", {{"cap", o.softcap}}}};
  if (!by_position) return how;
  if (o.causal) how.masks.push_back({"causal"});
  if (o.left >= 0 || o.right >= 0)
    how.masks.push_back(
        {"window",
         {{"left", static_cast<double>(o.left)}, {"right", static_cast<double>(o.right)}}});
  return how;
}

/// Scores before softmax as qk_matmul_output shows them.
at::Tensor matmul_output(const Setup& s, const Options& o) {
  const auto compute = s.q.scalar_type() == at::kDouble ? at::kDouble : at::kFloat;
  const double scale = o.scale.value_or(1 / std::sqrt(static_cast<double>(s.q.size(3))));
  const auto k = s.k.to(compute).repeat_interleave(s.q.size(1) / s.k.size(1), 1);
  auto scores = torch::matmul(s.q.to(compute), k.transpose(2, 3)) * scale;
  if (o.matmul_output >= 1 && o.softcap > 0) scores = torch::tanh(scores / o.softcap) * o.softcap;
  if (o.matmul_output < 2) return scores;
  const auto mask = joined(s.mask, seen_of(s, o));
  if (mask.scalar_type() == at::kBool) return scores.masked_fill(~mask, kHidden);
  return (scores + mask.to(compute)).masked_fill(mask == kHidden, kHidden);
}

}  // namespace

Answer attention(Call& call) {
  const Options o = options_of(call);
  const auto given = call.required(0, "Q");
  const Setup s = setup_of(call, o);
  const auto how = attention_of(o, !s.at_the_end);
  AttendInputs inputs;
  inputs.query_offset = s.past;
  if (s.lengths.defined()) inputs.key_lengths = s.lengths;
  if (s.mask.defined()) inputs.attn_mask = s.mask;
  // Queries that stand elsewhere in each sequence: a mask of their own.
  if (s.at_the_end) inputs.attn_mask = joined(s.mask, seen_of(s, o));
  const auto q = how.score.name == "dot" ? s.q * *o.scale : s.q;
  auto y = attend(q, s.k, s.v, how, inputs).to(given.scalar_type());
  if (given.dim() == 3) y = join_heads(y);
  at::Tensor matmul;
  if (call.wants(3) && o.matmul_output < 3) matmul = matmul_output(s, o);
  if (call.wants(3) && o.matmul_output == 3) attend_reference(q, s.k, s.v, how, inputs, &matmul);
  if (matmul.defined()) matmul = matmul.to(given.scalar_type());
  return {{y, s.present_k, s.present_v, matmul}, precision_of(o, given.scalar_type())};
}

}  // namespace heed::onnx
