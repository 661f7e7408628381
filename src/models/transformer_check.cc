#include "models/transformer_check.h"

#include <algorithm>

#include "core/text.h"
#include "models/encoder_check.h"
#include "ops/beyond.h"

namespace heed::models {
namespace {

template <class... Pieces>
[[noreturn]] void refuse(const Pieces&... pieces) {
  throw ModelError(text_of("transformer: ", pieces...));
}

template <class... Pieces>
[[noreturn]] void refuse_call(const Pieces&... pieces) {
  throw UsageError(text_of("sequence model: ", pieces...));
}

void check_attention(const TransformerOptions& options, const Attention& how, const char* field) {
  try {
    how.check();
  } catch (const UsageError& error) {
    refuse(field, ": ", error.what());
  }
  check_heads(how, field, options.width(), options.parts().head_width, "transformer: ");
  for (const char* needed : {"attn_mask", "segment_ids", "block_mask"})
    if (has_anywhere(how.masks, needed))
      refuse(field, ".masks: '", needed,
             "' needs a tensor with each input, and sequences bring none; remove it");
  if (how.has_modifier("bias"))
    refuse(field, ".modifiers: 'bias' needs a tensor with each input, and sequences bring none; ",
           "remove it");
}

void check_decoder(const Attention& how, const char* field) {
  if (has_anywhere(how.masks, "key_lengths"))
    refuse(field, ".masks: 'key_lengths' hides keys behind an end, which causal does here; ",
           "remove it");
  for (const auto& mask : how.masks)
    if (!mask.alternatives.empty() && has_anywhere({mask}, "causal"))
      refuse(field, ".masks: another mask than causal alone lets a token see what it ",
             "predicts; remove the other side of the '|'");
}

void check_attentions(const TransformerOptions& options) {
  check_attention(options, options.decoder_attention(), "decoder_attention");
  check_decoder(options.decoder_attention(), "decoder_attention");
  if (!options.local_layers().empty()) {
    check_attention(options, options.local_attention(), "local_attention");
    check_decoder(options.local_attention(), "local_attention");
    check_local(options.local_layers(), options.local_attention(), options.decoder_layers(),
                "transformer: ");
    if (options.shared_position())
      refuse("shared_position: layers of two attentions have no one position; remove local_layers ",
             "or shared_position");
  }
  if (!options.has_source()) return;
  if (options.encoder_layers() > 0)
    check_attention(options, options.encoder_attention(), "encoder_attention");
  check_attention(options, options.cross_attention(), "cross_attention");
  const auto& cross = options.cross_attention();
  if (nn::is_additive(cross.position))
    refuse("cross_attention.position: '", cross.position.name,
           "' is added to the inputs, which encoder_attention and decoder_attention do; remove it");
  if (has_anywhere(cross.masks, "random_blocks"))
    refuse("cross_attention.masks: random_blocks is drawn for the whole length, which steps do ",
           "not know; remove it");
}

void check_lookback(const TransformerOptions& options) {
  auto places = options.lookback();
  std::sort(places.begin(), places.end());
  if (!places.empty() && places.front() < 1)
    refuse("lookback: expected places before a token, of at least 1, given ", places.front());
  if (const auto twice = std::adjacent_find(places.begin(), places.end()); twice != places.end())
    refuse("lookback: expected each number of places once, given ", *twice, " twice");
}

void check_memory(const TransformerOptions& options) {
  if (options.memory() == 0) return;
  if (!options.lookback().empty())
    refuse("memory: of the tokens before a window it keeps no numbers, which lookback asks for; ",
           "remove memory or lookback");
  if (options.has_source()) refuse("memory: expected 0 with an encoder, given ", options.memory());
  const auto& position = options.decoder_attention().position;
  if (nn::is_additive(position))
    refuse("memory: positions of a window that goes on must go by distance (transformer_xl, rope, ",
           "relative, shaw, alibi), given decoder_attention.position = '", position.name, "'");
}

void check_vocabularies(const TransformerOptions& options, int64_t vocabulary, int64_t source) {
  const bool reads = options.encoder_layers() > 0;
  if (reads && options.from_encoder())
    refuse("from_encoder: expected encoder_layers 0, the encoder being another's, given ",
           options.encoder_layers());
  if (vocabulary < 1) refuse("vocabulary: expected at least 1, given ", vocabulary);
  if (reads ? source < 1 : source != 0)
    refuse("source_vocabulary: expected ", reads ? "at least 1" : "0 without an encoder",
           ", given ", source);
  if (!nn::shares_source(options.tied())) return;
  const char* word = word_of(options.tied());
  if (!reads) refuse("tied: '", word, "' is for a model with an encoder; say decoder");
  if (source != vocabulary)
    refuse("tied: '", word, "' is for one vocabulary, given ", source, " tokens of the source and ",
           vocabulary, " of the target; say decoder");
}

void check_lengths(const at::Tensor& lengths, int64_t B, int64_t Ls) {
  if (!lengths.defined() || lengths.dim() != 1 || lengths.size(0) != B ||
      lengths.scalar_type() != at::kLong)
    refuse_call(
        "source.lengths: expected shape (B) = [", B, "] of int64, given ",
        lengths.defined() ? text_of(lengths.sizes(), " of ", lengths.dtype()) : "no tensor");
  if (const auto wrong = ops::beyond(lengths, Ls))
    refuse_call("source.lengths: expected 0 to Ls = ", Ls, ", given ", *wrong);
}

}  // namespace

void check(TransformerOptions options, int64_t vocabulary, int64_t source_vocabulary) {
  options.fields(BoundsCheck([](const char* field, const Bounds& bounds, const auto& value) {
    refuse(field, ": expected ", bounds.text(), ", given ", value);
  }));
  nn::check_parts(options.parts(), "transformer: ");
  check_attentions(options);
  check_lookback(options);
  check_memory(options);
  check_vocabularies(options, vocabulary, source_vocabulary);
}

void check_ids(const at::Tensor& ids, const char* name, int64_t vocabulary) {
  if (!ids.defined() || ids.dim() != 2 || ids.scalar_type() != at::kLong)
    refuse_call(name, ": expected shape (B, L) of int64, given ",
                ids.defined() ? text_of(ids.sizes(), " of ", ids.dtype()) : "no tensor");
  if (const auto wrong = ops::beyond(ids, vocabulary - 1))
    refuse_call(name, ": expected tokens 0 to ", vocabulary - 1, ", given ", *wrong);
}

void check_states(const SourceBatch& source, int64_t width, int64_t rows) {
  const auto& states = source.states;
  if (source.tokens.defined())
    refuse_call("source.tokens: expected none with from_encoder, which reads source.states");
  if (!states.defined() || states.dim() != 3 || states.size(2) != width ||
      !states.is_floating_point())
    refuse_call("source.states: expected shape (B, Ls, M = ", width, ") of floating point, given ",
                states.defined() ? text_of(states.sizes(), " of ", states.dtype()) : "no tensor");
  if (rows >= 0 && states.size(0) != rows)
    refuse_call("source.states: expected ", rows, " rows, those of the target, given ",
                states.size(0));
  check_lengths(source.lengths, states.size(0), states.size(1));
}

void check_source(const SourceBatch& source, int64_t vocabulary, int64_t rows) {
  if (vocabulary == 0) {
    if (source.defined()) refuse_call("source: expected none, as there is no encoder");
    return;
  }
  const auto &tokens = source.tokens, &lengths = source.lengths;
  if (!tokens.defined() || tokens.dim() != 2 || tokens.scalar_type() != at::kLong)
    refuse_call("source.tokens: expected shape (B, Ls) of int64, given ",
                tokens.defined() ? text_of(tokens.sizes(), " of ", tokens.dtype()) : "no tensor");
  if (rows >= 0 && tokens.size(0) != rows)
    refuse_call("source.tokens: expected ", rows, " rows, those of the target, given ",
                tokens.size(0));
  check_lengths(lengths, tokens.size(0), tokens.size(1));
  const auto places = torch::arange(tokens.size(1), lengths.options());
  check_ids(tokens.masked_fill(places.ge(lengths.unsqueeze(1)), 0), "source.tokens", vocabulary);
}

bool asks_for_no_place(const Attention& how) {
  if (how.position.name != "none" || how.score.name == "location") return false;
  for (const auto& mask : how.masks)
    if (mask.name != "key_lengths" || !mask.alternatives.empty()) return false;
  return true;
}

}  // namespace heed::models
