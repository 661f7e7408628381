#include "heed/lens/heads.h"

#include <algorithm>

#include "core/text.h"
#include "heed/core/error.h"
#include "lens/explain/activations.h"
#include "lens/explain/methods.h"

namespace heed::lens {
namespace {

constexpr int64_t kCopiesTogether = 64;

/// Copy b of the batch lacks head heads[b] of all of the model's.
class HeadAway : public nn::Probe {
 public:
  /// `places`: the number of the call and of its head. `in_place`: (B, Lq, E) or broadcastable, of a call and a head.
  using Given = std::function<at::Tensor(size_t call, int64_t head)>;
  HeadAway(std::vector<std::pair<size_t, int64_t>> places, Given given)
      : places_(std::move(places)), given_(std::move(given)) {}

  at::Tensor attended(const nn::AttentionCall&, const at::Tensor& heads) override {
    const size_t call = next_++;
    auto changed = heads;
    const int64_t each = heads.size(0) / std::ssize(places_);
    for (size_t b = 0; b < places_.size(); ++b) {
      if (places_[b].first != call) continue;
      if (changed.is_same(heads)) changed = heads.clone();
      const int64_t head = places_[b].second;
      changed.narrow(0, static_cast<int64_t>(b) * each, each)
          .select(1, head)
          .copy_(given_(call, head).to(heads.scalar_type()));
    }
    return changed;
  }

 private:
  std::vector<std::pair<size_t, int64_t>> places_;
  Given given_;
  size_t next_ = 0;
};

/// Copy b of the batch lacks block b: what it would have added becomes something else.
class BlockAway : public nn::Probe {
 public:
  using Given = std::function<at::Tensor(size_t block)>;
  BlockAway(std::vector<size_t> blocks, Given given)
      : blocks_(std::move(blocks)), given_(std::move(given)) {}

  at::Tensor entering(torch::nn::Module&, const at::Tensor& x, const AttendInputs&) override {
    return before_ = x;
  }
  at::Tensor leaving(torch::nn::Module&, const at::Tensor& x) override {
    const size_t number = next_++;
    auto changed = x;
    const int64_t each = x.size(0) / std::ssize(blocks_);
    for (size_t b = 0; b < blocks_.size(); ++b) {
      if (blocks_[b] != number) continue;
      if (changed.is_same(x)) changed = x.clone();
      const auto first = static_cast<int64_t>(b) * each;
      changed.narrow(0, first, each)
          .copy_(before_.narrow(0, first, each) + given_(number).to(x.scalar_type()));
    }
    return changed;
  }

