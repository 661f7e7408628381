#include "models/recurrent_check.h"

#include "core/text.h"
#include "heed/nn/positions.h"

namespace heed::models {
namespace {

template <class... Pieces>
[[noreturn]] void refuse_recurrent(const Pieces&... pieces) {
  throw ModelError(text_of("recurrent: ", pieces...));
}

bool names_anywhere(const std::vector<OpSpec>& masks, std::string_view name) {
  for (const auto& mask : masks)
    if (mask.name == name || names_anywhere(mask.alternatives, name)) return true;
  return false;
}

void check_attention(const Attention& how, int64_t width) {
  try {
    how.check();
  } catch (const UsageError& error) {
    refuse_recurrent("attention: ", error.what());
  }
  if (width % how.num_heads != 0)
    refuse_recurrent("width: expected a multiple of attention.num_heads = ", how.num_heads,
                     ", given ", width);
  if (how.kv_heads() != how.num_heads)
    refuse_recurrent("attention.num_kv_heads: expected ", how.num_heads,
                     ", as many as num_heads, given ", how.num_kv_heads);
  if (nn::is_additive(how.position) || nn::is_rotary(how.position))
    refuse_recurrent("attention.position: '", how.position.name,
                     "' changes inputs, and states know their order; remove it");
  for (const char* needed : {"attn_mask", "segment_ids", "block_mask"})
    if (names_anywhere(how.masks, needed))
      refuse_recurrent("attention.masks: '", needed,
                       "' needs a tensor with each input, and sequences bring none; remove it");
  if (names_anywhere(how.masks, "random_blocks"))
    refuse_recurrent("attention.masks: random_blocks is drawn for the whole length, which steps ",
                     "do not know; remove it");
  for (const char* modifier : {"bias", "gate", "talking"})
    if (how.has_modifier(modifier))
      refuse_recurrent("attention.modifiers: '", modifier,
                       "' is for modules of whole sequences; remove it");
}

}  // namespace

void check(RecurrentOptions options, int64_t vocabulary, int64_t source_vocabulary) {
  options.fields(BoundsCheck([](const char* field, const Bounds& bounds, const auto& value) {
    refuse_recurrent(field, ": expected ", bounds.text(), ", given ", value);
  }));
  const int64_t M = options.width(), E = options.embedding_width();
  if (M % 2 != 0)
    refuse_recurrent("width: expected an even number, half for each direction, given ", M);
  check_attention(options.attention(), M);
  if (vocabulary < 1) refuse_recurrent("vocabulary: expected at least 1, given ", vocabulary);
  if (source_vocabulary < 1)
    refuse_recurrent("source_vocabulary: expected at least 1, given ", source_vocabulary);
  if (nn::shares_source(options.tied()) && source_vocabulary != vocabulary)
    refuse_recurrent("tied: '", word_of(options.tied()), "' is for one vocabulary, given ",
                     source_vocabulary, " tokens of the source and ", vocabulary,
                     " of the target; say decoder");
  if (nn::shares_output(options.tied()) && options.attention_type() == DecoderAttention::luong &&
      E != M)
    refuse_recurrent("tied: expected none where embedding = ", E, " differs from width = ", M,
                     ", given ", word_of(options.tied()));
}

}  // namespace heed::models
