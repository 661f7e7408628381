// SentencePiece's own normalization, precompiled: a trie (Darts' double array) of what is replaced, and the replacements.
// tokenizers looks up whole grapheme clusters of less than six bytes, of which it replaces all by what their shortest known
// beginning becomes, and single characters otherwise.
#include <algorithm>
#include <optional>

#include "core/utf8.h"
#include "data/json_tokenizer/grapheme.h"
#include "data/json_tokenizer/normalizer.h"

namespace heed::data::json_tokenizer {
namespace {

constexpr size_t kLongestCluster = 5;

/// The bytes of a text in base64 (RFC 4648, with padding); none where it is none.
std::optional<std::string> from_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.size() % 4 != 0) return {};
  std::string bytes;
  uint32_t bits = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool padding =
        text[i] == '=' && i + 2 >= text.size() && (i + 1 == text.size() || text[i + 1] == '=');
    const size_t digit = padding ? 0 : kDigits.find(text[i]);
    if (digit == kDigits.npos) return {};
    bits = bits << 6 | static_cast<uint32_t>(digit);
    if (i % 4 != 3) continue;
    for (const int shift : {16, 8, 0}) bytes += static_cast<char>(bits >> shift & 0xFF);
    bits = 0;
  }
  for (size_t i = text.size(); i > 0 && text[i - 1] == '='; --i) bytes.pop_back();
  return bytes;
}

uint32_t little_endian(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 4; i > 0; --i) value = value << 8 | static_cast<uint8_t>(bytes[at + i - 1]);
  return value;
}

class Precompiled : public Normalizer {
 public:
  Precompiled(std::vector<uint32_t> units, std::string replacements)
      : units_(std::move(units)), replacements_(std::move(replacements)) {}

  void normalize(Text& text) const override {
    std::vector<Changed> changed;
    changed.reserve(text.bytes.size());
    bool any = false;
    for (size_t at = 0; at < text.bytes.size();) {
      const size_t end = grapheme_end(text.bytes, at);
      const auto cluster = std::string_view(text.bytes).substr(at, end - at);
      if (cluster.size() > kLongestCluster || !replace(cluster, changed, any))
        replace_characters(cluster, changed, any);
      at = end;
    }
    if (any) change(text, changed);
  }

 private:
  void replace_characters(std::string_view cluster, std::vector<Changed>& changed,
                          bool& any) const {
    for (size_t at = 0; at < cluster.size();) {
      const size_t from = at;
      const uint32_t code = next_character(cluster, at);
      if (!replace(cluster.substr(from, at - from), changed, any)) changed.push_back({code, 0});
    }
  }

  /// Appends what a part becomes; false where it stays.
  bool replace(std::string_view part, std::vector<Changed>& changed, bool& any) const {
    const auto by = replacement(part);
    if (!by) return false;
    any = true;
    const auto before = static_cast<int>(std::count_if(part.begin(), part.end(), begins_character));
    const auto first = static_cast<int64_t>(changed.size());
    for (size_t at = 0; at < by->size();) changed.push_back({next_character(*by, at), 0});
    const int more = static_cast<int>(std::ssize(changed) - first) - before;
    // More characters than before are new; fewer are taken out behind the last one, whichever that is.
    for (int i = 0; i < more; ++i) changed[changed.size() - 1 - static_cast<size_t>(i)].change = 1;
    if (more < 0 && !changed.empty()) changed.back().change += more;
    return true;
  }

  /// Of the shortest beginning of a part that has one.
  std::optional<std::string_view> replacement(std::string_view part) const {
    const auto offset = [](uint32_t unit) { return unit >> 10 << ((unit & 1u << 9) >> 6); };
    const auto unit_at = [&](size_t node) { return node < units_.size() ? units_[node] : 0; };
    size_t node = offset(units_[0]);
    for (const char c : part) {
      const auto byte = static_cast<uint8_t>(c);
      if (byte == 0) return {};
      node ^= byte;
      const uint32_t unit = unit_at(node);
      if ((unit & (1u << 31 | 0xFF)) != byte) return {};
      node ^= offset(unit);
      if ((unit >> 8 & 1) == 0) continue;
      const size_t begin = unit_at(node) & ~(1u << 31);
      if (begin >= replacements_.size()) return {};
      const std::string_view rest = std::string_view(replacements_).substr(begin);
      return rest.substr(0, rest.find('\0'));
    }
    return {};
  }

  std::vector<uint32_t> units_;
  std::string replacements_;
};

}  // namespace

NormalizerPtr make_precompiled(const Reader& reader) {
  const char* key = "precompiled_charsmap";
  const auto bytes = from_base64(reader.text(key));
  if (!bytes) reader.refuse(key, "expected base64");
  const size_t trie = bytes->size() < 4 ? 0 : little_endian(*bytes, 0);
  if (trie < 4 || trie % 4 != 0 || trie > bytes->size() - 4)
    reader.refuse(key, "expected the length of a trie, the trie and texts");
  std::vector<uint32_t> units(trie / 4);
  for (size_t i = 0; i < units.size(); ++i) units[i] = little_endian(*bytes, 4 + 4 * i);
  std::string replacements = bytes->substr(4 + trie);
  if (invalid_utf8(replacements) != std::string::npos)
    reader.refuse(key, "texts that are no UTF-8");
  return std::make_unique<Precompiled>(std::move(units), std::move(replacements));
}

}  // namespace heed::data::json_tokenizer
