// Unigram (Kudo 2018): the tokens with the largest sum of scores, by Viterbi's algorithm.
#include <algorithm>
#include <limits>

#include "data/json_tokenizer/model.h"
#include "data/json_tokenizer/trie.h"
#include "data/json_tokenizer/unicode.h"

namespace heed::data::json_tokenizer {
namespace {

constexpr double kUnknownPenalty = 10;  // below the least score

class Unigram : public Model {
 public:
  Unigram(const ItemTable& vocab, int64_t unknown, bool byte_fallback)
      : Model(TokenTable::of_list(vocab)), scores_(vocab.numbers), unknown_(unknown) {
    std::vector<std::pair<std::string_view, uint32_t>> all;
    double least = std::numeric_limits<double>::infinity();
    for (uint32_t id = 0; id < tokens_.id_end(); ++id) {
      all.emplace_back(tokens_.token(id), id);
      least = std::min(least, scores_[id]);
    }
    trie_ = Trie(std::move(all));
    unknown_score_ = least - kUnknownPenalty;
    if (byte_fallback) bytes_ = byte_token_ids(tokens_);
  }

  void tokenize(std::string_view piece, std::vector<ModelToken>& out) const override {
    thread_local std::vector<Best> best;
    find_best(piece, best);
    const size_t before = out.size();
    for (auto end = static_cast<uint32_t>(piece.size()); end > 0;) {
      const auto& [score, begin, id] = best[end];
      auto* last = out.size() > before ? &out.back() : nullptr;
      if (last && is_unknown(id) && is_unknown(last->id) && last->begin == end)
        last->begin = begin;  // unknown characters behind each other are one token
      else
        out.push_back({id, begin, end, is_unknown(id)});
      end = begin;
    }
    std::reverse(out.begin() + static_cast<int64_t>(before), out.end());
    name_unknown(piece, out, before);
  }
  int64_t unknown() const override { return unknown_; }

 private:
  /// The best way to the bytes before one: its score, and where its last token begins.
  struct Best {
    double score;
    uint32_t begin, id;
  };
  static constexpr uint32_t kNoWay = UINT32_MAX;

  bool is_unknown(uint32_t id) const { return int64_t{id} == unknown_; }

  void find_best(std::string_view piece, std::vector<Best>& best) const {
    best.assign(piece.size() + 1, {0, kNoWay, 0});
    const auto reach = [&](size_t from, size_t to, double score, auto&& id) {
      auto& way = best[to];
      const double sum = score + best[from].score;
      if (way.begin == kNoWay || sum > way.score) way = {sum, static_cast<uint32_t>(from), id()};
    };
    for (size_t at = 0; at < piece.size();) {
      size_t next = at;
      next_character(piece, next);
      bool single = false;
      uint32_t node = Trie::kRoot;
      for (size_t to = at; to < piece.size();) {
        node = trie_.next(node, static_cast<uint8_t>(piece[to++]));
        if (node == Trie::kNothing) break;
        const uint32_t id = trie_.value(node);
        if (id == Trie::kNothing) continue;
        reach(at, to, scores_[id], [&] { return id; });
        single = single || to == next;
      }
      if (!single)
        reach(at, next, unknown_score_, [&] { return need_unknown(piece.substr(at, next - at)); });
      at = next;
    }
  }

  /// Characters that are not known may be a token together, or bytes.
  void name_unknown(std::string_view piece, std::vector<ModelToken>& out, size_t from) const {
    for (size_t i = from; i < out.size(); ++i) {
      if (!out[i].surface) continue;
      const auto token = out[i];
      const auto text = piece.substr(token.begin, token.end - token.begin);
      if (const int64_t id = tokens_.find(text); id >= 0) {
        out[i] = {static_cast<uint32_t>(id), token.begin, token.end};
        continue;
      }
      const bool has_bytes = !bytes_.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
        return bytes_[static_cast<uint8_t>(c)] >= 0;
      });
      if (!has_bytes) continue;
      out.erase(out.begin() + static_cast<int64_t>(i));
      for (const char c : text)
        out.insert(
            out.begin() + static_cast<int64_t>(i++),
            {static_cast<uint32_t>(bytes_[static_cast<uint8_t>(c)]), token.begin, token.end});
      --i;
    }
  }

  Trie trie_;
  std::vector<double> scores_;
  double unknown_score_ = 0;
  int64_t unknown_;
  std::vector<int64_t> bytes_;  // of <0x00> .. <0xFF>, where unknown characters become bytes
};

}  // namespace

ModelPtr make_unigram(const ParsedFile& parsed, const std::string& file) {
  const Reader model(parsed.root.at("model"), "model", file,
                     {"type", "vocab", "unk_id", "byte_fallback"});
  expect_shape(parsed.vocab, ItemTable::Shape::scores, file, "model.vocab",
               "[[\"token\", score], ...]");
  const auto count = static_cast<int64_t>(parsed.vocab.texts());
  if (count >= kMostIds) refuse_at(file, "model.vocab", "more than 2^27 tokens");
  const int64_t unknown = model.has("unk_id") ? model.number("unk_id", 0, count - 1) : -1;
  const bool bytes = model.has("byte_fallback") && model.flag("byte_fallback");
  return std::make_unique<Unigram>(parsed.vocab, unknown, bytes);
}

}  // namespace heed::data::json_tokenizer
