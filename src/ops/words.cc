// The table of words. A new one is a line here and a file word_*.cc that defines the function.
#include "heed/ops/words.h"

#include <unordered_map>

#include "heed/core/error.h"
#include "ops/word.h"

#define HEED_WORDS(word)                                                                           \
  word(scaled_dot) word(dot) word(general) word(cosine) word(additive) word(feed_forward)          \
      word(location) word(uniform) word(none) word(sinusoidal) word(learned) word(rope)            \
          word(sinusoidal_2d) word(learned_2d) word(rope_2d) word(alibi) word(relative) word(shaw) \
              word(transformer_xl) word(bias) word(softcap) word(sinks) word(talking) word(gate)   \
                  word(causal) word(window) word(prefix) word(global) word(dilated) word(strided)  \
                      word(fixed) word(random_blocks) word(lengths) word(documents) word(blocks)   \
                          word(dense) word(adaptive_span) word(softmax) word(sparsemax)            \
                              word(entmax15) word(entmax) word(sigmoid) word(hard) word(concat)    \
                                  word(sum)

namespace heed {
namespace ops {

#define HEED_DECLARE(name) Definition word_##name();
HEED_WORDS(HEED_DECLARE)

namespace {

const std::vector<Definition>& table() {
#define HEED_LIST(name) word_##name(),
  static const std::vector<Definition> definitions = {HEED_WORDS(HEED_LIST)};
  return definitions;
}

const std::unordered_map<std::string_view, const Definition*>& by_name() {
  static const auto map = [] {
    std::unordered_map<std::string_view, const Definition*> all;
    for (const auto& d : table()) all[d.word.name] = &d;
    return all;
  }();
  return map;
}

}  // namespace

const Definition& definition(const std::string& name) {
  const auto found = by_name().find(name);
  if (found == by_name().end()) throw UsageError("attention: unknown word '" + name + "'");
  return *found->second;
}

std::vector<Part> acting_parts(const Attention& how) {
  std::vector<Part> all = {how.score, how.position};
  all.insert(all.end(), how.modifiers.begin(), how.modifiers.end());
  for (const auto& mask : how.masks) {
    all.push_back(mask);
    all.insert(all.end(), mask.alternatives.begin(), mask.alternatives.end());
  }
  all.push_back(how.normalizer);
  return all;
}

std::vector<int64_t> number_a_head(const Part&, const kernels::Sizes& sizes) { return {sizes.H}; }
std::vector<int64_t> vector_a_head(const Part&, const kernels::Sizes& sizes) {
  return {sizes.H, sizes.D};
}
double one_over_root_width(const kernels::Sizes& sizes) {
  return 1 / std::sqrt(std::max(1.0, static_cast<double>(sizes.D)));
}

at::Tensor query_positions(const Scene& scene, const at::Tensor& scores) {
  const auto first = scene.row + scene.offset;
  return torch::arange(first, first + scores.size(2), scores.options().dtype(at::kLong))
      .unsqueeze(1);
}

at::Tensor key_positions(const Scene& scene, const at::Tensor& scores) {
  return torch::arange(scene.column, scene.column + scores.size(3),
                       scores.options().dtype(at::kLong));
}

}  // namespace ops

const std::vector<Word>& words() {
  static const auto all = [] {
    std::vector<Word> list;
    for (const auto& d : ops::table()) list.push_back(d.word);
    return list;
  }();
  return all;
}

const Word* find_word(std::string_view name) noexcept {
  const auto found = ops::by_name().find(name);
  return found == ops::by_name().end() ? nullptr : &found->second->word;
}

const char* to_text(Word::Kind kind) noexcept {
  constexpr const char* kNames[] = {"score", "position", "modifier", "mask", "normalizer", "merge"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace heed
