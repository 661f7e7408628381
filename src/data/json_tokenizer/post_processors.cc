#include "data/json_tokenizer/post_processor.h"

#include <algorithm>

#include "data/json_tokenizer/byte_level.h"
#include "data/json_tokenizer/encodings.h"
#include "data/json_tokenizer/token_table.h"
#include "data/json_tokenizer/unicode.h"

namespace heed::data::json_tokenizer {
namespace {

bool is_level_space(uint32_t code) { return code == kLevelBlank || has(code, kWhiteSpace); }

/// Takes white space off both ends of what byte-level tokens stand for; not the blank that was put in front of a text.
void trim_offsets(Encoding& encoding, bool added_blank) {
  for (size_t i = 0; i < encoding.tokens.size(); ++i) {
    const std::string& token = encoding.tokens[i];
    auto& [begin, end] = encoding.offsets[i];
    int64_t leading = 0, trailing = 0;
    for (size_t at = 0; at < token.size() && is_level_space(next_character(token, at));) ++leading;
    for (size_t at = token.size(); at > 0 && is_level_space(previous_character(token, at));)
      ++trailing;
    const bool first = i == 0 || begin == 0;
    if (first && added_blank && leading == 1) leading = 0;
    if (leading > 0) begin = std::min(begin + leading, end);
    if (trailing > 0 && end >= trailing) end = std::max(end - trailing, begin);
  }
}

class ByteLevelProcessor : public PostProcessor {
 public:
  ByteLevelProcessor(bool trims, bool added_blank) : trims_(trims), added_blank_(added_blank) {}
  int64_t added(bool) const override { return 0; }
  void process(std::vector<Encoding>& encodings, bool) const override {
    if (!trims_) return;
    for (auto& one : encodings)
      for_each_part(one, [&](Encoding& part) { trim_offsets(part, added_blank_); });
  }

 private:
  bool trims_, added_blank_;
};

struct NamedId {
  std::string token;
  int64_t id;
};

/// [CLS] first [SEP] second [SEP]
class BertProcessor : public PostProcessor {
 public:
  BertProcessor(NamedId separator, NamedId classification)
      : separator_(std::move(separator)), classification_(std::move(classification)) {}
  int64_t added(bool pair) const override { return pair ? 3 : 2; }
  void process(std::vector<Encoding>& encodings, bool add_special_tokens) const override {
    if (!add_special_tokens) return;
    for (size_t i = 0; i < encodings.size(); ++i) {
      Encoding whole;
      if (i == 0) append_special(whole, classification_.id, classification_.token, 0);
      append(whole, encodings[i]);
      append_special(whole, separator_.id, separator_.token, i == 0 ? 0 : 1);
      encodings[i] = std::move(whole);
    }
  }

 private:
  NamedId separator_, classification_;
};

/// <s> first </s> </s> second </s>, all of type 0
class RobertaProcessor : public PostProcessor {
 public:
  RobertaProcessor(NamedId separator, NamedId classification, bool trims, bool added_blank)
      : separator_(std::move(separator)),
        classification_(std::move(classification)),
        trims_(trims),
        added_blank_(added_blank) {}
  int64_t added(bool pair) const override { return pair ? 4 : 2; }
  void process(std::vector<Encoding>& encodings, bool add_special_tokens) const override {
    for (auto& one : encodings) {
      for_each_part(one, [&](Encoding& part) {
        if (trims_) trim_offsets(part, added_blank_);
      });
      std::fill(one.type_ids.begin(), one.type_ids.end(), 0);
      if (!add_special_tokens) continue;
      for (auto& part : one.overflowing) std::fill(part.type_ids.begin(), part.type_ids.end(), 0);
      const auto& begin = &one == encodings.data() ? classification_ : separator_;
      Encoding whole;
      append_special(whole, begin.id, begin.token, 0);
      append(whole, one);
      append_special(whole, separator_.id, separator_.token, 0);
      one = std::move(whole);
    }
  }

 private:
  NamedId separator_, classification_;
  bool trims_, added_blank_;
};

class SequenceProcessor : public PostProcessor {
 public:
  explicit SequenceProcessor(std::vector<PostProcessorPtr> parts) : parts_(std::move(parts)) {}
  int64_t added(bool pair) const override {
    int64_t count = 0;
    for (const auto& part : parts_) count += part->added(pair);
    return count;
  }
  void process(std::vector<Encoding>& encodings, bool add_special_tokens) const override {
    for (const auto& part : parts_) part->process(encodings, add_special_tokens);
  }

 private:
  std::vector<PostProcessorPtr> parts_;
};

/// ["token", id]
NamedId read_named_id(const Reader& reader, const char* key) {
  const auto& value = reader.at(key);
  const bool good = value.is_array() && value.size() == 2 && value[0].is_string() &&
                    value[1].is_number_unsigned() &&
                    value[1].get<uint64_t>() < static_cast<uint64_t>(kMostIds);
  if (!good) reader.refuse(key, "expected [\"token\", id], given " + described(value));
  return {value[0].get<std::string>(), value[1].get<int64_t>()};
}

}  // namespace

PostProcessorPtr make_post_processor(const Json& value, const std::string& path,
                                     const std::string& file) {
  if (value.is_null()) return nullptr;
  const std::string type = type_of(value, path, file);
  if (type == "TemplateProcessing")
    return make_template(Reader(value, path, file, {"type", "single", "pair", "special_tokens"}));
  if (type == "BertProcessing") {
    const Reader reader(value, path, file, {"type", "sep", "cls"});
    return std::make_unique<BertProcessor>(read_named_id(reader, "sep"),
                                           read_named_id(reader, "cls"));
  }
  if (type == "RobertaProcessing") {
    const Reader reader(value, path, file,
                        {"type", "sep", "cls", "trim_offsets", "add_prefix_space"});
    return std::make_unique<RobertaProcessor>(
        read_named_id(reader, "sep"), read_named_id(reader, "cls"), reader.flag("trim_offsets"),
        reader.flag("add_prefix_space"));
  }
  if (type == "ByteLevel") {
    const Reader reader(value, path, file,
                        {"type", "add_prefix_space", "trim_offsets", "use_regex"});
    return std::make_unique<ByteLevelProcessor>(reader.flag("trim_offsets"),
                                                reader.flag("add_prefix_space"));
  }
  if (type == "Sequence") {
    const Reader reader(value, path, file, {"type", "processors"});
    std::vector<PostProcessorPtr> parts;
    for (const auto& part : reader.list("processors")) {
      const std::string place =
          reader.path("processors") + "[" + std::to_string(parts.size()) + "]";
      if (part.is_null()) refuse_at(file, place, "expected a post-processor, given null");
      parts.push_back(make_post_processor(part, place, file));
    }
    return std::make_unique<SequenceProcessor>(std::move(parts));
  }
  refuse_type(
      type, path, file,
      {"BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"});
}

}  // namespace heed::data::json_tokenizer
