// A JSON object that others wrote, read key by key, so that none is left unseen.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/text.h"
#include "heed/core/fields.h"

namespace heed::pretrained {

/// config.json or an object in it. What is asked for counts as used; end() refuses the rest. A key
/// whose value is null counts as absent. Every function throws ModelError that names file and key.
class Config {
 public:
  /// Throws for what is not a JSON object.
  Config(std::string_view json, std::string file);
  Config(Config&&) noexcept;
  Config& operator=(Config&&) noexcept;
  ~Config();

  bool has(const std::string& key) const;
  /// Whether it is there and null.
  bool is_null(const std::string& key) const;
  /// Whether it is true; any other value is not.
  bool is_true(const std::string& key);

  /// Without `otherwise` the key must be there.
  int64_t integer(const std::string& key, const Bounds& bounds);
  int64_t integer(const std::string& key, const Bounds& bounds, int64_t otherwise);
  double number(const std::string& key, const Bounds& bounds);
  double number(const std::string& key, const Bounds& bounds, double otherwise);
  bool flag(const std::string& key, bool otherwise);
  std::string text(const std::string& key);
  std::string text(const std::string& key, const std::string& otherwise);
  /// A list of texts, or one text as a list of one; empty where the key is absent.
  std::vector<std::string> texts(const std::string& key);
  /// A list of numbers, or one number as a list of one; empty where the key is absent.
  std::vector<int64_t> integers(const std::string& key, const Bounds& bounds);
  std::vector<double> numbers(const std::string& key, const Bounds& bounds);
  /// A list of lists of numbers; empty where the key is absent.
  std::vector<std::vector<int64_t>> integer_lists(const std::string& key, const Bounds& bounds);
  /// An object, which is to be ended, too.
  std::optional<Config> object(const std::string& key);
  /// The same object with these keys alone, those of them that it has.
  Config part(const std::vector<std::string>& keys) const;
  /// The texts of an object whose keys are 0, 1, ...; empty where it is absent.
  std::vector<std::string> numbered_texts(const std::string& key);

  /// Refuses a key whose value is another than this JSON, which is what its absence means: `why` says
  /// what it would ask for.
  void only(const std::string& key, std::string_view json, const std::string& why);
  /// Keys that have no effect on what the model gives.
  void no_effect(const std::vector<std::string>& keys);

  /// Refuses the keys that nothing has asked for, with the nearest known one.
  void end();

  template <class... Pieces>
  [[noreturn]] void refuse(const std::string& key, const Pieces&... pieces) const {
    refuse_text(key, text_of(pieces...));
  }
  const std::string& file() const;

 private:
  struct Impl;
  explicit Config(std::unique_ptr<Impl> impl);
  [[noreturn]] void refuse_text(const std::string& key, const std::string& message) const;
  std::unique_ptr<Impl> impl_;
};

}  // namespace heed::pretrained
