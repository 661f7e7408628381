#include "data/json_tokenizer/trie.h"

#include <algorithm>

namespace heed::data::json_tokenizer {

Trie::Trie(std::vector<std::pair<std::string_view, uint32_t>> tokens) {
  std::stable_sort(tokens.begin(), tokens.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  // Nodes level by level; of each, which tokens begin with it.
  struct Range {
    size_t begin, end;
  };
  std::vector<Range> ranges{{0, tokens.size()}};
  nodes_.resize(1);
  size_t level_end = 1, depth = 0;
  for (size_t node = 0; node < nodes_.size(); ++node) {
    if (node == level_end) level_end = nodes_.size(), ++depth;
    auto [begin, end] = ranges[node];
    for (; begin < end && tokens[begin].first.size() == depth; ++begin)
      nodes_[node].value = tokens[begin].second;
    nodes_[node].children = static_cast<uint32_t>(nodes_.size());
    while (begin < end) {
      const auto byte = static_cast<uint8_t>(tokens[begin].first[depth]);
      size_t last = begin;
      while (last < end && static_cast<uint8_t>(tokens[last].first[depth]) == byte) ++last;
      ++nodes_[node].count;
      nodes_.push_back({.byte = byte});
      ranges.push_back({begin, last});
      begin = last;
    }
  }
  first_.fill(kNothing);
  for (uint32_t i = 0; i < nodes_[0].count; ++i)
    first_[nodes_[nodes_[0].children + i].byte] = nodes_[0].children + i;
}

uint32_t Trie::next(uint32_t node, uint8_t byte) const {
  if (node == kRoot) return first_[byte];
  const auto* child = nodes_.data() + nodes_[node].children;
  const auto* end = child + nodes_[node].count;
  constexpr uint16_t kFew = 8;
  if (nodes_[node].count > kFew)
    child = std::lower_bound(child, end, byte, [](const Node& n, uint8_t b) { return n.byte < b; });
  for (; child != end && child->byte <= byte; ++child)
    if (child->byte == byte) return static_cast<uint32_t>(child - nodes_.data());
  return kNothing;
}

uint32_t Trie::next(uint32_t node, std::string_view bytes) const {
  for (const char byte : bytes)
    if (node != kNothing) node = next(node, static_cast<uint8_t>(byte));
  return node;
}

std::pair<uint32_t, size_t> Trie::longest(std::string_view text, size_t at, uint32_t node) const {
  std::pair<uint32_t, size_t> found{kNothing, at};
  while (node != kNothing && at < text.size()) {
    node = next(node, static_cast<uint8_t>(text[at++]));
    if (node != kNothing && value(node) != kNothing) found = {value(node), at};
  }
  return found;
}

}  // namespace heed::data::json_tokenizer
