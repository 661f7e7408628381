#include "data/json_tokenizer/token_table.h"

#include <xxhash.h>

namespace heed::data::json_tokenizer {

std::string_view TokenTable::token(uint32_t id) const {
  if (!has(id)) return {};
  return std::string_view(bytes_).substr(by_id_[id].offset, by_id_[id].length);
}

/// Where a token is, or the free slot where it would be.
size_t TokenTable::slot_of(std::string_view token) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = XXH3_64bits(token.data(), token.size()) & mask;
  while (slots_[slot] != kNone && this->token(slots_[slot]) != token) slot = (slot + 1) & mask;
  return slot;
}

void TokenTable::grow() {
  if ((count_ + 1) * 2 <= slots_.size()) return;
  std::vector<uint32_t> before(std::max<size_t>(64, slots_.size() * 2), kNone);
  before.swap(slots_);
  for (const uint32_t id : before)
    if (id != kNone) slots_[slot_of(token(id))] = id;
}

void TokenTable::put(std::string_view token, uint32_t id) {
  if (id >= by_id_.size()) by_id_.resize(id + size_t{1});
  by_id_[id] = {static_cast<uint32_t>(bytes_.size()), static_cast<uint32_t>(token.size())};
  bytes_ += token;
  ++count_;
}

bool TokenTable::add(std::string_view token, uint32_t id) {
  grow();
  const size_t slot = slot_of(token);
  if (slots_[slot] != kNone) return false;
  put(token, id);
  slots_[slot] = id;
  return true;
}

int64_t TokenTable::find(std::string_view token) const {
  if (slots_.empty()) return -1;
  const uint32_t id = slots_[slot_of(token)];
  return id == kNone ? -1 : int64_t{id};
}

TokenTable TokenTable::of_ids(const ItemTable& vocab, const std::string& file) {
  TokenTable table;
  table.bytes_.reserve(vocab.bytes.size());
  for (size_t i = 0; i < vocab.texts(); ++i) {
    const std::string token(vocab.text(i));
    const double number = vocab.numbers[i];
    const auto id = static_cast<int64_t>(std::min(std::max(number, -1.0), 1e18));
    const std::string path = "model.vocab['" + token + "']";
    if (static_cast<double>(id) != number || id < 0 || id >= kMostIds)
      refuse_at(file, path, "expected an id, 0 .. " + std::to_string(kMostIds - 1));
    if (table.has(id))
      refuse_at(file, path,
                "the id " + std::to_string(id) + " is that of '" +
                    std::string(table.token(static_cast<uint32_t>(id))) + "' already");
    if (!table.add(token, static_cast<uint32_t>(id))) refuse_at(file, path, "stands there twice");
  }
  return table;
}

TokenTable TokenTable::of_list(const ItemTable& vocab) {
  TokenTable table;
  table.bytes_.reserve(vocab.bytes.size());
  for (size_t i = 0; i < vocab.texts(); ++i) {
    table.grow();
    const size_t slot = table.slot_of(vocab.text(i));
    table.put(vocab.text(i), static_cast<uint32_t>(i));
    table.slots_[slot] = static_cast<uint32_t>(i);
  }
  return table;
}

}  // namespace heed::data::json_tokenizer
