#include "models/recurrent_state.h"

#include "models/transformer_state.h"

namespace heed::models {

void RecurrentState::reorder(const at::Tensor& index) {
  const auto from = index.contiguous();
  std::vector<int64_t> next;
  bool same = from.numel() == batch();
  for (int64_t i = 0; i < from.numel(); ++i) {
    const int64_t row = from.data_ptr<int64_t>()[i];
    same = same && row == i;
    next.push_back(line.at(static_cast<size_t>(row)));
  }
  if (same) return;
  for (auto& layer : layers) {
    layer.h = layer.h.index_select(0, from);
    if (layer.c.defined()) layer.c = layer.c.index_select(0, from);
  }
  if (fed.defined()) fed = fed.index_select(0, from);
  const auto runs = shares ? runs_of(next) : std::vector<int64_t>();
  const auto& sources = runs.empty() ? next : runs;
  bool in_order = static_cast<int64_t>(sources.size()) == lengths.size(0);
  for (size_t i = 0; i < sources.size(); ++i)
    in_order = in_order && sources[i] == static_cast<int64_t>(i);
  if (!in_order) {
    const auto chosen = torch::tensor(sources, at::kLong);
    for (auto* t : {&keys, &values, &lengths}) *t = t->index_select(0, chosen);
  }
  const size_t each = sources.empty() ? 1 : next.size() / sources.size();
  line.resize(next.size());
  for (size_t row = 0; row < line.size(); ++row) line[row] = static_cast<int64_t>(row / each);
}

}  // namespace heed::models
