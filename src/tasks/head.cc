#include "heed/tasks/head.h"

#include "heed/core/error.h"

namespace heed {

void Head::answer_by(const AnswerOptions& options) {
  if (options.refuse)
    throw UsageError("--refuse is for heads of the kind class, whose answer has a probability");
  if (options.top) throw UsageError("--top is for heads that choose among classes or items");
  if (!options.prefix.empty() || !options.target.empty() || !options.with.empty())
    throw UsageError("--prefix, --target and --with are for models that write text from text");
  if (!options.output.empty())
    throw UsageError(
        "--output is for masks and images that are drawn, and this model answers none; its answers "
        "are lines on standard output");
}

void Head::part_sequences(Ring&) {
  throw ModelError(
      "train.sequence_parallel: expected an encoder of Transformer blocks, or a head 'text' or "
      "'image' that is a "
      "transformer of its own; train this with sequence_parallel = 1");
}

Looked Head::explain(const Tokens& tokens, const Batch& batch, const Split& split,
                     const std::string& target) {
  if (!target.empty()) throw UsageError("--target is for models that write text");
  Looked looked;
  looked.prediction = predict(tokens, batch, split).front();
  return looked;
}

std::vector<std::vector<TokenLikelihood>> Head::likelihoods(const Tokens&, const Batch&) {
  throw UsageError(
      "this head says nothing of how likely a text is; those that do: masked, and text of a model "
      "of one text");
}

Aim Head::aim(const Tokens&, const Batch&, const Split&, const AimOptions&, const Looked&) {
  throw UsageError(
      "this head's answer is no number that could be explained; heads that have one: boxes, class, "
      "embedding, forecast, labels, "
      "number, pixels, ranking, spans, tags, text, transcript");
}

}  // namespace heed
