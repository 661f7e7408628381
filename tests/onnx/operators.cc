// The table of operators. A new one is a line here and a file that defines the function.
#include "onnx/operators.h"

#include "heed/core/error.h"

namespace heed::onnx {
namespace {

struct Entry {
  const char* name;
  int64_t since;  ///< opset
  Operator run;
};

constexpr Entry kOperators[] = {
    {"Attention", 23, attention},
    {"LinearAttention", 27, linear_attention},
    {"RotaryEmbedding", 23, rotary_embedding},
};

}  // namespace

at::Tensor Call::optional(size_t place) const {
  return place < inputs.size() ? inputs[place] : at::Tensor();
}

at::Tensor Call::required(size_t place, const char* name) const {
  const auto tensor = optional(place);
  if (!tensor.defined()) throw UsageError(std::string("input ") + name + " is missing");
  return tensor;
}

Operator find_operator(const Case& one) {
  const auto called =
      "'" + one.op + "' of domain '" + one.domain + "', opset " + std::to_string(one.opset);
  if (one.domain.empty() || one.domain == "ai.onnx")
    for (const auto& entry : kOperators) {
      if (one.op != entry.name) continue;
      if (one.opset >= entry.since) return entry.run;
      throw UsageError("operator " + called + " is older than opset " +
                       std::to_string(entry.since));
    }
  throw UsageError("unknown operator " + called);
}

at::Tensor split_heads(const at::Tensor& x, int64_t heads, const char* attribute) {
  if (heads < 1 || x.size(2) % heads != 0)
    throw UsageError(std::string("attribute '") + attribute + "': expected a divisor of the " +
                     std::to_string(x.size(2)) + " channels of a rank 3 input, given " +
                     std::to_string(heads));
  return x.unflatten(2, {heads, x.size(2) / heads}).transpose(1, 2);
}

at::Tensor join_heads(const at::Tensor& x) { return x.transpose(1, 2).flatten(2); }

}  // namespace heed::onnx
