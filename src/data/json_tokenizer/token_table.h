// Tokens and their ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/json_tokenizer/reader.h"

namespace heed::data::json_tokenizer {

inline constexpr int64_t kMostIds = int64_t{1} << 27;  // a file names an id of more by mistake

class TokenTable {
 public:
  /// {"token": id, ...}. Throws ModelError: a token or an id twice, no whole number, an id of 2^27 or more.
  static TokenTable of_ids(const ItemTable& vocab, const std::string& file);
  /// [["token", score], ...]: ids 0, 1, ...; of a token that stands there twice find() gives the last.
  static TokenTable of_list(const ItemTable& vocab);

  /// False where there is the token already, and then nothing changes.
  bool add(std::string_view token, uint32_t id);

  int64_t find(std::string_view token) const;  ///< -1 where there is none
  /// Empty where the id has none.
  std::string_view token(uint32_t id) const;
  bool has(int64_t id) const {
    return id >= 0 && id < std::ssize(by_id_) && by_id_[static_cast<size_t>(id)].length != kNone;
  }
  size_t count() const { return count_; }
  size_t id_end() const { return by_id_.size(); }  ///< the largest id + 1

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  struct Place {
    uint32_t offset = 0, length = kNone;
  };
  size_t slot_of(std::string_view token) const;
  void grow();
  void put(std::string_view token, uint32_t id);

  std::string bytes_;
  std::vector<Place> by_id_;
  std::vector<uint32_t> slots_;  // ids; the table of an open hash
  size_t count_ = 0;
};

}  // namespace heed::data::json_tokenizer
