#include "data/json_tokenizer/settings.h"

namespace heed::data::json_tokenizer {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 40;

bool is_there(const Json& root, const char* key) {
  const auto found = root.find(key);
  return found != root.end() && !found->is_null();
}

Side read_direction(const Reader& reader) {
  return static_cast<Side>(reader.word("direction", {"Left", "Right"}));
}

}  // namespace

std::optional<Truncation> read_truncation(const Json& root, const std::string& file) {
  if (!is_there(root, "truncation")) return {};
  const Reader reader(root.at("truncation"), "truncation", file,
                      {"direction", "max_length", "strategy", "stride"});
  return Truncation{.max_length = reader.number("max_length", 0, kMostTokens),
                    .stride = reader.number("stride", 0, kMostTokens),
                    .strategy = static_cast<Truncation::Strategy>(
                        reader.word("strategy", {"LongestFirst", "OnlyFirst", "OnlySecond"})),
                    .direction = reader.has("direction") ? read_direction(reader) : Side::right};
}

std::optional<Padding> read_padding(const Json& root, const std::string& file) {
  if (!is_there(root, "padding")) return {};
  const Reader reader(
      root.at("padding"), "padding", file,
      {"strategy", "direction", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token"});
  Padding padding;
  padding.direction = read_direction(reader);
  padding.id = reader.number("pad_id", 0, UINT32_MAX);
  padding.type_id = reader.number("pad_type_id", 0, UINT32_MAX);
  padding.token = reader.text("pad_token");
  if (reader.has("pad_to_multiple_of"))
    padding.multiple_of = reader.number("pad_to_multiple_of", 0, kMostTokens);
  if (reader.at("strategy").is_object()) {
    const Reader fixed(reader.at("strategy"), "padding.strategy", file, {"Fixed"});
    padding.length = fixed.number("Fixed", 0, kMostTokens);
  } else {
    reader.word("strategy", {"BatchLongest"});
  }
  return padding;
}

}  // namespace heed::data::json_tokenizer
