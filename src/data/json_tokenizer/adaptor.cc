// A tokenizer.json as a tokenizer of recipes.
#include <algorithm>

#include "data/vocabulary.h"
#include "heed/core/error.h"
#include "heed/data/json_tokenizer.h"

namespace heed::data {
namespace {

constexpr EncodeOptions plain() {
  return {.add_special_tokens = false, .split_special_tokens = true};
}

class JsonAdaptor : public Tokenizer {
 public:
  explicit JsonAdaptor(JsonTokenizerPtr tokenizer) : tokenizer_(std::move(tokenizer)) {
    const auto& special = tokenizer_->special_tokens();
    padding_ = id_of(special.padding);
    unknown_ = tokenizer_->unknown() >= 0 ? tokenizer_->unknown() : id_of(special.unknown);
    begin_ = id_of(special.begin ? special.begin : special.classification);
    end_ = id_of(special.end ? special.end : special.separator);
  }

  int64_t size() const override { return tokenizer_->size(); }
  int64_t padding() const override { return padding_; }
  int64_t unknown() const override { return unknown_; }
  int64_t begin() const override { return begin_; }
  int64_t end() const override { return end_; }

  std::vector<int64_t> encode(std::string_view text) const override {
    return tokenizer_->ids(text, plain());
  }

  EncodedText encode_with_offsets(std::string_view text) const override {
    auto encoding = tokenizer_->encode(text, plain());
    EncodedText result{std::move(encoding.ids), std::move(encoding.byte_offsets)};
    set_apart(result.offsets);
    return result;
  }

  std::string decode(const std::vector<int64_t>& ids) const override {
    return tokenizer_->decode(ids);
  }
  std::string piece(int64_t id) const override {
    check_id(id, size());
    return tokenizer_->token(id).value_or("");
  }
  int64_t id(std::string_view piece) const override {
    const int64_t id = tokenizer_->id(piece).value_or(unknown_);
    return id < size() ? id : unknown_;
  }
  std::string file() const override { return tokenizer_->file(); }
  const JsonTokenizerPtr& tokenizer() const { return tokenizer_; }

 private:
  int64_t id_of(const std::optional<std::string>& token) const {
    const int64_t id = token ? tokenizer_->id(*token).value_or(-1) : -1;
    return id < size() ? id : -1;
  }

  JsonTokenizerPtr tokenizer_;
  int64_t padding_, unknown_, begin_, end_;
};

}  // namespace

void set_apart(std::vector<ByteRange>& offsets) {
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    auto& next = offsets[i + 1];
    next.begin = std::max(next.begin, offsets[i].begin);
    next.end = std::max(next.end, next.begin);
    offsets[i].end = std::min(offsets[i].end, next.begin);
  }
}

TokenizerPtr as_tokenizer(JsonTokenizerPtr tokenizer) {
  return std::make_shared<JsonAdaptor>(std::move(tokenizer));
}

JsonTokenizerPtr json_tokenizer_of(const TokenizerPtr& tokenizer) {
  const auto* own = dynamic_cast<const JsonAdaptor*>(tokenizer.get());
  return own ? own->tokenizer() : nullptr;
}

}  // namespace heed::data
