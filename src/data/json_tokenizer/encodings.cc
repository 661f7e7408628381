#include "data/json_tokenizer/encodings.h"

#include <algorithm>

#include "heed/core/error.h"

namespace heed::data::json_tokenizer {
namespace {

/// Calls take(list of one, list of the other) for each of the lists.
template <class Take>
void for_each_list(Encoding& to, const Encoding& from, Take&& take) {
  take(to.ids, from.ids);
  take(to.tokens, from.tokens);
  take(to.type_ids, from.type_ids);
  take(to.offsets, from.offsets);
  take(to.byte_offsets, from.byte_offsets);
  take(to.words, from.words);
  take(to.sequence_ids, from.sequence_ids);
  take(to.special_tokens_mask, from.special_tokens_mask);
  take(to.attention_mask, from.attention_mask);
}

Encoding part_of(const Encoding& whole, int64_t begin, int64_t end) {
  Encoding part;
  for_each_list(part, whole, [&](auto& to, const auto& from) {
    if (!from.empty()) to.assign(from.begin() + begin, from.begin() + end);
  });
  return part;
}

}  // namespace

void append(Encoding& to, const Encoding& more) {
  std::vector<Encoding> overflowing;
  const auto join = [&](const Encoding& first, const Encoding& second) {
    auto joined = first;
    append(joined, second);
    overflowing.push_back(std::move(joined));
  };
  auto alone = more;
  alone.overflowing.clear();
  for (auto part : to.overflowing) {
    join(part, alone);
    for (const auto& other : more.overflowing) join(part, other);
  }
  if (!more.overflowing.empty()) {
    auto first = to;
    first.overflowing.clear();
    for (const auto& other : more.overflowing) join(first, other);
  }
  for_each_list(to, more, [](auto& list, const auto& rest) {
    list.insert(list.end(), rest.begin(), rest.end());
  });
  to.overflowing = std::move(overflowing);
}

void append_special(Encoding& to, int64_t id, const std::string& token, int64_t type_id) {
  for_each_part(to, [&](Encoding& part) {
    part.ids.push_back(id);
    part.tokens.push_back(token);
    part.type_ids.push_back(type_id);
    part.offsets.emplace_back();
    part.words.push_back(-1);
    part.sequence_ids.push_back(-1);
    part.special_tokens_mask.push_back(1);
    part.attention_mask.push_back(1);
  });
}

void truncate(Encoding& encoding, int64_t length, const Truncation& how) {
  const int64_t size = std::ssize(encoding.ids);
  if (length >= size) return;
  if (length == 0) {
    Encoding whole = std::move(encoding);
    encoding = {};
    encoding.overflowing.push_back(std::move(whole));
    return;
  }
  if (how.stride >= length)
    throw UsageError("truncation: expected a stride below the " + std::to_string(length) +
                     " tokens that are left of the length, given " + std::to_string(how.stride));
  const int64_t step = length - how.stride;
  Encoding kept;
  bool first = true;
  const auto take = [&](int64_t begin, int64_t end) {
    auto part = part_of(encoding, begin, end);
    if (first)
      kept = std::move(part);
    else
      kept.overflowing.push_back(std::move(part));
    first = false;
  };
  if (how.direction == Side::right) {
    for (int64_t begin = 0, end = 0; end < size; begin += step)
      end = std::min(begin + length, size), take(begin, end);
  } else {
    for (int64_t end = size, begin = size; begin > 0; end -= step)
      begin = std::max<int64_t>(end - length, 0), take(begin, end);
  }
  encoding = std::move(kept);
}

void truncate_all(std::vector<Encoding>& encodings, const Truncation& how) {
  const int64_t most = how.max_length;
  if (most == 0) {
    for (auto& one : encodings) truncate(one, 0, how);
    return;
  }
  const bool pair = encodings.size() > 1;
  const int64_t first = std::ssize(encodings[0].ids);
  const int64_t second = pair ? std::ssize(encodings[1].ids) : 0;
  const int64_t surplus = first + second - most;
  if (surplus <= 0) return;
  if (how.strategy == Truncation::Strategy::longest_first) {
    if (!pair) return truncate(encodings[0], most, how);
    int64_t shorter = std::min(first, second);
    int64_t longer = shorter > most ? shorter : std::max(shorter, most - shorter);
    if (shorter + longer > most) shorter = most / 2, longer = shorter + most % 2;
    const bool swapped = first > second;
    truncate(encodings[0], swapped ? longer : shorter, how);
    truncate(encodings[1], swapped ? shorter : longer, how);
    return;
  }
  const bool only_first = how.strategy == Truncation::Strategy::only_first;
  if (!only_first && !pair)
    throw UsageError("truncation: only_second of a single text; expected a pair");
  auto& target = encodings[only_first ? 0 : 1];
  const int64_t size = std::ssize(target.ids);
  if (size <= surplus)
    throw UsageError("truncation: " + std::to_string(surplus) + " tokens are too many, and the " +
                     std::string(only_first ? "first" : "second") + " text has " +
                     std::to_string(size));
  truncate(target, size - surplus, how);
}

}  // namespace heed::data::json_tokenizer

namespace heed::data {
namespace {

void pad_to(Encoding& encoding, int64_t length, const Padding& padding) {
  for (auto& part : encoding.overflowing) pad_to(part, length, padding);
  const int64_t missing = length - std::ssize(encoding.ids);
  if (missing <= 0) return;
  const auto fill = [&](auto& list, const auto& value) {
    const auto at = padding.direction == Side::left ? list.begin() : list.end();
    list.insert(at, static_cast<size_t>(missing), value);
  };
  fill(encoding.ids, padding.id);
  fill(encoding.tokens, padding.token);
  fill(encoding.type_ids, padding.type_id);
  fill(encoding.offsets, CharacterRange());
  fill(encoding.byte_offsets, ByteRange());
  fill(encoding.words, int64_t{-1});
  fill(encoding.sequence_ids, int64_t{-1});
  fill(encoding.special_tokens_mask, int64_t{1});
  fill(encoding.attention_mask, int64_t{0});
}

}  // namespace

void pad(std::span<Encoding> encodings, const Padding& padding) {
  int64_t length = padding.length.value_or(0);
  if (!padding.length)
    for (const auto& one : encodings) length = std::max(length, std::ssize(one.ids));
  if (padding.multiple_of > 0)
    length = (length + padding.multiple_of - 1) / padding.multiple_of * padding.multiple_of;
  for (auto& one : encodings) pad_to(one, length, padding);
}

}  // namespace heed::data
