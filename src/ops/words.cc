// The table of words. A new one is a line here and a file word_*.cc that defines the function.
#include "heed/ops/words.h"

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "heed/core/error.h"
#include "ops/word.h"

#define HEED_WORDS(word)                                                                           \
  word(scaled_dot) word(dot) word(general) word(cosine) word(additive) word(feed_forward)          \
      word(location) word(uniform) word(none) word(sinusoidal) word(learned) word(rope)            \
          word(sinusoidal_2d) word(learned_2d) word(rope_2d) word(alibi) word(relative) word(shaw) \
              word(transformer_xl) word(bias) word(softcap) word(sinks) word(talking) word(gate)   \
                  word(causal) word(window) word(prefix) word(global) word(dilated) word(strided)  \
                      word(fixed) word(random_blocks) word(key_lengths) word(segment_ids)          \
                          word(block_mask) word(attn_mask) word(adaptive_span) word(softmax)       \
                              word(sparsemax) word(entmax15) word(entmax) word(sigmoid) word(hard) \
                                  word(geometric) word(concat) word(sum)

namespace heed {
namespace ops {

#define HEED_DECLARE(name) Definition word_##name();
HEED_WORDS(HEED_DECLARE)

namespace {

/// What is known at a time. A table is never changed: a word that is added makes another, and those
/// before it stay, for whoever reads them.
struct Table {
  std::vector<std::shared_ptr<const Definition>> definitions;
  std::unordered_map<std::string_view, const Definition*> by_name;
  std::vector<Word> words;

  void add(std::shared_ptr<const Definition> d) {
    by_name[d->word.name] = d.get();
    words.push_back(d->word);
    definitions.push_back(std::move(d));
  }
};

struct Tables {
  std::mutex adding;
  std::vector<std::unique_ptr<const Table>> all;
  std::atomic<const Table*> newest = nullptr;

  Tables() {
    auto first = std::make_unique<Table>();
#define HEED_ADD(name) first->add(std::make_shared<const Definition>(word_##name()));
    HEED_WORDS(HEED_ADD)
    publish(std::move(first));
  }
  void publish(std::unique_ptr<const Table> table) {
    newest.store(table.get());
    all.push_back(std::move(table));
  }
};

Tables& tables() {
  static Tables only;
  return only;
}

const Table& known() { return *tables().newest.load(); }

}  // namespace

const Definition& definition(const std::string& name) {
  const auto& by_name = known().by_name;
  const auto found = by_name.find(name);
  if (found == by_name.end()) throw UsageError("attention: unknown word '" + name + "'");
  return *found->second;
}

void add_definition(Definition definition) {
  const std::lock_guard lock(tables().adding);
  const auto& name = definition.word.name;
  if (known().by_name.count(name) || name == "num_heads" || name == "dropout")
    throw UsageError("attention: the word '" + name + "' is taken");
  auto table = std::make_unique<Table>(known());
  table->add(std::make_shared<const Definition>(std::move(definition)));
  tables().publish(std::move(table));
}

std::vector<const Part*> acting_parts(const Attention& how) {
  std::vector<const Part*> all = {&how.score, &how.position};
  const auto add = [&](const std::vector<Part>& parts) {
    for (const auto& part : parts) all.push_back(&part);
  };
  add(how.modifiers);
  for (const auto& mask : how.masks) {
    all.push_back(&mask);
    add(mask.alternatives);
  }
  all.push_back(&how.normalizer);
  return all;
}

std::vector<int64_t> number_a_head(const Part&, const kernels::Sizes& sizes) { return {sizes.H}; }
std::vector<int64_t> vector_a_head(const Part&, const kernels::Sizes& sizes) {
  return {sizes.H, sizes.D};
}
double one_over_root_width(const kernels::Sizes& sizes) {
  return 1 / std::sqrt(std::max(1.0, static_cast<double>(sizes.D)));
}

at::Tensor no_row_stats(const Part&, const Scene&, const at::Tensor& scores) {
  return torch::zeros({2, scores.size(0), scores.size(1), scores.size(2)}, scores.options())
      .detach();
}
at::Tensor first_row_stat(const Part&, const Scene&, const at::Tensor& row_stats) {
  return row_stats[0];
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

const std::vector<Word>& words() { return ops::known().words; }

const Word* find_word(std::string_view name) noexcept {
  const auto& by_name = ops::known().by_name;
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : &found->second->word;
}

const char* to_text(Word::Kind kind) noexcept {
  constexpr const char* kNames[] = {"score", "position", "modifier", "mask", "normalizer", "merge"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace heed
