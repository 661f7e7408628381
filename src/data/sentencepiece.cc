// Tokenizers of kind unigram and bpe: SentencePiece through its plug-in.
#include <dlfcn.h>

#include <algorithm>

#include "core/child_process.h"
#include "core/lower_case.h"
#include "data/plugin.h"
#include "data/sentencepiece/plugin.h"
#include "data/sentencepiece_texts.h"
#include "data/text.h"
#include "data/vocabulary.h"
#include "heed/core/error.h"

#ifdef __has_feature
#define HEED_CLANG_FEATURE(x) __has_feature(x)
#else
#define HEED_CLANG_FEATURE(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    HEED_CLANG_FEATURE(address_sanitizer) || HEED_CLANG_FEATURE(thread_sanitizer)
#define HEED_SANITIZED 1
#else
#define HEED_SANITIZED 0
#endif

namespace heed::data {
namespace {

// Deep binding: its protobuf must find itself, not LibTorch's.
constexpr Plugin kSentencePiecePlugin{.file = "heed_sentencepiece.so",
                                      .entry = "heed_sentencepiece",
                                      .what = "tokenizers of kind unigram and bpe",
                                      .runtime = "libsentencepiece0",
                                      .build = "libsentencepiece-dev",
                                      .flags = RTLD_DEEPBIND};

const HeedSentencePiece* open_sentencepiece() {
  if constexpr (HEED_SANITIZED != 0) {
    throw FileError(
        "tokenizers of kind unigram and bpe do not run under the address or thread sanitizer: "
        "SentencePiece is opened by RTLD_DEEPBIND, which these do not allow; use another build");
  }
  const auto entry = reinterpret_cast<HeedSentencePieceEntry>(open_plugin(kSentencePiecePlugin));
  if (entry()->version != kHeedSentencePieceVersion) refuse_version(kSentencePiecePlugin);
  return entry();
}

const HeedSentencePiece& plugin() {
  static const HeedSentencePiece* table = open_sentencepiece();
  return *table;
}

void take_bytes(void* to, const char* bytes, size_t count) {
  static_cast<std::string*>(to)->assign(bytes, count);
}

/// Behind "file.cc(12) [condition] ", which SentencePiece puts first, where it does.
std::string reason_of(const std::string& message) {
  const size_t end = message.find("] ");
  const size_t from = end == std::string::npos || message.find(".cc(") > end ? 0 : end + 2;
  return from < message.size() ? message.substr(from) : message;
}

void check_resources(const std::string& why) {
  if (why == kHeedNoMemory) throw std::bad_alloc();
  if (why.starts_with(kHeedNoThread)) throw Error(Failure::memory, "SentencePiece: " + why);
}

[[noreturn]] void refuse_text(std::string_view text, const std::string& why) {
  check_resources(why);
  throw DataError("encode: SentencePiece refused a text of " + std::to_string(text.size()) +
                  " bytes: " + reason_of(why));
}

class SentencePieceTokenizer : public Tokenizer {
 public:
  SentencePieceTokenizer(const TokenizerOptions& options, std::string bytes,
                         const std::string& name)
      : library_(plugin()), lowercase_(options.lowercase), bytes_(std::move(bytes)) {
    std::string why;
    if (library_.load(bytes_.data(), bytes_.size(), &model_, take_bytes, &why) != 0) {
      check_resources(why);
      throw DataError(name + ": expected a model file of SentencePiece: " + reason_of(why));
    }
    library_.specials(model_, specials_);
  }
  ~SentencePieceTokenizer() override { library_.free(model_); }
  SentencePieceTokenizer(const SentencePieceTokenizer&) = delete;
  SentencePieceTokenizer& operator=(const SentencePieceTokenizer&) = delete;

  int64_t size() const override { return library_.size(model_); }
  int64_t padding() const override { return specials_[kPadding]; }
  int64_t unknown() const override { return specials_[kUnknown]; }
  int64_t begin() const override { return specials_[kBegin]; }
  int64_t end() const override { return specials_[kEnd]; }

