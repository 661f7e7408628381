// Byte pair encoding (Sennrich et al. 2016): of all neighbours that may be merged, the pair with the lowest rank first.
#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "core/utf8.h"
#include "data/json_tokenizer/byte_level.h"
#include "data/json_tokenizer/model.h"
#include "data/json_tokenizer/unicode.h"
#include "heed/core/error.h"

namespace heed::data::json_tokenizer {
namespace {

struct BpeOptions {
  std::string unknown, prefix, suffix;
  bool has_unknown = false, fuse_unknown = false, byte_fallback = false, ignore_merges = false;
};

/// Pairs of ids that may be merged: a table of an open hash.
class MergeTable {
 public:
  struct Merge {
    uint32_t rank = UINT32_MAX, id = 0;
  };
  void reserve(size_t count) {
    size_t size = 64;
    while (size < count * 2) size *= 2;
    slots_.assign(size, {});
  }
  void add(uint32_t left, uint32_t right, Merge merge) {
    slots_[slot_of(key(left, right))] = {key(left, right), merge};
  }
  /// Null where they may not.
  const Merge* find(uint32_t left, uint32_t right) const {
    const auto& slot = slots_[slot_of(key(left, right))];
    return slot.key == kFree ? nullptr : &slot.merge;
  }

 private:
  static constexpr uint64_t kFree = UINT64_MAX;
  struct Slot {
    uint64_t key = kFree;
    Merge merge;
  };
  static uint64_t key(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }
  size_t slot_of(uint64_t key) const {
    const size_t mask = slots_.size() - 1;
    size_t slot = (key * 0x9E3779B97F4A7C15u >> 29) & mask;
    while (slots_[slot].key != kFree && slots_[slot].key != key) slot = (slot + 1) & mask;
    return slot;
  }
  std::vector<Slot> slots_;
};

struct Symbol {
  uint32_t id, length;
};

/// Words that were seen, with their symbols; threads share it.
class WordCache {
 public:
  static constexpr size_t kLongestWord = 128;

  /// Hands a word's symbols to take; false where the word is new.
  template <class Take>
  bool find(std::string_view word, size_t hash, Take&& take) {
    auto& shard = shards_[hash % kShards];
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.words.find(word);
    if (found == shard.words.end()) return false;
    take(found->second);
    return true;
  }
  void add(std::string_view word, size_t hash, const std::vector<Symbol>& symbols) {
    auto& shard = shards_[hash % kShards];
    const std::lock_guard lock(shard.mutex);
    if (shard.words.size() == kMostWords) shard.words.clear();
    shard.words.emplace(word, symbols);
  }

 private:
  static constexpr size_t kShards = 16, kMostWords = 4096;  // 65536 words
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::string, std::vector<Symbol>, Hash, std::equal_to<>> words;
  };
  Shard shards_[kShards];
};

class Bpe : public Model {
 public:
  Bpe(const ParsedFile& parsed, BpeOptions options, const std::string& file)
      : Model(TokenTable::of_ids(parsed.vocab, file)), options_(std::move(options)) {
    unknown_ = options_.has_unknown ? tokens_.find(options_.unknown) : -1;
    if (options_.byte_fallback) bytes_ = byte_token_ids(tokens_);
    read_merges(parsed.merges, file);
  }

  bool take_bytes() override {
    if (!options_.prefix.empty() || !options_.suffix.empty()) return false;
    std::vector<int64_t> ids(256);
    for (size_t byte = 0; byte < 256; ++byte) {
      ids[byte] = tokens_.find(byte_level_characters()[byte]);
      if (ids[byte] < 0) return false;
    }
    level_ids_ = std::move(ids);
    if (options_.ignore_merges) {
      for (uint32_t id = 0; id < tokens_.id_end(); ++id)
        if (auto bytes = byte_level_bytes(tokens_.token(id)); bytes && tokens_.has(id))
          raw_tokens_.add(*bytes, id);
    }
    return true;
  }

