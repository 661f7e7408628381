#include "tasks/gap_term.h"

#include "formats/safetensors_header.h"
#include "heed/core/error.h"
#include "tasks/changed_records.h"

namespace heed {
namespace {

/// Of all that decides what is swapped, so that comments and other groups of the file may change.
std::string digest_of(const WordGroup& group) {
  std::string all;
  const auto add = [&](const std::string& text) {
    all += std::to_string(text.size()) + ":" + text;
  };
  for (const auto& pair : group.pairs) add(pair.first), add(pair.second);
  all += '|';
  for (const auto& pair : group.one_way) add(pair.first), add(pair.second);
  all += group.masks ? "!" : "|";
  for (const auto& word : group.words) add(word);
  add(group.by);
  return checksum(all);
}

at::Tensor paired_output(const HeadTable& head, const Tokens& tokens, const Batch& batch) {
  auto found = head.get()->output(tokens, batch).to(at::kFloat);
  found = found.reshape({found.size(0), -1});  // (B, K)
  return head.kind == "class" ? found - found.mean(1, true) : found;
}

}  // namespace

WordGroup group_of_gap(const GapTable& gap) {
  try {
    return group_called(read_word_lists(gap.lists), gap.group, gap.lists);
  } catch (const ModelError& error) {
    throw ModelError(std::string("gap.lists: ") + error.what());
  } catch (const FileError& error) {
    throw FileError(std::string("gap.lists: ") + error.what());
  }
}

GapTerm::GapTerm(Cell& cell, const Source& learned) {
  auto& gap = cell.recipe.gap;
  const WordSwap swap(group_of_gap(gap));
  const auto digest = digest_of(swap.group());
  if (!gap.digest.empty() && gap.digest != digest)
    throw ModelError("gap.digest: the words of the group '" + swap.group().name + "' in " +
                     gap.lists + " are others than those of the recipe; take the key out to " +
                     "train with them");
  gap.digest = digest;
  const auto changed = std::make_shared<ChangedRecords>(
      learned.records, cell.input().text_columns(),
      [&](int64_t, const std::string& text) { return swap.apply(text).text; });
  differs_.resize(static_cast<size_t>(changed->size()));
  for (const int64_t record : changed->changed())
    differs_[static_cast<size_t>(record)] = true, ++swapped_;
  if (swapped_ == 0)
    throw DataError("gap.lists: no text of data.train has a word of the group '" +
                    swap.group().name + "', so that there is nothing to compare");
  auto source = learned;
  source.records = changed;
  other_ = cell.open(source);
}

at::Tensor GapTerm::loss(Cell& cell, const Split& train, const Tokens& tokens, const Batch& batch,
                         const Draw& draw) const {
  std::vector<int64_t> rows, records;
  const auto* examples = batch.records.data_ptr<int64_t>();
  for (int64_t row = 0; row < batch.size(); ++row) {
    const auto record = train.record(examples[row]);
    if (!differs_[static_cast<size_t>(record)]) continue;
    rows.push_back(row), records.push_back(record);
  }
  if (rows.empty()) return {};
  const auto chosen = at::tensor(rows, at::kLong);
  const auto other = other_->batch(records, draw);
  const auto other_tokens = cell.encode(other);
  at::Tensor sum;
  for (const auto& head : cell.recipe.heads) {
    const auto found = paired_output(head, tokens, batch).index_select(0, chosen);
    const auto gap = (found - paired_output(head, other_tokens, other)).abs().mean();
    sum = sum.defined() ? sum + gap : gap;
  }
  return sum * cell.recipe.gap.weight;
}

}  // namespace heed
