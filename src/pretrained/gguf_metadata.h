// The metadata of a GGUF file, read key by key, so that none that says what a model is stays unseen.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "heed/formats/gguf.h"

namespace heed::pretrained {

/// What is asked for counts as used. Functions throw ModelError that names file and key where a key
/// is missing or is of another type.
class GgufMetadata {
 public:
  GgufMetadata(const Gguf& gguf, std::string file) : gguf_(gguf), file_(std::move(file)) {}

  bool has(const std::string& key) const { return gguf_.metadata.contains(key); }
  int64_t integer(const std::string& key);
  int64_t integer(const std::string& key, int64_t otherwise);
  double number(const std::string& key);
  double number(const std::string& key, double otherwise);
  bool flag(const std::string& key, bool otherwise);
  std::string text(const std::string& key);
  std::string text(const std::string& key, const std::string& otherwise);
  const std::vector<std::string>& texts(const std::string& key);
  const std::vector<int64_t>& integers(const std::string& key);
  const std::vector<double>& numbers(const std::string& key);

  /// Refuses keys that begin so and were not asked for.
  void end(const std::string& prefix) const;

  [[noreturn]] void refuse(const std::string& key, const std::string& message) const;
  const std::string& file() const { return file_; }

 private:
  template <class T>
  const T& at(const std::string& key, const char* type);

  const Gguf& gguf_;
  std::string file_;
  std::set<std::string> used_;
};

/// tokenizer.json of the vocabulary in the file, and tokenizer_config.json.
struct GgufTokenizer {
  std::string json, config;
};
GgufTokenizer gguf_tokenizer(GgufMetadata& metadata);

}  // namespace heed::pretrained
