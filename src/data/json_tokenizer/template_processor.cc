// TemplateProcessing: texts and special tokens in the order that a template says.
#include <map>

#include "data/json_tokenizer/encodings.h"
#include "data/json_tokenizer/post_processor.h"
#include "data/json_tokenizer/token_table.h"

namespace heed::data::json_tokenizer {
namespace {

struct TemplateItem {
  int64_t sequence = -1;  // 0 or 1; -1: a special token
  std::vector<int64_t> ids;
  std::vector<std::string> tokens;
  int64_t type_id = 0;
};

class TemplateProcessor : public PostProcessor {
 public:
  TemplateProcessor(std::vector<TemplateItem> single, std::vector<TemplateItem> pair)
      : single_(std::move(single)), pair_(std::move(pair)) {}

  int64_t added(bool pair) const override {
    int64_t count = 0;
    for (const auto& item : pair ? pair_ : single_) count += std::ssize(item.ids);
    return count;
  }

  void process(std::vector<Encoding>& encodings, bool add_special_tokens) const override {
    Encoding whole;
    for (const auto& item : encodings.size() > 1 ? pair_ : single_) {
      if (item.sequence >= 0) {
        auto& one = encodings[static_cast<size_t>(item.sequence)];
        one.type_ids.assign(one.ids.size(), item.type_id);
        append(whole, one);
      } else if (add_special_tokens) {
        for (size_t i = 0; i < item.ids.size(); ++i)
          append_special(whole, item.ids[i], item.tokens[i], item.type_id);
      }
    }
    encodings.clear();
    encodings.push_back(std::move(whole));
  }

 private:
  std::vector<TemplateItem> single_, pair_;
};

constexpr int64_t kMostTypes = UINT32_MAX;

using SpecialItems = std::map<std::string, TemplateItem>;

SpecialItems read_special(const Reader& reader) {
  SpecialItems all;
  const auto& given = reader.at("special_tokens");
  if (!given.is_object()) reader.refuse("special_tokens", "expected an object");
  for (const auto& [name, value] : given.items()) {
    const std::string path = reader.path("special_tokens") + "['" + name + "']";
    const Reader token(value, path, reader.file(), {"id", "ids", "tokens"});
    auto& item = all[name];
    for (const auto& id : token.list("ids")) {
      if (!id.is_number_unsigned() || id.get<uint64_t>() >= static_cast<uint64_t>(kMostIds))
        token.refuse("ids", "expected ids, given " + described(id));
      item.ids.push_back(id.get<int64_t>());
    }
    for (const auto& text : token.list("tokens")) {
      if (!text.is_string()) token.refuse("tokens", "expected texts, given " + described(text));
      item.tokens.push_back(text.get<std::string>());
    }
    if (item.ids.size() != item.tokens.size())
      refuse_at(reader.file(), path, "expected as many tokens as ids");
  }
  return all;
}

std::vector<TemplateItem> read_template(const Reader& reader, const char* key, bool pair,
                                        const SpecialItems& special) {
  std::vector<TemplateItem> items;
  for (const auto& value : reader.list(key)) {
    const std::string path = reader.path(key) + "[" + std::to_string(items.size()) + "]";
    const Reader either(value, path, reader.file(), {"Sequence", "SpecialToken"});
    const bool is_sequence = either.has("Sequence");
    const char* kind = is_sequence ? "Sequence" : "SpecialToken";
    const Reader item(either.at(kind), either.path(kind), reader.file(), {"id", "type_id"});
    TemplateItem made;
    if (is_sequence) {
      made.sequence = static_cast<int64_t>(item.word("id", {"A", "B"}));
      if (made.sequence == 1 && !pair) item.refuse("id", "a template of a single text has no B");
    } else {
      const std::string id = item.text("id");
      const auto found = special.find(id);
      if (found == special.end()) item.refuse("id", "'" + id + "' is not in special_tokens");
      made = found->second;
    }
    made.type_id = item.number("type_id", 0, kMostTypes);
    items.push_back(std::move(made));
  }
  return items;
}

}  // namespace

PostProcessorPtr make_template(const Reader& reader) {
  const auto special = read_special(reader);
  return std::make_unique<TemplateProcessor>(read_template(reader, "single", false, special),
                                             read_template(reader, "pair", true, special));
}

}  // namespace heed::data::json_tokenizer