  void tokenize(std::string_view piece, std::vector<ModelToken>& out) const override {
    if (options_.ignore_merges) {
      const int64_t id = level_ids_.empty() ? tokens_.find(piece) : raw_tokens_.find(piece);
      if (id >= 0) {
        out.push_back({static_cast<uint32_t>(id), 0, static_cast<uint32_t>(piece.size())});
        return;
      }
    }
    const auto take = [&](const std::vector<Symbol>& symbols) {
      uint32_t at = 0;
      for (const auto& [id, length] : symbols) {
        out.push_back({id, at, at + length});
        at += length;
      }
    };
    const bool caches = piece.size() <= WordCache::kLongestWord;
    const size_t hash = caches ? std::hash<std::string_view>()(piece) : 0;
    if (caches && cache_.find(piece, hash, take)) return;
    thread_local std::vector<Symbol> symbols;
    symbols.clear();
    level_ids_.empty() ? first_symbols(piece, symbols) : first_bytes(piece, symbols);
    merge(symbols);
    if (caches) cache_.add(piece, hash, symbols);
    take(symbols);
  }
  int64_t unknown() const override { return unknown_; }

 private:
  void read_merges(const ItemTable& merges, const std::string& file) {
    const bool pairs = merges.shape == ItemTable::Shape::pairs;
    const size_t count = pairs ? merges.texts() / 2 : merges.texts();
    merges_.reserve(count);
    uint32_t rank = 0;
    for (size_t i = 0; i < count; ++i) {
      const std::string path = "model.merges[" + std::to_string(i) + "]";
      std::string_view left, right;
      if (pairs) {
        left = merges.text(2 * i), right = merges.text(2 * i + 1);
      } else {
        const auto line = merges.text(i);
        if (line.starts_with("#version")) continue;
        const size_t blank = line.find(' ');
        if (blank == line.npos || line.find(' ', blank + 1) != line.npos)
          refuse_at(file, path,
                    "expected two tokens with a blank between, given '" + std::string(line) + "'");
        left = line.substr(0, blank), right = line.substr(blank + 1);
      }
      add_merge(left, right, rank++, path, file);
    }
  }

  void add_merge(std::string_view left, std::string_view right, uint32_t rank,
                 const std::string& path, const std::string& file) {
    const auto need = [&](std::string_view token) {
      const int64_t id = tokens_.find(token);
      if (id < 0) refuse_at(file, path, "'" + std::string(token) + "' is not in model.vocab");
      return static_cast<uint32_t>(id);
    };
    const uint32_t a = need(left), b = need(right);
    if (right.size() < options_.prefix.size())
      refuse_at(file, path,
                "'" + std::string(right) + "' is shorter than model.continuing_subword_prefix");
    const std::string both = std::string(left) + std::string(right.substr(options_.prefix.size()));
    merges_.add(a, b, {rank, need(both)});
  }

  void first_bytes(std::string_view piece, std::vector<Symbol>& symbols) const {
    for (const char c : piece)
      symbols.push_back({static_cast<uint32_t>(level_ids_[static_cast<uint8_t>(c)]), 1});
  }

  /// A symbol a character; what has none becomes bytes or unknown, or is left out.
  void first_symbols(std::string_view piece, std::vector<Symbol>& symbols) const {
    uint32_t unknown_length = 0;
    const auto put_unknown = [&] {
      if (unknown_length > 0) symbols.push_back({static_cast<uint32_t>(unknown_), unknown_length});
      unknown_length = 0;
    };
    std::string changed;
    for (size_t at = 0; at < piece.size();) {
      const size_t from = at;
      next_character(piece, at);
      std::string_view text = piece.substr(from, at - from);
      const auto length = static_cast<uint32_t>(text.size());
      const bool first = from == 0, last = at == piece.size();
      if ((!first && !options_.prefix.empty()) || (last && !options_.suffix.empty())) {
        changed =
            (first ? "" : options_.prefix) + std::string(text) + (last ? options_.suffix : "");
        text = changed;
      }
      if (const int64_t id = tokens_.find(text); id >= 0) {
        put_unknown();
        symbols.push_back({static_cast<uint32_t>(id), length});
        continue;
      }
      if (put_fallback(text, symbols) || !options_.has_unknown) continue;
      if (!options_.fuse_unknown) put_unknown();
      need_unknown(text);
      unknown_length += length;
    }
    put_unknown();
  }