  std::vector<int64_t> encode(std::string_view text) const override {
    check_utf8(text, "encode");
    const std::string lower = lowercase_ ? lower_case(text) : std::string();
    if (lowercase_) text = lower;
    const auto take = [](void* to, const int* ids, size_t count) {
      static_cast<std::vector<int64_t>*>(to)->assign(ids, ids + count);
    };
    std::vector<int64_t> ids;
    std::string why;
    if (library_.encode(model_, text.data(), text.size(), take, &ids, take_bytes, &why) != 0)
      refuse_text(text, why);
    return ids;
  }

  EncodedText encode_with_offsets(std::string_view text) const override {
    check_utf8(text, "encode");
    const auto lower = lowercase_ ? lower_case_with_origins(text) : LowerCase();
    const std::string_view read = lowercase_ ? lower.text : text;
    const auto take = [](void* to, const HeedPiece* pieces, size_t count) {
      auto& result = *static_cast<EncodedText*>(to);
      for (size_t i = 0; i < count; ++i) {
        result.ids.push_back(pieces[i].id);
        result.offsets.push_back(
            {static_cast<int64_t>(pieces[i].begin), static_cast<int64_t>(pieces[i].end)});
      }
    };
    EncodedText result;
    std::string why;
    if (library_.encode_with_offsets(model_, read.data(), read.size(), take, &result, take_bytes,
                                     &why) != 0)
      refuse_text(text, why);
    to_original(result.offsets, text, lower.origins);
    return result;
  }

  std::string decode(const std::vector<int64_t>& ids) const override {
    std::vector<int> numbers;
    numbers.reserve(ids.size());
    for (const int64_t id : ids) {
      check_id(id, size());
      if (id != padding() && id != begin() && id != end()) numbers.push_back(static_cast<int>(id));
    }
    std::string text, why;
    if (library_.decode(model_, numbers.data(), numbers.size(), take_bytes, &text, take_bytes,
                        &why) != 0) {
      check_resources(why);
      throw DataError("decode: SentencePiece refused " + std::to_string(ids.size()) +
                      " pieces: " + reason_of(why));
    }
    return text;
  }

  std::string piece(int64_t id) const override {
    check_id(id, size());
    std::string text;
    library_.piece(model_, static_cast<int>(id), take_bytes, &text);
    return text;
  }
  int64_t id(std::string_view piece) const override {
    return library_.id(model_, piece.data(), piece.size());
  }
  std::string file() const override { return bytes_; }

