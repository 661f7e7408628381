// A learned score a head in softmax's sum whose value is 0, so that a head may look at nothing
// (Xiao et al. 2023; gpt-oss 2025). softmax itself, its formula and its kernel, takes it in.
#include "heed/core/error.h"
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor sinks_unchanged(const Part&, const Scene&, const at::Tensor& scores) { return scores; }

void lower_sinks(const Part&, Terms& terms) {
  terms.add("per_head", terms.scene.parameter("sinks.score").contiguous());
}

void check_softmax(const Part&, const Attention& how) {
  if (how.normalizer.name == "softmax") return;
  throw UsageError("attention: sinks need the normalizer softmax, given '" + how.normalizer.name +
                   "'");
}

}  // namespace

Definition word_sinks() {
  return {.word = {Word::Kind::modifier, "sinks", {}, "a learned score a head that takes weight"},
          .check = check_softmax,
          .learned = {{.name = "score", .shape = number_a_head}},
          .change = sinks_unchanged,
          .lower = lower_sinks};
}

}  // namespace heed::ops
