// Decoders of one text, as Llama (Touvron et al. 2023) and its relatives are made: a pre-normalised
// stack of blocks with rotary positions and gated feed-forward parts.
#pragma once

#include <string>
#include <vector>

#include "pretrained/architecture.h"

namespace heed::pretrained {

struct DecoderConfig {
  int64_t vocabulary, width, layers, heads, kv_heads, head_width, hidden, positions;
  std::string activation;
  double eps = 1e-6, attention_dropout = 0;
  bool qkv_bias = false, output_bias = false, feed_forward_bias = false;
  bool qk_norm = false;
  bool sandwich = false;  ///< branches end with norms of their own
  double norm_add = 0;    ///< what norms are stored less
  double scale = 0;       ///< of scores; 0: head_width^-0.5
  double softcap = 0, logit_softcap = 0;
  bool scale_embeddings = false;
  OpSpec rope = {};        ///< of the layers that see all
  OpSpec local_rope = {};  ///< of those that see a window
  int64_t window = 0;      ///< tokens that these see, the query among them
  std::vector<int64_t> local_layers = {};
};

/// What such configs have in common. ends none; rope, windows and what a relative adds are its own.
DecoderConfig decoder_config(Config& config, const std::string& activation_key = "hidden_act",
                             const std::string& activation = "silu");

/// The layers that layer_types calls sliding_attention; where it is absent those of which
/// `otherwise(i)` says so.
std::vector<int64_t> local_layers_of(Config& config, int64_t layers, bool (*otherwise)(int64_t));

/// Input, head and tensors. The head is the file's where it has one, otherwise the embedding.
Plan plan_decoder(const Given& given, const DecoderConfig& decoder);

/// The tensor of the embeddings, and whether the output has one of its own: where the file holds
/// both, unless they are equal and tie_word_embeddings says that they are one. What holds one alone
/// means both by it.
struct TiedHead {
  std::string embedding;
  bool tied;
};
TiedHead tied_head(const Given& given, const std::string& embedding, const std::string& head,
                   bool tied_by_default);

/// [input] of a text that goes on, and [head] of the model that writes it, up to its own options.
void add_corpus_input(Plan& plan, const Given& given, int64_t rows, int64_t positions);

}  // namespace heed::pretrained
