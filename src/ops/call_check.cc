#include "ops/call_check.h"

#include <sstream>

#include "heed/core/error.h"
#include "heed/core/nearest.h"
#include "heed/ops/parameters.h"
#include "kernels/blocks.h"
#include "ops/attention_text.h"
#include "ops/beyond.h"

namespace heed::ops {
namespace {

constexpr int64_t kMostPositions = int64_t{1} << 31;  // dropout counts rows and keys in 32 bits

template <class... Pieces>
[[noreturn]] void refuse(const Pieces&... pieces) {
  std::ostringstream text;
  text << "attend: ";
  (text << ... << pieces);
  throw UsageError(text.str());
}

void check_qkv(const at::Tensor& t, const char* name, const char* shape, const at::Tensor& q) {
  check_storage(t, name);
  if (t.dim() != 4) refuse(name, ": expected shape ", shape, ", given ", t.sizes());
  const auto type = t.scalar_type();
  if (type != at::kFloat && type != at::kDouble && type != at::kBFloat16 && type != at::kHalf)
    refuse(name, ": expected dtype float32, float64, bfloat16 or float16, given ", t.dtype());
  if (type != q.scalar_type())
    refuse(name, ": expected the dtype of q, ", q.dtype(), ", given ", t.dtype());
  if (t.device() != q.device())
    refuse(name, ": expected the device of q, ", q.device(), ", given ", t.device());
  if (t.size(2) >= kMostPositions)
    refuse(name, ": expected a length under 2^31, given ", t.size(2));
}

void check_companion(const at::Tensor& t, const char* name, const at::Tensor& q) {
  check_storage(t, name);
  if (t.device() != q.device())
    refuse(name, ": expected the device of q, ", q.device(), ", given ", t.device());
}

void check_key_lengths(const at::Tensor& key_lengths, const kernels::Sizes& s,
                       const at::Tensor& q) {
  check_companion(key_lengths, "key_lengths", q);
  if (key_lengths.dim() != 1 || key_lengths.size(0) != s.B)
    refuse("key_lengths: expected shape (B) = [", s.B, "], given ", key_lengths.sizes());
  if (key_lengths.scalar_type() != at::kLong)
    refuse("key_lengths: expected dtype int64, given ", key_lengths.dtype());
  if (key_lengths.is_meta()) return;
  if (const auto wrong = beyond(key_lengths, s.Lk))
    refuse("key_lengths: expected 0 to Lk=", s.Lk, ", given ", *wrong);
}

bool broadcasts(const at::Tensor& t, const std::vector<int64_t>& full) {
  bool fits = t.dim() <= 4;
  for (int64_t d = 1; fits && d <= t.dim(); ++d)
    fits = t.size(-d) == 1 || t.size(-d) == full[4 - d];
  return fits;
}

void check_broadcast(const at::Tensor& t, const char* name, const Call& call) {
  check_companion(t, name, call.q);
  const auto& s = call.context.sizes;
  const std::vector<int64_t> full = {s.B, s.H, s.Lq, s.Lk};
  if (!broadcasts(t, full))
    refuse(name, ": expected a shape that broadcasts to (B, H, Lq, Lk) = ", at::IntArrayRef(full),
           ", given ", t.sizes());
}

void check_added_dtype(const at::Tensor& t, const char* name, const char* also, const Call& call) {
  if (t.scalar_type() == call.q.scalar_type() || t.scalar_type() == call.compute) return;
  refuse(name, ": expected dtype ", also, "that of q, ", call.q.dtype(), ", given ", t.dtype());
}

/// A tensor that is given is used, named or not; one that is named must be given.
void imply(std::vector<OpSpec>& specs, const char* name, const char* member, bool given) {
  const bool named = has(specs, name);
  if (named && !given)
    refuse(member, ": expected a tensor, because the attention has '", name, "'; none is given");
  if (given && !named) specs.push_back({name});
}

void check_segment_ids(const at::Tensor& segment_ids, const Call& call) {
  check_companion(segment_ids, "segment_ids", call.q);
  const auto& s = call.context.sizes;
  if (segment_ids.dim() != 2 || segment_ids.size(0) != s.B || segment_ids.size(1) != s.Lk)
    refuse("segment_ids: expected shape (B, Lk) = [", s.B, ", ", s.Lk, "], given ",
           segment_ids.sizes());
  if (segment_ids.scalar_type() != at::kLong)
    refuse("segment_ids: expected dtype int64, given ", segment_ids.dtype());
  const int64_t first = call.context.offset;
  if (s.Lq > 0 && (first < 0 || first + s.Lq > s.Lk))
    refuse("segment_ids: expected queries at positions among the keys, 0 to ", s.Lk - 1,
           ", given positions ", first, " to ", first + s.Lq - 1);
  if (segment_ids.is_meta() || segment_ids.numel() == 0 || s.Lk < 2) return;
  if ((segment_ids.slice(1, 1) < segment_ids.slice(1, 0, s.Lk - 1)).any().item<bool>())
    refuse(
        "segment_ids: expected numbers that do not fall along a sequence: give each document "
        "that follows another a larger number");
}

void check_block_mask(const at::Tensor& block_mask, const Call& call) {
  check_companion(block_mask, "block_mask", call.q);
  const auto& s = call.context.sizes;
  if (block_mask.scalar_type() != at::kBool)
    refuse("block_mask: expected dtype bool, given ", block_mask.dtype());
  int64_t size = 0;
  for (const auto& op : call.how.masks) {
    if (op.name == "block_mask") size = static_cast<int64_t>(op.at("size"));
    for (const auto& other : op.alternatives)
      if (other.name == "block_mask") size = static_cast<int64_t>(other.at("size"));
  }
  const std::vector<int64_t> full = {s.B, s.H, kernels::divide_up(s.Lq, size),
                                     kernels::divide_up(s.Lk, size)};
  if (!broadcasts(block_mask, full))
    refuse("block_mask: expected a shape that broadcasts to (B, H, Lq / ", size, ", Lk / ", size,
           ") rounded up = ", at::IntArrayRef(full), ", given ", block_mask.sizes());
}

void check_parameters(Call& call, const AttendInputs& inputs) {
  const auto& s = call.context.sizes;
  const auto wanted = parameters_of(call.how, s.H, s.G, s.D, s.E);
  std::vector<std::string> names;
  for (const auto& spec : wanted) {
    names.push_back(spec.name);
    const auto found = inputs.parameters.find(spec.name);
    if (found == inputs.parameters.end())
      refuse("parameters: expected '", spec.name, "' of shape ", at::IntArrayRef(spec.shape),
             "; it is not given");
    const char* name = found->first.c_str();
    check_companion(found->second, name, call.q);
    if (found->second.sizes() != at::IntArrayRef(spec.shape))
      refuse(name, ": expected shape ", at::IntArrayRef(spec.shape), ", given ",
             found->second.sizes());
    check_added_dtype(found->second, name, "", call);
    call.context.parameters[spec.name] = found->second;
  }
  for (const auto& [name, tensor] : inputs.parameters)
    if (std::find(names.begin(), names.end(), name) == names.end())
      refuse("parameters: the attention has no '", name, "'", suggestion(name, names));
}

}  // namespace

void check_storage(const at::Tensor& t, const char* name) {
  if (!t.defined()) refuse(name, ": expected a tensor, given an undefined one");
  if (t.layout() != at::kStrided)
    refuse(name, ": expected a dense (strided) tensor, given ", t.layout());
}

void check_shapes(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  check_qkv(q, "q", "(B, H, Lq, D)", q);
  check_qkv(k, "k", "(B, G, Lk, D)", q);
  check_qkv(v, "v", "(B, G, Lk, E)", q);
  if (k.size(0) != q.size(0))
    refuse("k: expected batch B=", q.size(0), " as in q ", q.sizes(), ", given ", k.sizes());
  if (v.size(0) != q.size(0))
    refuse("v: expected batch B=", q.size(0), " as in q ", q.sizes(), ", given ", v.sizes());
  if (k.size(3) != q.size(3))
    refuse("k: expected width D=", q.size(3), " as in q ", q.sizes(), ", given ", k.sizes());
  if (v.size(1) != k.size(1))
    refuse("v: expected G=", k.size(1), " heads as in k ", k.sizes(), ", given ", v.sizes());
  if (v.size(2) != k.size(2))
    refuse("v: expected length Lk=", k.size(2), " as in k ", k.sizes(), ", given ", v.sizes());
  const int64_t H = q.size(1), G = k.size(1);
  if (G == 0 ? H != 0 : H % G != 0)
    refuse("k: expected a number of heads G that divides the ", H, " heads of q, given ", G);
}

void check_acts(const Attention& how, const kernels::Sizes& sizes, const AttendInputs& inputs) {
  if (how.position.name != "none" && !definition(how.position.name).place)
    refuse("how: expected a position that acts in scores, or none, given '", how.position.name,
           "': apply it to q and k before (heed/nn/positions.h), or let nn::MultiHeadAttention");
  if (how.has_modifier("gate"))
    refuse("how: expected no gate: multiply the operator's output by it");
  if (how.merge.name != "concat")
    refuse("how: expected merge concat, given '", how.merge.name,
           "': the operator leaves heads apart");
  const bool heads_given = how.num_heads != 1 || how.num_kv_heads != 0;
  if (heads_given && (how.num_heads != sizes.H || how.kv_heads() != sizes.G))
    refuse("how: expected the heads of q and k, ", sizes.H, "/", sizes.G,
           ", given num_heads=", how.num_heads, "/", how.kv_heads(),
           "; leave num_heads out, they are in the shapes");
  if (how.dropout > 0 && !inputs.training)
    refuse("how: dropout=", how.dropout,
           " acts in training alone: set AttendInputs::training to true, or to false where nothing"
           " is to be dropped");
}

void check_inputs(Call& call, const AttendInputs& inputs) {
  imply(call.how.masks, "key_lengths", "key_lengths", inputs.key_lengths.has_value());
  imply(call.how.masks, "attn_mask", "attn_mask", inputs.attn_mask.has_value());
  imply(call.how.modifiers, "bias", "bias", inputs.bias.has_value());
  imply(call.how.masks, "segment_ids", "segment_ids", inputs.segment_ids.has_value());
  if (inputs.block_mask.has_value() != has(call.how.masks, "block_mask"))
    refuse("block_mask: expected a tensor with the mask block_mask(size) and none without");
  if (inputs.key_lengths) check_key_lengths(*inputs.key_lengths, call.context.sizes, call.q);
  if (inputs.attn_mask) {
    check_broadcast(*inputs.attn_mask, "attn_mask", call);
    if (inputs.attn_mask->scalar_type() != at::kBool)
      check_added_dtype(*inputs.attn_mask, "attn_mask", "bool or ", call);
  }
  if (inputs.bias) {
    check_broadcast(*inputs.bias, "bias", call);
    check_added_dtype(*inputs.bias, "bias", "", call);
  }
  if (inputs.segment_ids) check_segment_ids(*inputs.segment_ids, call);
  if (inputs.block_mask) check_block_mask(*inputs.block_mask, call);
  check_parameters(call, inputs);
  if (inputs.query_offset && std::abs(*inputs.query_offset) > kMostPositions)
    refuse("query_offset: expected -2^31 to 2^31, given ", *inputs.query_offset);
}

}  // namespace heed::ops
