#include "models/transformer_state.h"

#include <algorithm>
#include <numeric>

#include "heed/models/transformer.h"

namespace heed::models {
namespace {

bool counts_up(const std::vector<int64_t>& index, int64_t size) {
  if (static_cast<int64_t>(index.size()) != size) return false;
  for (int64_t i = 0; i < size; ++i)
    if (index[static_cast<size_t>(i)] != i) return false;
  return true;
}

}  // namespace

std::vector<int64_t> runs_of(const std::vector<int64_t>& line) {
  std::vector<int64_t> runs;
  size_t run = 0, length = 0;
  for (size_t i = 0; i < line.size(); i += run) {
    for (run = 1; i + run < line.size() && line[i + run] == line[i];) ++run;
    if (length == 0) length = run;
    if (run % length != 0) return {};
    for (size_t n = 0; n < run; n += length) runs.push_back(line[i]);
  }
  return runs;
}

void TransformerState::reorder(const at::Tensor& index) {
  const auto from = index.contiguous();
  const std::vector<int64_t> order(from.data_ptr<int64_t>(),
                                   from.data_ptr<int64_t>() + from.numel());
  if (counts_up(order, rows)) return;
  if (tokens > 0)
    for (auto& cache : caches) cache.reorder(index);
  if (before.defined()) before = before.index_select(0, index.to(before.device()));
  if (!source.empty()) reorder_source(order);
  rows = from.numel();
}

std::shared_ptr<nn::PagePool> pages_for(SequenceModel& model, int64_t bytes) {
  auto* transformer = dynamic_cast<TransformerImpl*>(&model);
  if (!transformer) return nullptr;
  std::vector<nn::PageLayer> own, source;
  const auto layer_of = [](const nn::MultiHeadAttentionImpl& attention) {
    const int64_t heads = attention.options.attention().kv_heads();
    return nn::PageLayer{heads, attention.key_rows() / heads, attention.value_rows() / heads};
  };
  for (const auto& layer : *transformer->decoder) {
    if (const auto* block = layer->as<nn::TransformerBlockImpl>()) {
      if (!block->attention) return nullptr;
      own.push_back(layer_of(*block->attention));
      continue;
    }
    const auto& block = *layer->as<nn::TransformerDecoderBlockImpl>();
    own.push_back(layer_of(*block.attention)), source.push_back(layer_of(*block.cross));
  }
  return std::make_shared<nn::PagePool>(nn::PageLayout(std::move(own)),
                                        nn::PageLayout(std::move(source)),
                                        transformer->target_embedding.scalar_type(), bytes);
}

nn::PageTable source_pages(const std::shared_ptr<nn::PagePool>& pool, const TransformerState& state,
                           int64_t n) {
  nn::PageTable table(pool, pool->source());
  const auto length = state.lengths[n].item<int64_t>();
  table.make_room(length);
  for (size_t layer = 0; layer < state.source.size(); ++layer) {
    const auto part = [&](const at::Tensor& all) {
      return all.narrow(0, n, 1).narrow(2, 0, length);
    };
    nn::write_tokens(table, layer, part(state.source[layer].keys),
                     part(state.source[layer].values));
  }
  table.advance(length);
  return table;
}

at::Tensor kept_before(const at::Tensor& before, const at::Tensor& ids,
                       const std::vector<int64_t>& lookback) {
  if (lookback.empty()) return {};
  const auto all = before.defined() ? at::cat({before, ids}, 1) : ids.clone();
  const int64_t most = *std::max_element(lookback.begin(), lookback.end());
  return all.size(1) > most ? all.narrow(1, all.size(1) - most, most) : all;
}

void TransformerState::select_source(const std::vector<int64_t>& index) {
  if (counts_up(index, lengths.size(0))) return;
  const auto chosen = torch::tensor(index, at::kLong).to(lengths.device());
  for (auto& [keys, values] : source)
    keys = keys.index_select(0, chosen), values = values.index_select(0, chosen);
  lengths = lengths.index_select(0, chosen);
}

void TransformerState::reorder_source(const std::vector<int64_t>& index) {
  std::vector<int64_t> next;
  for (const int64_t row : index) next.push_back(line.at(static_cast<size_t>(row)));
  const auto runs = shares ? runs_of(next) : std::vector<int64_t>();
  select_source(runs.empty() ? next : runs);
  const size_t each = runs.empty() ? 1 : next.size() / runs.size();
  line.resize(next.size());
  for (size_t row = 0; row < line.size(); ++row) line[row] = static_cast<int64_t>(row / each);
}

}  // namespace heed::models
