// LinearAttention (opset 27): inputs query, key, value, past_state, decay, beta of rank 3, the
// heads side by side; decay has G D channels or G, beta G or 1. Outputs output, present_state.
#include "core/text.h"
#include "heed/core/error.h"
#include "heed/ops/linear_attention.h"
#include "onnx/operators.h"

namespace heed::onnx {

Answer linear_attention(Call& call) {
  auto& given = call.attributes;
  const int64_t heads = given.whole("q_num_heads", 0), states = given.whole("kv_num_heads", 0);
  LinearAttention how;
  how.rule = to_enum<LinearRule>("update_rule", given.text("update_rule", "gated_delta"));
  const double scale = given.number("scale").value_or(0);
  if (scale != 0) how.scale = scale;  // 0: 1 / sqrt(D)
  given.whole("chunk_size", 0);       // how to compute, not what
  given.refuse_others();

  const auto split = [&](size_t place, const char* name, int64_t count, const char* attribute) {
    const auto x = call.required(place, name);
    if (x.dim() != 3)
      throw UsageError(std::string("input ") + name + ": expected rank 3, given " +
                       std::to_string(x.dim()));
    return split_heads(x, count, attribute);
  };
  LinearInputs inputs;
  if (call.optional(3).defined()) inputs.state = call.optional(3);
  if (call.optional(4).defined()) inputs.log_decay = split(4, "decay", states, "kv_num_heads");
  if (call.optional(5).defined()) inputs.beta = call.required(5, "beta").transpose(1, 2);
  const auto q = split(0, "query", heads, "q_num_heads");
  const auto result = linear_attend(q, split(1, "key", states, "kv_num_heads"),
                                    split(2, "value", states, "kv_num_heads"), how, inputs);
  const auto state_type = inputs.state ? inputs.state->scalar_type() : q.scalar_type();
  return {{join_heads(result.out), result.state.to(state_type)}};
}

}  // namespace heed::onnx
