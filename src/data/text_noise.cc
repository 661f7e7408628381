#include "data/text_noise.h"

#include <vector>

namespace heed::data {
namespace {

bool is_white(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// White space and the word behind it; the last may have no word.
struct SpacedWord {
  std::string_view space, word;
};

std::vector<SpacedWord> spaced_words(std::string_view text) {
  std::vector<SpacedWord> words;
  while (!text.empty()) {
    size_t begin = 0;
    while (begin < text.size() && is_white(text[begin])) ++begin;
    size_t end = begin;
    while (end < text.size() && !is_white(text[end])) ++end;
    words.push_back({text.substr(0, begin), text.substr(begin, end - begin)});
    text.remove_prefix(end);
  }
  return words;
}

/// The characters of a word of UTF-8: bytes that go on belong to the one before.
std::vector<std::string> characters_of(std::string_view word) {
  std::vector<std::string> all;
  for (const char c : word) {
    const bool goes_on = (static_cast<unsigned char>(c) & 0xC0) == 0x80;
    if (!goes_on || all.empty()) all.emplace_back();
    all.back() += c;
  }
  return all;
}

std::string misspelt(std::string_view word, Random& random) {
  auto characters = characters_of(word);
  const auto count = static_cast<uint32_t>(characters.size());
  if (count < 2) return std::string(word);
  const uint32_t at = random.below(count);
  auto& one = characters[at];
  switch (random.below(4)) {
    case 0:
      one.clear();
      break;
    case 1:
      one += one;
      break;
    case 2:
      std::swap(one, characters[at + 1 < count ? at + 1 : at - 1]);
      break;
    default:
      one = std::string(1, static_cast<char>('a' + random.below(26)));
  }
  std::string out;
  for (const auto& character : characters) out += character;
  return out;
}

}  // namespace

std::string with_typos(std::string_view text, double probability, Random random) {
  std::string out;
  for (const auto& [space, word] : spaced_words(text)) {
    out += space;
    const bool typo = random.uniform() < static_cast<float>(probability);
    out += typo ? misspelt(word, random) : std::string(word);
  }
  return out;
}

std::string without_some_words(std::string_view text, double probability, Random random) {
  std::vector<SpacedWord> words = spaced_words(text), kept;
  for (const auto& each : words)
    if (random.uniform() >= static_cast<float>(probability) || each.word.empty())
      kept.push_back(each);
  std::vector<SpacedWord> real;
  for (const auto& each : words)
    if (!each.word.empty()) real.push_back(each);
  bool some = false;
  for (const auto& each : kept) some = some || !each.word.empty();
  if (!some && !real.empty())
    return std::string(real[random.below(static_cast<uint32_t>(real.size()))].word);
  std::string out;
  for (const auto& [space, word] : kept) {
    if (!out.empty() || word.empty()) out += space;
    out += word;
  }
  return out;
}

}  // namespace heed::data
