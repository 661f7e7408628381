// Tokens by their beginnings: which of them a text begins with.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace heed::data::json_tokenizer {

class Trie {
 public:
  static constexpr uint32_t kNothing = UINT32_MAX;

  Trie() : Trie(std::vector<std::pair<std::string_view, uint32_t>>()) {}
  /// Tokens with a value each; of equal ones the last counts. Cost: sorting them.
  explicit Trie(std::vector<std::pair<std::string_view, uint32_t>> tokens);

  static constexpr uint32_t kRoot = 0;
  /// The node behind one more byte, kNothing where no token goes on so.
  uint32_t next(uint32_t node, uint8_t byte) const;
  /// Behind some bytes.
  uint32_t next(uint32_t node, std::string_view bytes) const;
  /// Of the token that ends in a node, or kNothing.
  uint32_t value(uint32_t node) const { return nodes_[node].value; }

  /// The longest token that text goes on with from `at`, and its end; kNothing where there is none.
  std::pair<uint32_t, size_t> longest(std::string_view text, size_t at,
                                      uint32_t node = kRoot) const;

 private:
  struct Node {
    uint32_t children = 0;  // the first; they lie behind each other
    uint32_t value = kNothing;
    uint16_t count = 0;
    uint8_t byte = 0;
  };
  std::vector<Node> nodes_;
  std::array<uint32_t, 256> first_{};  // children of the root
};

}  // namespace heed::data::json_tokenizer
