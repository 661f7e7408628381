#include "heed/models/transformer.h"

#include <torch/nn/init.h>

#include <algorithm>

#include "core/text.h"
#include "heed/nn/token_convolution.h"
#include "heed/ops/dropout.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "models/transformer_check.h"
#include "models/transformer_state.h"
#include "nn/block_parts.h"
#include "nn/checkpoint.h"
#include "nn/linear.h"
#include "nn/model_memory.h"
#include "nn/probed.h"
#include "nn/sequence_part.h"
#include "nn/step_rows.h"

namespace heed {
namespace {

Attention unplaced(Attention attention) {
  if (nn::is_additive(attention.position)) attention.position = Attention().position;
  return attention;
}

/// With `bias` false there is none.
nn::BlockParts parts_of(const TransformerOptions& options) {
  auto parts = options.parts();
  if (!options.bias()) parts.biases.clear();
  return parts;
}

/// Of a block of a decoder.
Attention writing(const TransformerOptions& options, int64_t layer) {
  const auto& how = is_local(options.local_layers(), layer) ? options.local_attention()
                                                            : options.decoder_attention();
  return models::with_mask(unplaced(how), "causal");
}

nn::TransformerBlockOptions layer_options(const TransformerOptions& options,
                                          const Attention& attention) {
  return nn::TransformerBlockOptions(options.width())
      .hidden(options.hidden())
      .attention(unplaced(attention))
      .norm(options.norm())
      .activation(options.activation())
      .dropout(options.dropout())
      .parts(parts_of(options));
}

nn::TransformerDecoderBlockOptions decoder_layer_options(const TransformerOptions& options,
                                                         int64_t layer) {
  return nn::TransformerDecoderBlockOptions(options.width())
      .hidden(options.hidden())
      .attention(writing(options, layer))
      .cross(models::with_mask(options.cross_attention(), "key_lengths"))
      .norm(options.norm())
      .activation(options.activation())
      .dropout(options.dropout())
      .parts(parts_of(options))
      .shares_position(layer > 0 && options.shared_position());
}

nn::TransformerBlockImpl& block(torch::nn::ModuleList& layers, size_t i) {
  return *layers[i]->as<nn::TransformerBlockImpl>();
}

nn::TransformerDecoderBlockImpl& decoder_block(torch::nn::ModuleList& layers, size_t i) {
  return *layers[i]->as<nn::TransformerDecoderBlockImpl>();
}

/// Of the target to itself.
nn::MultiHeadAttention attention(torch::nn::ModuleList& layers, int64_t i) {
  const auto layer = layers[static_cast<size_t>(i)];
  if (auto* alone = layer->as<nn::TransformerBlockImpl>()) return alone->attention;
  return layer->as<nn::TransformerDecoderBlockImpl>()->attention;
}

/// What `embed` makes of the tokens (1, T) of all rows, (1, T, M); rows that stand at one place are embedded together.
template <class Embed>
at::Tensor embedded_runs(const models::TransformerRows& together, const at::Tensor& tokens,
                         const Embed& embed) {
  std::vector<at::Tensor> all;
  int64_t from = 0;
  for (size_t i = 0, next = 0; i < together.rows.size(); i = next) {
    const auto& [text, count] = together.rows[i];
    const auto is_beside = [&](const models::TransformerRows::Row& row) {
      return row.tokens == count && row.text->own.tokens() == text->own.tokens();
    };
    while (next < together.rows.size() && is_beside(together.rows[next])) ++next;
    const auto n = static_cast<int64_t>(next - i);
    const auto own = tokens.narrow(1, from, n * count).view({n, count});
    std::vector<at::Tensor> before;
    for (size_t r = i; r < next && text->before.defined(); ++r)
      before.push_back(together.rows[r].text->before);
    const auto x = embed(own, before.empty() ? at::Tensor() : at::cat(before), text->own.tokens());
    all.push_back(x.reshape({1, n * count, x.size(2)}));
    from += n * count;
  }
  return at::cat(all, 1);
}

}  // namespace

TransformerOptions& TransformerOptions::preset(TransformerPreset preset) {
  const double kept = dropout();
  *this = TransformerOptions();
  preset_ = preset, dropout(kept);
  if (preset == TransformerPreset::small)
    encoder_layers(3).decoder_layers(3).width(256).hidden(1024).norm(nn::Norm::pre);
  if (preset == TransformerPreset::gpt)
    encoder_layers(0)
        .width(384)
        .hidden(1536)
        .norm(nn::Norm::pre)
        .activation(nn::Activation::gelu)
        .bias(false),
        scale_embeddings(false).decoder_attention(
            Attention::parse("learned(256); causal; num_heads=6"));
  return *this;
}

TransformerImpl::TransformerImpl(const TransformerOptions& given, int64_t vocabulary,
                                 int64_t source_vocabulary)
    : options(given), vocabulary_(vocabulary), source_vocabulary_(source_vocabulary) {
  models::check(options, vocabulary, source_vocabulary);
  make_embeddings();
  make_stacks();
  if (options.memory() > 0)
    memory_ = std::make_unique<nn::SegmentMemory>(options.decoder_layers(), options.memory());
}

std::shared_ptr<TransformerImpl> TransformerImpl::remade() const {
  return std::make_shared<TransformerImpl>(options, vocabulary_, source_vocabulary_);
}

void TransformerImpl::make_embeddings() {
  const int64_t M = options.width();
  const auto& tied = options.tied();
  const auto matrix = [&](const char* name, int64_t rows) {
    return models::embedding_table(*this, name, rows, M);
  };
  const auto positions = [&](const char* name, const Attention& attention) {
    return models::additive_position(*this, name, attention.position, M);
  };
  if (has_own_encoder()) {
    if (!nn::shares_source(tied)) source_embedding = matrix("source_embedding", source_vocabulary_);
    source_position = positions("source_position", options.encoder_attention());
  }
  target_embedding = matrix("target_embedding", vocabulary_);
  target_position = positions("target_position", options.decoder_attention());
  for (const int64_t places : options.lookback())
    lookback_embeddings.push_back(
        matrix(("lookback_embedding_" + std::to_string(places)).c_str(), vocabulary_));
  if (!nn::shares_output(tied)) output = matrix("output", vocabulary_);
  if (options.output_bias())
    output_bias_ = register_parameter("output_bias", torch::zeros({vocabulary_}));
}

void TransformerImpl::make_stacks() {
  if (has_own_encoder()) {
    const auto reading = models::with_mask(options.encoder_attention(), "key_lengths");
    encoder = BlockStack(*this, options.encoder_layers(), layer_options(options, reading),
                         {.shared_position = options.shared_position()},
                         {.layers = "encoder", .norm = "encoder_norm"});
  }
  decoder = register_module("decoder", torch::nn::ModuleList());
  for (int64_t i = 0; i < options.decoder_layers(); ++i) {
    if (has_encoder())
      decoder->push_back(nn::TransformerDecoderBlock(decoder_layer_options(options, i)));
    else
      decoder->push_back(
          nn::TransformerBlock(layer_options(options, writing(options, i))
                                   .shares_position(i > 0 && options.shared_position())));
    if (i == 0) nn::check_repeated(*decoder, options.decoder_layers());
    if (i > 0 && options.shared_position())
      attention(decoder, i)->share_position(*attention(decoder, 0));
  }
  if (nn::is_before(options.norm()))
    decoder_norm = register_module("decoder_norm", nn::norm_of(parts_of(options), options.width()));
}

at::Tensor TransformerImpl::output_weight() const {
  return output.defined() ? output : target_embedding;
}

int64_t TransformerImpl::max_positions() const {
  const int64_t places = target_position ? target_position->max_positions() : 0;
  return places ? places : options.max_positions();
}

void TransformerImpl::reset_state() {
  if (memory_) memory_->clear();
}

void TransformerImpl::check_source(const SourceBatch& source, int64_t rows) const {
  if (options.from_encoder())
    models::check_states(source, options.width(), rows);
  else
    models::check_source(source, source_vocabulary_, rows);
}

/// Of tokens from the place `first` on.
at::Tensor TransformerImpl::placed(const at::Tensor& embedded, nn::AdditivePosition& position,
                                   int64_t first) {
  auto x = nn::embedded(embedded);  // (B, L, M)
  if (position)
    x = nn::by_pieces(
        x, 1, nn::SequencePart::here().length,
        [&](const at::Tensor& piece, int64_t at) { return position->forward(piece, first + at); });
  return heed::dropout(x, options.dropout(), is_training());
}

at::Tensor TransformerImpl::embed_source(const at::Tensor& ids) {
  const auto& table = source_embedding.defined() ? source_embedding : target_embedding;
  return placed(models::embed(ids, table, options.scale_embeddings()), source_position, 0);
}

/// `before`: the tokens that stand before these, as many as lookback asks for; undefined: none do.
at::Tensor TransformerImpl::embed_target(const at::Tensor& ids, const at::Tensor& before,
                                         int64_t first) {
  auto x = models::embed(ids, target_embedding, options.scale_embeddings());
  if (!lookback_embeddings.empty())
    x = x + look_back(before.defined() ? at::cat({before, ids}, 1) : ids, ids.size(1));
  return placed(x, target_position, first);
}

/// What tokens before add to each of the last `length` of `ids` (B, L).
at::Tensor TransformerImpl::look_back(const at::Tensor& ids, int64_t length) {
  at::Tensor sum;
  for (size_t i = 0; i < lookback_embeddings.size(); ++i) {
    const int64_t end = ids.size(1) - options.lookback()[i];
    const int64_t count = std::clamp<int64_t>(end, 0, length);
    auto x = models::embed(ids.narrow(1, std::max<int64_t>(end - count, 0), count),
                           lookback_embeddings[i], options.scale_embeddings());
    x = at::constant_pad_nd(x, {0, 0, length - count, 0});  // (B, length, M)
    sum = sum.defined() ? sum + x : x;
  }
  return sum;
}

at::Tensor TransformerImpl::encode(const SourceBatch& source) {
  check_source(source, -1);
  if (options.from_encoder()) return source.states;
  auto ids = nn::without_padding(source.tokens, source.lengths);
  const auto& place = nn::SequencePart::here();
  const nn::SequencePart reading(place.ring, ids.size(1));
  if (place.ring) ids = place.part(ids.size(1)).of(ids, 1);
  return encoder.forward(embed_source(ids), models::told_lengths(source.lengths));
}

at::Tensor TransformerImpl::decode(const at::Tensor& x, const at::Tensor& z,
                                   const SourceBatch& source) {
  if (memory_) return memory_->forward(decoder, x);
  auto y = x;
  for (size_t i = 0; i < decoder->size(); ++i) {
    if (z.defined()) {
      auto& own = decoder_block(decoder, i);
      y = nn::checkpointed(own, {y, z}, [&own, source](const std::vector<at::Tensor>& given) {
        return own.forward(given[0], given[1], models::told_lengths(source.lengths));
      });
    } else {
      auto& own = block(decoder, i);
      y = nn::checkpointed(
          own, {y}, [&own](const std::vector<at::Tensor>& given) { return own.forward(given[0]); });
    }
  }
  return y;
}

/// From the last block to what the logits are made of.
at::Tensor TransformerImpl::finished(const at::Tensor& y) {
  const auto h = decoder_norm ? decoder_norm->forward(y) : y;
  return options.output_scale() == 1 ? h : h * options.output_scale();
}

at::Tensor TransformerImpl::hidden(const SourceBatch& source, const at::Tensor& target) {
  const nn::RowsAlone::Place place(*packed_);  // the steps' weights, too
  models::check_ids(target, "target", vocabulary_);
  const int64_t most = target_position ? 0 : options.max_positions();
  if (most > 0 && target.size(1) > most)
    throw UsageError(text_of("transformer: target: expected at most max_positions = ", most,
                             " tokens, given ", target.size(1)));
  check_source(source, target.size(0));
  const auto z = has_encoder() ? encode(source) : at::Tensor();
  const auto y = decode(embed_target(target, {}, 0), z, source);
  return finished(y);
}

std::unique_ptr<DecoderState> TransformerImpl::start(const SourceBatch& source, int64_t rows) {
  const torch::NoGradGuard no_gradient;
  const nn::RowsAlone alone(*packed_);
  check_source(source, -1);
  auto state = std::make_unique<models::TransformerState>();
  state->caches.resize(decoder->size());
  state->rows = rows;
  if (!has_encoder()) return state;
  state->rows = source.lengths.size(0);
  state->shares = models::asks_for_no_place(options.cross_attention());
  state->source.resize(decoder->size());
  const auto z = encode(source);
  for (size_t i = 0; i < decoder->size(); ++i)
    state->source[i] = decoder_block(decoder, i).cross->project(z);
  state->lengths = source.lengths;
  state->line.resize(static_cast<size_t>(state->rows));
  std::iota(state->line.begin(), state->line.end(), 0);
  return state;
}

at::Tensor TransformerImpl::step(const at::Tensor& tokens, DecoderState& given) {
  const torch::NoGradGuard no_gradient;
  if (const auto* together = dynamic_cast<const models::TransformerRows*>(&given)) {
    const nn::RowsAlone alone(*packed_);
    models::check_ids(tokens, "tokens", vocabulary_);
    std::vector<nn::StepRow> seen;
    for (const auto& [text, count] : together->rows)
      seen.push_back({&text->own, text->source.get(), count});
    nn::StepRows rows(std::move(seen));
    auto x = embedded_runs(*together, tokens,
                           [&](const at::Tensor& ids, const auto& before, int64_t first) {
                             return embed_target(ids, before, first);
                           });
    for (size_t i = 0; i < decoder->size(); ++i) {
      rows.at_layer(i);
      nn::KeyValueCache unused;
      x = has_encoder() ? decoder_block(decoder, i).step(x, unused, {}, {})
                        : block(decoder, i).step(x, unused);
    }
    x = finished(x);
    std::vector<at::Tensor> before;
    int64_t from = 0;
    for (const auto& [text, count] : together->rows) {
      before.push_back(
          models::kept_before(text->before, tokens.narrow(1, from, count), options.lookback()));
      from += count;
    }
    for (size_t i = 0; i < before.size(); ++i) {  // from here on nothing fails
      together->rows[i].text->before = std::move(before[i]);
      together->rows[i].text->own.advance(together->rows[i].tokens);
    }
    return x;
  }
  auto* state = dynamic_cast<models::TransformerState*>(&given);
  if (!state || state->caches.size() != decoder->size() || has_encoder() == state->source.empty())
    throw UsageError("step: state: expected one that start() of this model gave");
  const nn::RowsAlone alone(*packed_);
  models::check_ids(tokens, "tokens", vocabulary_);
  if (tokens.size(0) != state->rows)
    throw UsageError(text_of("step: tokens: expected ", state->rows,
                             " rows, those of the state, given ", tokens.sizes()));
  auto x = embed_target(tokens, state->before, state->tokens);
  for (size_t i = 0; i < decoder->size(); ++i)
    x = has_encoder()
            ? decoder_block(decoder, i)
                  .step(x, state->caches[i], state->source[i], models::told_lengths(state->lengths))
            : block(decoder, i).step(x, state->caches[i]);
  state->tokens += tokens.size(1);
  state->before = models::kept_before(state->before, tokens, options.lookback());
  return finished(x);
}

}  // namespace heed