 private:
  std::vector<size_t> blocks_;
  Given given_;
  size_t next_ = 0;
  at::Tensor before_;
};

void check_alike(const std::vector<Activations>& all) {
  for (const auto& one : all)
    if (one.calls.size() != all.front().calls.size() ||
        one.blocks.size() != all.front().blocks.size())
      throw UsageError(
          "explain: examples for which the model calls other attentions have no common heads");
}

std::vector<Activations> activations_of(const std::vector<Question>& examples) {
  if (examples.empty()) throw UsageError("explain: expected at least one example");
  std::vector<Activations> all;
  for (const auto& example : examples) all.push_back(Activations::of(example));
  check_alike(all);
  return all;
}

/// Rows of what all examples have at a place, (N, width) float64.
template <class At>
at::Tensor pooled(const std::vector<Activations>& all, const At& at_place) {
  std::vector<at::Tensor> rows;
  for (const auto& one : all) rows.push_back(at_place(one).flatten(0, -2).to(at::kDouble));
  return at::cat(rows);
}

/// What stands in for rows x width numbers.
at::Tensor replacement(const at::Tensor& pool, int64_t rows, const AblationOptions& options,
                       uint64_t place) {
  if (options.by == Ablation::zero) return at::zeros({1, pool.size(1)}, at::kDouble);
  if (options.by == Ablation::mean) return pool.mean(0, true);
  auto generator = at::detail::createCPUGenerator(options.seed * 1000003 + place);
  return pool.index_select(0, at::randint(pool.size(0), {rows}, generator, at::kLong));
}

template <class Away, class Places, class Given>
std::vector<double> values_without(const Question& example, const Places& places,
                                   const Given& given) {
  const at::NoGradGuard no_grad;
  std::vector<double> all;
  for (size_t first = 0; first < places.size(); first += kCopiesTogether) {
    const auto last = std::min(places.size(), first + kCopiesTogether);
    const Places part(places.begin() + static_cast<int64_t>(first),
                      places.begin() + static_cast<int64_t>(last));
    const Away away(part, given);
    const at::Tensor values = example.ask(std::ssize(part)).value.to(at::kDouble).contiguous();
    all.insert(all.end(), values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
  }
  return all;
}

double value_of(const Question& example) {
  const at::NoGradGuard no_grad;
  return example.ask().value[0].template item<double>();
}

}  // namespace

HeadScores head_importance(const std::vector<Question>& examples) {
  const auto all = activations_of(examples);
  HeadScores result;
  result.aim = examples.front().aim;
  for (const auto& call : all.front().calls) {
    result.layers.push_back(call.call.name);
    result.values.push_back(at::zeros({call.heads.size(1)}, at::kDouble));
  }
  const double share = 1 / double(examples.size());
  for (const auto& example : examples) {
    const auto [value, heads] = heads_with_gradient(example);
    const auto gradients = gradients_of(value, heads);
    result.whole += value.item<double>() * share;
    for (size_t i = 0; i < heads.size(); ++i)
      result.values[i] +=
          (heads[i].detach().to(at::kDouble) * gradients[i]).sum({0, 2, 3}).abs() * share;
  }
  return result;
}

HeadScores ablate_heads(const std::vector<Question>& examples, const AblationOptions& options) {
  const at::NoGradGuard no_grad;
  const auto all = activations_of(examples);
  HeadScores result;
  result.aim = examples.front().aim;
  std::vector<std::pair<size_t, int64_t>> places;
  for (size_t i = 0; i < all.front().calls.size(); ++i) {
    const auto& call = all.front().calls[i];
    result.layers.push_back(call.call.name);
    result.values.push_back(at::zeros({call.heads.size(1)}, at::kDouble));
    for (int64_t h = 0; h < call.heads.size(1); ++h) places.emplace_back(i, h);
  }
  const double share = 1 / double(examples.size());
  for (size_t e = 0; e < examples.size(); ++e) {
    const double whole = value_of(examples[e]);
    const auto given = [&](size_t call, int64_t head) {
      const auto pool = pooled(
          all, [&](const Activations& one) { return one.calls[call].heads.select(1, head); });
      const int64_t rows = all[e].calls[call].heads.size(2);
      return replacement(pool, rows, options, call * 1000 + static_cast<uint64_t>(head));
    };
    const auto values = values_without<HeadAway>(examples[e], places, given);
    for (size_t i = 0; i < places.size(); ++i)
      result.values[places[i].first][places[i].second] += (values[i] - whole) * share;
    result.whole += whole * share;
  }
  return result;
}

HeadScores ablate_layers(const std::vector<Question>& examples, const AblationOptions& options) {
  const at::NoGradGuard no_grad;
  const auto all = activations_of(examples);
  HeadScores result;
  result.aim = examples.front().aim;
  std::vector<size_t> blocks;
  for (size_t i = 0; i < all.front().blocks.size(); ++i) {
    blocks.push_back(i);
    result.layers.push_back(text_of("layer ", i + 1));
    result.values.push_back(at::zeros({1}, at::kDouble));
  }
  if (blocks.empty())
    throw UsageError("explain: the model has no Transformer blocks that could be left out");
  const double share = 1 / double(examples.size());
  for (size_t e = 0; e < examples.size(); ++e) {
    const double whole = value_of(examples[e]);
    const auto given = [&](size_t block) {
      const auto pool = pooled(all, [&](const Activations& one) {
        return one.blocks[block].after - one.blocks[block].before;
      });
      return replacement(pool, all[e].blocks[block].before.size(1), options, block);
    };
    const auto values = values_without<BlockAway>(examples[e], blocks, given);
    for (size_t i = 0; i < blocks.size(); ++i) result.values[i] += (values[i] - whole) * share;
    result.whole += whole * share;
  }
  return result;
}

at::Tensor AblatedHeads::attended(const nn::AttentionCall& call, const at::Tensor& heads) {
  const auto found = heads_.find(call.name);
  if (found == heads_.end()) return heads;
  auto changed = heads.clone();
  for (const int64_t head : found->second) {
    if (head < 0 || head >= heads.size(1))
      throw UsageError(
          text_of(call.name, ": expected a head of 0 to ", heads.size(1) - 1, ", given ", head));
    changed.select(1, head).zero_();
  }
  return changed;
}

}  // namespace heed::lens
