#include "pretrained/sentence_writer.h"

#include <nlohmann/json.hpp>

#include "core/text.h"
#include "heed/core/error.h"
#include "pretrained/sentence_words.h"

namespace heed::pretrained {
namespace {

using WrittenJson = nlohmann::ordered_json;

/// Values of a recipe without the quotes of texts.
class Values {
 public:
  explicit Values(const std::map<std::string, std::string>& recipe) : recipe_(recipe) {}
  std::string operator()(const std::string& key, const std::string& otherwise = "") const {
    const auto found = recipe_.find(key);
    if (found == recipe_.end()) return otherwise;
    const auto& text = found->second;
    const bool quoted = text.starts_with('"') || text.starts_with('\'');
    return quoted ? text.substr(1, text.size() - 2) : text;
  }
  int64_t integer(const std::string& key) const { return std::stoll((*this)(key, "0")); }

 private:
  const std::map<std::string, std::string>& recipe_;
};

std::string dumped(const WrittenJson& json) { return json.dump(2) + "\n"; }

template <size_t N>
std::string their_word(const std::pair<const char*, const char*> (&words)[N],
                       const std::string& key, const std::string& ours) {
  std::string known;
  for (const auto& [theirs, own] : words) {
    if (own == ours) return theirs;
    known += (known.empty() ? "" : ", ") + std::string(own);
  }
  throw ModelError(
      text_of(key, ": sentence-transformers has no '", ours, "'; what it has are ", known));
}

WrittenJson pooling(const std::string& kind, int64_t width) {
  const auto mode = their_word(kPoolingModes, "head.pool.kind", kind);
  WrittenJson json{{"word_embedding_dimension", width}};
  for (const auto& [theirs, own] : kPoolingModes) json[pooling_key(theirs)] = theirs == mode;
  return json;
}

}  // namespace

std::map<std::string, std::string> sentence_files(
    const std::map<std::string, std::string>& recipe) {
  const Values value(recipe);
  std::map<std::string, std::string> files;
  auto modules = WrittenJson::array();
  const auto add = [&](const std::string& type) {
    const auto place = std::to_string(modules.size());
    const auto folder = modules.empty() ? "" : place + "_" + type;
    modules.push_back({{"idx", modules.size()},
                       {"name", place},
                       {"path", folder},
                       {"type", "sentence_transformers.models." + type}});
    return folder + "/config.json";
  };
  add("Transformer");
  if (const auto longest = value.integer("input.max_length"); longest > 0)
    files["sentence_bert_config.json"] =
        dumped({{"max_seq_length", longest}, {"do_lower_case", false}});
  const auto width = value.integer("encoder.width");
  files[add("Pooling")] = dumped(pooling(value("head.pool.kind"), width));
  if (const auto own = value.integer("head.width"); own > 0)
    files[add("Dense")] =
        dumped({{"in_features", width},
                {"out_features", own},
                {"bias", value("head.bias") == "true"},
                {"activation_function",
                 their_word(kDenseActivations, "head.activation", value("head.activation"))}});
  if (value("head.normalize") == "true") add("Normalize");
  files["modules.json"] = dumped(modules);
  return files;
}

}  // namespace heed::pretrained