  bool put_fallback(std::string_view text, std::vector<Symbol>& symbols) const {
    if (bytes_.empty()) return false;
    for (const char c : text)
      if (bytes_[static_cast<uint8_t>(c)] < 0) return false;
    for (const char c : text)
      symbols.push_back({static_cast<uint32_t>(bytes_[static_cast<uint8_t>(c)]), 1});
    return true;
  }

  /// O(n log n): a heap of the pairs that may be merged, lowest rank first, then the leftmost.
  void merge(std::vector<Symbol>& symbols) const {
    if (symbols.size() < 2) return;
    constexpr uint32_t kNone = UINT32_MAX;
    struct Link {
      uint32_t before, after;
    };
    thread_local std::vector<Link> links;
    thread_local std::vector<uint64_t> heap;  // rank << 32 | place
    const auto count = static_cast<uint32_t>(symbols.size());
    links.resize(count), heap.clear();
    for (uint32_t i = 0; i < count; ++i) {
      links[i] = {i == 0 ? kNone : i - 1, i + 1 == count ? kNone : i + 1};
      if (i + 1 == count) break;
      if (const auto* merge = merges_.find(symbols[i].id, symbols[i + 1].id))
        heap.push_back(uint64_t{merge->rank} << 32 | i);
    }
    std::make_heap(heap.begin(), heap.end(), std::greater<>());
    const auto push = [&](uint32_t left, uint32_t right) {
      if (left == kNone || right == kNone) return;
      const auto* merge = merges_.find(symbols[left].id, symbols[right].id);
      if (!merge) return;
      heap.push_back(uint64_t{merge->rank} << 32 | left);
      std::push_heap(heap.begin(), heap.end(), std::greater<>());
    };
    while (!heap.empty()) {
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      const uint64_t top = heap.back();
      heap.pop_back();
      const auto left = static_cast<uint32_t>(top);
      const uint32_t right = links[left].after;
      if (symbols[left].length == 0 || right == kNone) continue;
      const auto* merge = merges_.find(symbols[left].id, symbols[right].id);
      if (!merge || merge->rank != top >> 32) continue;  // one of the two has changed since
      symbols[left] = {merge->id, symbols[left].length + symbols[right].length};
      symbols[right].length = 0;
      links[left].after = links[right].after;
      if (links[left].after != kNone) links[links[left].after].before = left;
      push(links[left].before, left);
      push(left, links[left].after);
    }
    std::erase_if(symbols, [](const Symbol& symbol) { return symbol.length == 0; });
  }

  BpeOptions options_;
  MergeTable merges_;
  int64_t unknown_;
  std::vector<int64_t> bytes_;      // of <0x00> .. <0xFF>, where unknown characters become bytes
  std::vector<int64_t> level_ids_;  // of each byte's character, where pieces are bytes
  TokenTable raw_tokens_;           // by their bytes, where whole pieces may be tokens
  mutable WordCache cache_;
};

}  // namespace

ModelPtr make_bpe(const ParsedFile& parsed, const std::string& file) {
  const Reader model(
      parsed.root.at("model"), "model", file,
      {"type", "vocab", "merges", "dropout", "unk_token", "continuing_subword_prefix",
       "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges"});
  using Shape = ItemTable::Shape;
  expect_shape(parsed.vocab, Shape::numbers, file, "model.vocab", "{\"token\": id, ...}");
  if (parsed.merges.shape == Shape::absent) refuse_at(file, "model.merges", "is missing");
  if (model.has("dropout")) {
    const auto& dropout = model.at("dropout");
    if (!dropout.is_number() || dropout.get<double>() != 0)
      model.refuse("dropout", "merges would be left out at random; set it to null");
  }
  const auto text = [&](const char* key) {
    return model.has(key) ? model.text(key) : std::string();
  };
  const auto flag = [&](const char* key) { return model.has(key) && model.flag(key); };
  return std::make_unique<Bpe>(
      parsed,
      BpeOptions{text("unk_token"), text("continuing_subword_prefix"), text("end_of_word_suffix"),
                 model.has("unk_token"), flag("fuse_unk"), flag("byte_fallback"),
                 flag("ignore_merges")},
      file);
}

}  // namespace heed::data::json_tokenizer
