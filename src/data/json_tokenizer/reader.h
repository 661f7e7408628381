// A tokenizer.json: its parts with their place in the file, for messages. The vocabulary and the merges, which are nearly all
// of it, go into flat tables.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace heed::data::json_tokenizer {

using Json = nlohmann::json;

/// The items of model.vocab or model.merges, one text behind another.
struct ItemTable {
  enum class Shape {
    absent,
    numbers,  ///< {"text": number, ...}
    scores,   ///< [["text", number], ...]
    texts,    ///< ["text", ...]
    pairs     ///< [["text", "text"], ...]: two texts an item
  };
  Shape shape = Shape::absent;
  std::string bytes;
  std::vector<size_t> ends;     // of each text
  std::vector<double> numbers;  // numbers, scores

  size_t texts() const { return ends.size(); }
  std::string_view text(size_t i) const {
    const size_t begin = i == 0 ? 0 : ends[i - 1];
    return std::string_view(bytes).substr(begin, ends[i] - begin);
  }
};

struct ParsedFile {
  Json root;
  ItemTable vocab, merges;
};

/// Throws ModelError that names file and byte or path: no JSON, no object, a key twice, more than 64 values in values, what
/// is neither shape of a vocabulary or of merges.
ParsedFile parse_file(std::string_view bytes, const std::string& file);

/// An object of the file. Every function throws ModelError with file and path.
class Reader {
 public:
  /// `known`: the keys it may have.
  Reader(const Json& object, std::string path, const std::string& file,
         std::initializer_list<const char*> known);

  bool has(const char* key) const;  ///< there and not null
  const Json& at(const char* key) const;
  std::string text(const char* key) const;
  bool flag(const char* key) const;
  int64_t number(const char* key, int64_t least, int64_t most) const;
  const Json& list(const char* key) const;
  /// A text of one character.
  uint32_t character(const char* key) const;
  /// One of a few words, by its place among them.
  size_t word(const char* key, const std::vector<std::string>& words) const;

  std::string path(const char* key) const { return path_ + "." + key; }
  const std::string& path() const { return path_; }
  const std::string& file() const { return file_; }
  [[noreturn]] void refuse(const std::string& key, const std::string& what) const;

 private:
  const Json& object_;
  std::string path_;
  const std::string& file_;
};

[[noreturn]] void refuse_at(const std::string& file, const std::string& path,
                            const std::string& what);

/// The key "type" of a component. Throws ModelError where `value` is no object or has none.
std::string type_of(const Json& value, const std::string& path, const std::string& file);

/// Throws ModelError that lists the known components of a kind.
[[noreturn]] void refuse_type(const std::string& type, const std::string& path,
                              const std::string& file, const std::vector<std::string>& known);

/// What stands in a file where something else was expected, for messages: "a text", "the number 3".
std::string described(const Json& value);

}  // namespace heed::data::json_tokenizer
