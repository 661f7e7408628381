#include "heed/models/recurrent.h"

#include <numeric>

#include "core/text.h"
#include "heed/ops/dropout.h"
#include "models/recurrent_cell.h"
#include "models/recurrent_check.h"
#include "models/transformer_check.h"
#include "nn/activation.h"
#include "nn/linear.h"
#include "nn/model_memory.h"

namespace heed {
namespace {

using models::CellState, models::CellWeights, models::RecurrentState;

models::CellImpl& cell_of(torch::nn::ModuleList& layers, size_t i) {
  return *layers[i]->as<models::CellImpl>();
}

/// tokens (Ls, B), 0 behind their lengths (B).
at::Tensor without_ends(const SourceBatch& source) {
  const auto places = torch::arange(source.tokens.size(1), source.lengths.options());
  return source.tokens.masked_fill(places.ge(source.lengths.unsqueeze(1)), 0).t();
}

/// The larger of each pair of channels, (..., 2 n) -> (..., n).
at::Tensor maxout(const at::Tensor& x) { return x.unflatten(-1, {x.size(-1) / 2, 2}).amax(-1); }

}  // namespace

RecurrentOptions& RecurrentOptions::attention_type(DecoderAttention type) {
  attention_type_ = type;
  attention(Attention::parse(type == DecoderAttention::luong ? "general" : "additive"));
  return *this;
}

RecurrentImpl::RecurrentImpl(const RecurrentOptions& given, int64_t vocabulary,
                             int64_t source_vocabulary)
    : options(given), vocabulary_(vocabulary), source_vocabulary_(source_vocabulary) {
  models::check(options, vocabulary, source_vocabulary);
  make_embeddings();
  make_layers();
}

std::shared_ptr<RecurrentImpl> RecurrentImpl::remade() const {
  return std::make_shared<RecurrentImpl>(options, vocabulary_, source_vocabulary_);
}

void RecurrentImpl::make_embeddings() {
  const auto matrix = [&](const char* name, int64_t rows, int64_t columns) {
    auto table = register_parameter(name, torch::empty({rows, columns}));
    const torch::NoGradGuard no_gradient;
    return table.normal_(0, 1 / std::sqrt(static_cast<double>(columns)));
  };
  const int64_t E = options.embedding_width();
  if (!nn::shares_source(options.tied()))
    source_embedding = matrix("source_embedding", source_vocabulary_, E);
  target_embedding = matrix("target_embedding", vocabulary_, E);
  if (!nn::shares_output(options.tied()))
    output = matrix("output", vocabulary_, looks_first() ? E : options.width());
  if (options.output_bias())
    output_bias_ = register_parameter("output_bias", torch::zeros({vocabulary_}));
}

void RecurrentImpl::make_layers() {
  const int64_t M = options.width(), E = options.embedding_width();
  const auto& kind = options.cell();
  encoder = RecurrentStack(*this, "encoder", options.encoder_layers(), kind, M, E);
  bridge = register_module("bridge", torch::nn::ModuleList());
  decoder = register_module("decoder", torch::nn::ModuleList());
  const int64_t told = looks_first() || options.input_feeding() ? M : 0;
  for (int64_t i = 0; i < options.decoder_layers(); ++i) {
    bridge->push_back(nn::xavier_linear(M, kind == RecurrentCell::lstm ? 2 * M : M));
    decoder->push_back(models::Cell(kind, M, i == 0 ? E : 0, i == 0 ? told : M));
    if (i == 1) nn::check_repeated(*decoder->children()[1], options.decoder_layers() - 1);
  }
  attention = register_module("attention", models::StateAttention(options.attention(), M, M));
  readout = register_module(
      "readout", looks_first() ? nn::xavier_linear(2 * M + E, 2 * E) : nn::xavier_linear(2 * M, M));
}

at::Tensor RecurrentImpl::output_weight() const {
  return output.defined() ? output : target_embedding;
}

at::Tensor RecurrentImpl::dropped(const at::Tensor& x) const {
  return heed::dropout(x, options.dropout(), is_training());
}

at::Tensor RecurrentImpl::embed(const at::Tensor& ids, const at::Tensor& table) const {
  return dropped(torch::embedding(table, ids.contiguous()));
}

/// The source's annotations as keys and values, and the states with which the decoder begins.
std::unique_ptr<RecurrentState> RecurrentImpl::read(const SourceBatch& source) {
  const auto& table = source_embedding.defined() ? source_embedding : target_embedding;
  const auto x = embed(without_ends(source), table);  // (Ls, B, E)
  const auto found = encoder.forward(x, source.lengths, is_training() ? options.dropout() : 0);
  auto state = std::make_unique<RecurrentState>();
  const auto z = found.all.transpose(0, 1).contiguous();  // (B, Ls, M)
  state->keys = attention->keys(z), state->values = attention->values(z);
  state->lengths = source.lengths;
  state->shares = models::asks_for_no_place(attention->attention);
  state->line.resize(static_cast<size_t>(z.size(0)));
  std::iota(state->line.begin(), state->line.end(), 0);
  begin(*state, found.last);
  return state;
}

void RecurrentImpl::begin(RecurrentState& state, const at::Tensor& last) {
  const int64_t M = options.width();
  for (size_t i = 0; i < bridge->size(); ++i) {
    const auto first = nn::affine(torch::nn::Linear(bridge->ptr<torch::nn::LinearImpl>(i)), last);
    CellState layer{nn::tanh_of(first.narrow(1, 0, M)), {}};
    if (options.cell() == RecurrentCell::lstm) layer.c = first.narrow(1, M, M);
    state.layers.push_back(layer);
  }
  if (!looks_first() && options.input_feeding())
    state.fed = torch::zeros({last.size(0), M}, last.options().requires_grad(false));
}

void RecurrentImpl::run_cells(const Weights& weights, const at::Tensor& given,
                              const at::Tensor& extra, RecurrentState& state) {
  state.layers[0] = models::advance(weights[0], given, extra, state.layers[0]);
  for (size_t i = 1; i < weights.size(); ++i)
    state.layers[i] = models::advance(weights[i], cell_of(decoder, i).bias,
                                      dropped(state.layers[i - 1].h), state.layers[i]);
}

at::Tensor RecurrentImpl::look(const at::Tensor& states, RecurrentState& state) {
  return attention->look(states, state.keys, state.values, state.lengths, state.tokens);
}

/// x (L, B, E), embedded; hidden (L, B, E).
at::Tensor RecurrentImpl::write_bahdanau(const at::Tensor& x, const Weights& weights,
                                         RecurrentState& state) {
  const auto& first = cell_of(decoder, 0);
  std::vector<at::Tensor> states, contexts;
  for (const auto& given : nn::affine(x, first.embedding, first.bias).unbind(0)) {
    contexts.push_back(look(state.layers.back().h, state));
    run_cells(weights, given, contexts.back(), state);
    states.push_back(state.layers.back().h);
    ++state.tokens;
  }
  return maxout(
      nn::affine(readout, torch::cat({torch::stack(states), x, torch::stack(contexts)}, 2)));
}

/// hidden (L, B, M).
at::Tensor RecurrentImpl::write_luong(const at::Tensor& x, const Weights& weights,
                                      RecurrentState& state) {
  const auto& first = cell_of(decoder, 0);
  std::vector<at::Tensor> all;
  for (const auto& given : nn::affine(x, first.embedding, first.bias).unbind(0)) {
    run_cells(weights, given, state.fed, state);
    const auto& h = state.layers.back().h;
    all.push_back(nn::tanh_of(nn::affine(readout, torch::cat({look(h, state), h}, 1))));
    if (options.input_feeding()) state.fed = all.back();
    ++state.tokens;
  }
  return torch::stack(all);
}

/// The same without input feeding, for as many sources as rows.
at::Tensor RecurrentImpl::write_together(const at::Tensor& x, const Weights& weights,
                                         RecurrentState& state) {
  const auto& first = cell_of(decoder, 0);
  std::vector<at::Tensor> all;
  for (const auto& given : nn::affine(x, first.embedding, first.bias).unbind(0)) {
    run_cells(weights, given, {}, state);
    all.push_back(state.layers.back().h);
  }
  const auto states = torch::stack(all, 1);  // (B, L, M)
  const auto both = torch::cat({look(states, state), states}, 2);
  state.tokens += x.size(0);
  return nn::tanh_of(nn::affine(readout, both)).transpose(0, 1);
}

at::Tensor RecurrentImpl::write(const at::Tensor& tokens, RecurrentState& state, bool together) {
  const int64_t B = tokens.size(0), L = tokens.size(1);
  if (L == 0) return torch::zeros({B, 0, output_weight().size(1)}, output_weight().options());
  Weights weights;
  for (size_t i = 0; i < decoder->size(); ++i) weights.emplace_back(cell_of(decoder, i));
  const auto x = embed(tokens.t(), target_embedding);
  const auto all = looks_first()                          ? write_bahdanau(x, weights, state)
                   : together && !options.input_feeding() ? write_together(x, weights, state)
                                                          : write_luong(x, weights, state);
  return dropped(all.transpose(0, 1).contiguous());
}

at::Tensor RecurrentImpl::hidden(const SourceBatch& source, const at::Tensor& target) {
  const nn::RowsAlone::Place place(*packed_);  // the steps' weights, too
  models::check_ids(target, "target", vocabulary_);
  models::check_source(source, source_vocabulary_, target.size(0));
  return write(target, *read(source), /*together=*/true);
}

std::unique_ptr<DecoderState> RecurrentImpl::start(const SourceBatch& source, int64_t) {
  const torch::NoGradGuard no_gradient;
  const nn::RowsAlone alone(*packed_);
  models::check_source(source, source_vocabulary_, -1);
  return read(source);
}

at::Tensor RecurrentImpl::step(const at::Tensor& tokens, DecoderState& given) {
  const torch::NoGradGuard no_gradient;
  auto* state = dynamic_cast<RecurrentState*>(&given);
  if (!state || state->layers.size() != decoder->size())
    throw UsageError("step: state: expected one that start() of this model gave");
  const nn::RowsAlone alone(*packed_);
  models::check_ids(tokens, "tokens", vocabulary_);
  if (tokens.size(0) != state->batch())
    throw UsageError(text_of("step: tokens: expected ", state->batch(),
                             " rows, those of the state, given ", tokens.sizes()));
  return write(tokens, *state, /*together=*/false);
}

}  // namespace heed
