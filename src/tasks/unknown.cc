#include "tasks/unknown.h"

#include <cstdio>

#include "core/text.h"
#include "heed/core/error.h"

namespace heed {
namespace {

std::string percent(int64_t part, int64_t all) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g %%",
                100 * static_cast<double>(part) / static_cast<double>(all));
  return text;
}

std::string note_of(const std::string& what, const UnknownPieces::Count& count) {
  return text_of(count.unknown, " of ", count.pieces, " ", what, " are unknown to the model (",
                 percent(count.unknown, count.pieces), "), the first in ", count.first);
}

}  // namespace

void UnknownPieces::add(const Cell& cell, const Split& split, const Batch& batch) {
  for (const auto& input : cell.recipe.inputs) {
    for (const auto& which : input->pieces()) {
      const auto name = cell.has_several_inputs() ? input.name + "." + which.tensor : which.tensor;
      if (batch.has(name)) add(batch.at(name), which, split, batch);
    }
  }
}

void UnknownPieces::add(const at::Tensor& numbers, const PieceNumbers& which, const Split& split,
                        const Batch& batch) {
  auto& count = counts_[which.what];
  auto is_none = at::zeros_like(numbers, at::kBool);
  for (const int64_t none : which.none) is_none.logical_or_(numbers.eq(none));
  count.pieces += numbers.numel() - is_none.sum().item<int64_t>();
  const auto is_unknown = numbers.eq(which.unknown);
  const auto found = is_unknown.sum().item<int64_t>();
  count.unknown += found;
  if (found == 0 || !count.first.empty()) return;
  const bool by_example = numbers.size(0) == batch.size();
  const auto row = is_unknown.nonzero()[0][0].item<int64_t>();
  count.first = split.place(batch.records[by_example ? row : 0].item<int64_t>());
}

std::string UnknownPieces::note() const {
  std::string notes;
  for (const auto& [what, count] : counts_)
    if (count.unknown > 0) notes += (notes.empty() ? "" : "; ") + note_of(what, count);
  return notes;
}

void UnknownPieces::check(const Cell& cell) const {
  const double most = cell.recipe.data.max_unknown;
  for (const auto& [what, count] : counts_) {
    if (static_cast<double>(count.unknown) <= most * static_cast<double>(count.pieces)) continue;
    throw DataError(text_of(note_of(what, count), ", more than data.max_unknown = ", most,
                            "; is this what the model learned to read? data.max_unknown = 1 takes "
                            "whatever is given"));
  }
}

UnknownPieces unknown_pieces(const Cell& cell, const SplitPtr& split) {
  UnknownPieces found;
  if (!cell.recipe.data.has_pieces) return found;
  const auto source = cell.batches(split, {.batch = cell.recipe.train.batch});
  while (const auto batch = source->next()) found.add(cell, *split, *batch);
  return found;
}

}  // namespace heed
