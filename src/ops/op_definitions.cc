// The table of words. A new one is a line here and a file op_*.cc that defines the function.
#include "heed/ops/op_kinds.h"

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "heed/core/error.h"
#include "ops/op_definition.h"

#define HEED_OPS(op)                                                                               \
  op(scaled_dot) op(dot) op(general) op(cosine) op(additive) op(feed_forward) op(location)         \
      op(uniform) op(none) op(sinusoidal) op(learned) op(rope) op(sinusoidal_2d) op(learned_2d)    \
          op(rope_2d) op(alibi) op(relative) op(shaw) op(transformer_xl) op(bias) op(softcap)      \
              op(sinks) op(talking) op(gate) op(causal) op(window) op(prefix) op(global)           \
                  op(dilated) op(strided) op(fixed) op(random_blocks) op(key_lengths)              \
                      op(segment_ids) op(block_mask) op(attn_mask) op(adaptive_span) op(softmax)   \
                          op(sparsemax) op(entmax15) op(entmax) op(sigmoid) op(hard) op(geometric) \
                              op(concat) op(sum)

namespace heed {
namespace ops {

#define HEED_DECLARE(name) OpDefinition op_##name();
HEED_OPS(HEED_DECLARE)

namespace {

/// What is known at a time. A table is never changed: a word that is added makes another, and those
/// before it stay, for whoever reads them.
struct Table {
  std::vector<std::shared_ptr<const OpDefinition>> definitions;
  std::unordered_map<std::string_view, const OpDefinition*> by_name;
  std::vector<OpKind> kinds;

  void add(std::shared_ptr<const OpDefinition> d) {
    by_name[d->kind.name] = d.get();
    kinds.push_back(d->kind);
    definitions.push_back(std::move(d));
  }
};

struct Tables {
  std::mutex adding;
  std::vector<std::unique_ptr<const Table>> all;
  std::atomic<const Table*> newest = nullptr;

  Tables() {
    auto first = std::make_unique<Table>();
#define HEED_ADD(name) first->add(std::make_shared<const OpDefinition>(op_##name()));
    HEED_OPS(HEED_ADD)
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

/// Made when the library is loaded, so that asking for a word needs no memory.
[[maybe_unused]] const Tables& made_early = tables();

const Table& known() { return *tables().newest.load(); }

}  // namespace

const OpDefinition& definition(const std::string& name) {
  const auto& by_name = known().by_name;
  const auto found = by_name.find(name);
  if (found == by_name.end()) throw UsageError("attention: unknown word '" + name + "'");
  return *found->second;
}

void add_definition(OpDefinition definition) {
  const std::lock_guard lock(tables().adding);
  const auto& name = definition.kind.name;
  if (known().by_name.count(name) || name == "num_heads" || name == "dropout")
    throw UsageError("attention: the word '" + name + "' is taken");
  auto table = std::make_unique<Table>(known());
  table->add(std::make_shared<const OpDefinition>(std::move(definition)));
  tables().publish(std::move(table));
}

std::vector<const OpSpec*> acting_ops(const Attention& how) {
  std::vector<const OpSpec*> all = {&how.score, &how.position};
  const auto add = [&](const std::vector<OpSpec>& specs) {
    for (const auto& op : specs) all.push_back(&op);
  };
  add(how.modifiers);
  for (const auto& mask : how.masks) {
    all.push_back(&mask);
    add(mask.alternatives);
  }
  all.push_back(&how.normalizer);
  return all;
}

std::vector<int64_t> number_a_head(const OpSpec&, const kernels::Sizes& sizes) { return {sizes.H}; }
std::vector<int64_t> vector_a_head(const OpSpec&, const kernels::Sizes& sizes) {
  return {sizes.H, sizes.D};
}
double one_over_root_width(const kernels::Sizes& sizes) {
  return 1 / std::sqrt(std::max(1.0, static_cast<double>(sizes.D)));
}

at::Tensor no_row_stats(const OpSpec&, const CallContext&, const at::Tensor& scores) {
  return torch::zeros({2, scores.size(0), scores.size(1), scores.size(2)}, scores.options())
      .detach();
}
at::Tensor first_row_stat(const OpSpec&, const CallContext&, const at::Tensor& row_stats) {
  return row_stats[0];
}

at::Tensor query_positions(const CallContext& context, const at::Tensor& scores) {
  const auto first = context.row + context.offset;
  return torch::arange(first, first + scores.size(2), scores.options().dtype(at::kLong))
      .unsqueeze(1);
}

at::Tensor key_positions(const CallContext& context, const at::Tensor& scores) {
  return torch::arange(context.column, context.column + scores.size(3),
                       scores.options().dtype(at::kLong));
}

}  // namespace ops

const std::vector<OpKind>& op_kinds() { return ops::known().kinds; }

const OpKind* find_op_kind(std::string_view name) noexcept {
  const auto& by_name = ops::known().by_name;
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : &found->second->kind;
}

const char* to_text(OpKind::Role role) noexcept {
  constexpr const char* kNames[] = {"score", "position", "modifier", "mask", "normalizer", "merge"};
  return kNames[static_cast<int>(role)];
}

}  // namespace heed