 private:
  const HeedSentencePiece& library_;
  bool lowercase_;
  std::string bytes_;
  void* model_ = nullptr;
  int64_t specials_[kSpecials] = {-1, -1, -1, -1};
};

/// SentencePiece's trainer keeps tabs for itself, unless they are a piece from the beginning. Its
/// rule nmt_nfkc makes blanks of them.
bool wants_tab(const TokenizerOptions& options, const std::vector<std::string>& texts) {
  return options.normalization != TextNormalization::nmt_nfkc && !options.byte_pieces &&
         std::any_of(texts.begin(), texts.end(),
                     [](const std::string& text) { return text.find('\t') != std::string::npos; });
}

/// Its trainer of unigram counts characters in 31 bits unless it is told of more.
bool is_large(const std::vector<std::string>& texts) {
  constexpr uint64_t kLarge = uint64_t{1} << 30;
  uint64_t bytes = 0;
  for (const auto& text : texts) bytes += text.size() + 1;
  return bytes > kLarge;
}

std::vector<std::pair<std::string, std::string>> arguments_of(
    const TokenizerOptions& options, const std::vector<std::string>& texts) {
  const auto flag = [](bool on) { return on ? "true" : "false"; };
  const bool identity = options.normalization == TextNormalization::identity;
  std::vector<std::pair<std::string, std::string>> arguments = {
      {"model_type", word_of(options.kind)},
      {"vocab_size", std::to_string(options.size)},
      {"character_coverage", std::to_string(options.coverage)},
      {"normalization_rule_name", word_of(options.normalization)},
      {"remove_extra_whitespaces", flag(!identity)},
      {"byte_fallback", flag(options.byte_pieces)},
      {"pad_id", std::to_string(kPadding)},
      {"unk_id", std::to_string(kUnknown)},
      {"bos_id", std::to_string(kBegin)},
      {"eos_id", std::to_string(kEnd)},
      // By default it passes over lines of more than 4192 bytes.
      {"max_sentence_length", "1000000000"},
      {"num_threads", "16"},  // its sums are made thread by thread: the number is part of them
      {"minloglevel", "2"}};
  if (wants_tab(options, texts)) arguments.emplace_back("user_defined_symbols", "\t");
  if (is_large(texts)) arguments.emplace_back("train_extremely_large_corpus", "true");
  return arguments;
}

/// The last number in a text; -1 where there is none.
int64_t last_number(const std::string& text) {
  const size_t end = text.find_last_of("0123456789");
  if (end == std::string::npos) return -1;
  const size_t before = text.find_last_not_of("0123456789", end);
  return std::stoll(text.substr(before == std::string::npos ? 0 : before + 1, end + 1));
}

/// SentencePiece's model file or the reason why there is none, behind kTrained or kRefused.
constexpr char kTrained = 't', kRefused = 'r';

/// Runs in a child process: its trainer ends the process over texts that it does not bear.
std::string train(const HeedSentencePiece& library, const TokenizerOptions& options,
                  std::vector<std::string> texts) {
  const auto given = arguments_of(options, texts);
  std::vector<HeedTrainArgument> arguments;
  for (const auto& [name, value] : given) arguments.push_back({name.c_str(), value.c_str()});
  struct Source {
    std::vector<std::string> texts;
    size_t next = 0;
  } source{std::move(texts)};
  const auto next = [](void* from, const char** line, size_t* count) {
    auto& source = *static_cast<Source*>(from);
    if (source.next > 0) source.texts[source.next - 1] = std::string();  // the trainer has its own
    if (source.next == source.texts.size()) return 0;
    *line = source.texts[source.next].data(), *count = source.texts[source.next].size();
    ++source.next;
    return 1;
  };
  std::string bytes, why;
  const int failed = library.train(arguments.data(), arguments.size(), next, &source, take_bytes,
                                   &bytes, take_bytes, &why);
  return failed != 0 ? kRefused + why : kTrained + bytes;
}

[[noreturn]] void trainer_ended(const TokenizerOptions& options, const ChildResult& result) {
  throw DataError(std::string("tokenizer: SentencePiece's trainer of kind ") +
                  word_of(options.kind) + " broke down over the text that it was to learn " +
                  std::to_string(options.size) + " pieces from, by " + result.end +
                  (result.said.empty() ? "" : ": " + result.said) +
                  "; a text of too few or too similar words does that: lower tokenizer.size, give "
                  "more text, or let tokenizer.kind be \"characters\" or \"words\"");
}

[[noreturn]] void training_failed(const TokenizerOptions& options, const std::string& why) {
  check_resources(why);
  const std::string given = "tokenizer.size: given " + std::to_string(options.size);
  if (why.find("too high") != std::string::npos) {
    throw ModelError(given + ", but the text yields no more than " +
                     std::to_string(last_number(why)) + " pieces of kind " + word_of(options.kind) +
                     "; the largest possible size is " + std::to_string(last_number(why)));
  }
  throw ModelError(std::string("cannot train a tokenizer of kind ") + word_of(options.kind) +
                   " and size " + std::to_string(options.size) + ": " + reason_of(why));
}

}  // namespace

TokenizerPtr train_sentencepiece(const TokenizerOptions& options, const Lines& lines) {
  const auto& library = plugin();
  TrainerTexts texts(lines, options.lowercase);
  const auto result = in_child_process(
      [&](std::string& text) { return texts.next(text); },
      [&](std::vector<std::string> given) { return train(library, options, std::move(given)); });
  if (!texts.found())
    throw DataError(std::string("tokenizer: the text to learn ") + word_of(options.kind) +
                    " from holds no line with a character that can be learnt");
  if (!result.returned) trainer_ended(options, result);
  const std::string rest = result.bytes.substr(1);
  if (result.bytes.front() == kRefused) training_failed(options, rest);
  return std::make_shared<SentencePieceTokenizer>(options, rest, "the trained model");
}

TokenizerPtr load_sentencepiece(const TokenizerOptions& options, const std::string& bytes,
                                const std::string& name) {
  return std::make_shared<SentencePieceTokenizer>(options, bytes, name);
}

}  // namespace heed::data
