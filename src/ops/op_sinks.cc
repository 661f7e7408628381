// A learned score a head in softmax's sum whose value is 0, so that a head may look at nothing
// (Xiao et al. 2023; gpt-oss 2025). softmax itself, its formula and its kernel, takes it in.
#include "heed/core/error.h"
#include "ops/op_definition.h"

namespace heed::ops {
namespace {

at::Tensor sinks_unchanged(const OpSpec&, const CallContext&, const at::Tensor& scores) {
  return scores;
}

void prepare_sinks(const OpSpec&, Operands& operands) {
  operands.add("per_head", operands.context.parameter("sinks.score").contiguous());
}

void check_softmax(const OpSpec&, const Attention& how) {
  if (how.normalizer.name == "softmax") return;
  throw UsageError("attention: sinks need the normalizer softmax, given '" + how.normalizer.name +
                   "'");
}

}  // namespace

OpDefinition op_sinks() {
  return {.kind = {OpKind::Role::modifier, "sinks", {}, "a learned score a head that takes weight"},
          .check = check_softmax,
          .learned = {{.name = "score", .shape = number_a_head}},
          .change = sinks_unchanged,
          .prepare = prepare_sinks};
}

}  // namespace heed::ops
