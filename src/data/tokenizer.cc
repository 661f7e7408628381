#include "heed/data/tokenizer.h"

#include "data/vocabulary.h"
#include "heed/core/error.h"
#include "heed/core/random.h"
#include "heed/data/json_tokenizer.h"

namespace heed::data {
namespace {

constexpr uint64_t kLinesKey = 0x6c696e657320;  // its own stream of the seed

/// Throws ModelError for a field that its own description does not allow.
struct CheckField {
  void operator()(const char*, bool&, const char*) const {}
  template <class Number>
  void operator()(const char* name, Number& value, const char*, const Bounds& bounds) const {
    if (!bounds.allow(static_cast<double>(value))) {
      throw ModelError(std::string("tokenizer.") + name + ": expected " + bounds.text() +
                       ", given " + std::to_string(value));
    }
  }
  template <EnumWithWords E>
  void operator()(const char*, E, const char*) const {}
};

/// `count` lines of all, each equally likely, in their order (Vitter 1985, algorithm R).
std::vector<std::string> draw(const Lines& lines, int64_t count, uint64_t seed) {
  std::vector<std::pair<int64_t, std::string>> kept;
  std::string line;
  for (int64_t read = 0; lines(line); ++read) {
    if (read < count) {
      kept.emplace_back(read, line);
      continue;
    }
    Random random(seed ^ kLinesKey, static_cast<uint32_t>(read), static_cast<uint32_t>(read >> 32));
    const uint64_t bits = random.bits() | uint64_t{random.bits()} << 32;
    const auto at = static_cast<int64_t>(bits % static_cast<uint64_t>(read + 1));
    if (at < count) kept[static_cast<size_t>(at)] = {read, line};
  }
  std::sort(kept.begin(), kept.end());
  std::vector<std::string> drawn;
  for (auto& [number, text] : kept) drawn.push_back(std::move(text));
  return drawn;
}

}  // namespace

TokenizerPtr train_tokenizer(const TokenizerOptions& options, const Lines& lines, uint64_t seed) {
  TokenizerOptions checked = options;
  checked.fields(CheckField{});
  if (options.of_others())
    throw ModelError("tokenizer.kind: '" + std::string(word_of(options.kind)) +
                     "' is that of a model that others trained, which brings it; to learn pieces "
                     "from a text say words, characters, unigram or bpe");
  if (options.kind == TokenizerKind::bytes) return byte_tokenizer(options);
  Lines used = lines;
  if (options.lines > 0) {
    used = [drawn = draw(lines, options.lines, seed), at = size_t{0}](std::string& line) mutable {
      if (at == drawn.size()) return false;
      line = drawn[at++];
      return true;
    };
  }
  return options.of_sentencepiece() ? train_sentencepiece(options, used)
                                    : train_vocabulary(options, used);
}

TokenizerPtr load_tokenizer(const TokenizerOptions& options, const std::string& bytes,
                            const std::string& name) {
  TokenizerOptions checked = options;
  checked.fields(CheckField{});
  if (options.kind == TokenizerKind::vocabulary) return vocabulary_tokenizer(bytes, name);
  if (options.kind == TokenizerKind::marian) return load_marian_tokenizer(bytes, name);
  if (options.kind == TokenizerKind::json)
    return as_tokenizer(JsonTokenizer::parse(bytes, name, {}, options.rows));
  return options.of_sentencepiece() ? load_sentencepiece(options, bytes, name)
                                    : load_vocabulary(options, bytes, name);
}

}  // namespace heed::data
