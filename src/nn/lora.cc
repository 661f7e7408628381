#include "heed/nn/lora.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>

#include "core/text.h"
#include "heed/nn/feed_forward.h"
#include "heed/nn/multi_head_attention.h"
#include "heed/ops/dropout.h"
#include "nn/linear.h"

namespace heed::nn {
namespace {

constexpr const char* kChild = "lora_";
const std::vector<std::string> kTargets{"query", "key", "value", "output", "up", "gate", "down"};

/// Rows of a layer that a target stands for.
struct TargetRows {
  std::string target;
  torch::nn::Linear layer;
  int64_t first, rows;
};

std::vector<TargetRows> targets_of(torch::nn::Module& module) {
  std::vector<TargetRows> all;
  const auto whole = [&](const char* target, const torch::nn::Linear& layer) {
    if (layer) all.push_back({target, layer, 0, layer->weight.size(0)});
  };
  if (auto* attention = module.as<MultiHeadAttentionImpl>()) {
    const int64_t q = attention->query_rows(), k = attention->key_rows(),
                  v = attention->value_rows();
    const auto& keys = attention->qkv ? attention->qkv : attention->key_value;
    const int64_t before = attention->qkv ? q : 0;
    all.push_back({"query", attention->qkv ? attention->qkv : attention->query, 0, q});
    all.push_back({"key", keys, before, k});
    all.push_back({"value", keys, before + k, v});
    whole("output", attention->output);
  } else if (auto* forward = module.as<FeedForwardImpl>()) {
    whole("up", forward->up), whole("gate", forward->gate), whole("down", forward->down);
  }
  return all;
}

}  // namespace

void LoraOptions::check() const {
  if (rank > 0 && targets.empty()) throw ModelError("targets: expected a layer, given none");
  for (const auto& target : targets) check_word("targets", target, kTargets);
}

LoraImpl::LoraImpl(int64_t in, int64_t rows, int64_t first, const LoraOptions& options)
    : options(options), in(in), rows(rows), first(first) {
  reset();
}

void LoraImpl::reset() {
  const double end = 1 / std::sqrt(static_cast<double>(in));
  a = register_parameter("a", at::empty({options.rank, in}).uniform_(-end, end));
  b = register_parameter("b", at::zeros({rows, options.rank}));
}

at::Tensor LoraImpl::forward(const at::Tensor& x) {
  const auto low = affine(heed::dropout(x, options.dropout, is_training()), a, {});  // (..., r)
  return affine(low, b, {}) * (options.alpha / static_cast<double>(options.rank));
}

void add_lora(torch::nn::Module& model, const LoraOptions& options,
              const std::function<bool(const std::string&)>& takes) {
  options.check();
  std::map<std::string, int64_t> found;
  for (const auto& module : model.named_modules()) {
    if (takes && !takes(module.key() + ".")) continue;
    for (auto& [target, layer, first, rows] : targets_of(*module.value())) {
      const auto& wanted = options.targets;
      if (std::find(wanted.begin(), wanted.end(), target) == wanted.end()) continue;
      ++found[target];
      Lora lora(layer->weight.size(1), rows, first, options);
      lora->to(layer->weight.scalar_type());
      lora->train(layer->is_training());
      layer->register_module(kChild + std::to_string(first), lora);
    }
  }
  for (const auto& target : options.targets)
    if (found[target] == 0)
      throw ModelError("targets: the model has no layer '" + target + "'; leave it out");
}

bool is_lora(const std::string& name) { return name.find(kLoraInName) != std::string::npos; }

TensorsByName merged_lora(const TensorsByName& tensors, double alpha, int64_t rank) {
  std::map<std::string, at::Tensor> by_name(tensors.begin(), tensors.end());
  std::map<std::string, at::Tensor> changed;
  TensorsByName merged;
  for (const auto& [name, a] : tensors) {
    if (!is_lora(name) || !name.ends_with(".a")) continue;
    const auto at = name.find(kLoraInName);
    const auto weight = name.substr(0, at) + ".weight";
    const auto b = by_name.find(name.substr(0, name.size() - 1) + "b");
    const auto whole = by_name.find(weight);
    const auto first = std::stoll(name.substr(at + std::strlen(kLoraInName)));
    const bool fits = b != by_name.end() && whole != by_name.end() && b->second.dim() == 2 &&
                      a.dim() == 2 && a.size(0) == rank && b->second.size(1) == rank &&
                      whole->second.dim() == 2 && whole->second.size(1) == a.size(1) &&
                      first + b->second.size(0) <= whole->second.size(0);
    if (!fits)
      throw ModelError(text_of("tensor '", name, "': no adapter of rank ", rank, " of '", weight,
                               "'; the recipe and the tensors do not belong together"));
    auto& sum = changed[weight];
    if (!sum.defined()) sum = whole->second.clone();
    const auto product = b->second.to(at::kDouble).matmul(a.to(at::kDouble));
    sum.narrow(0, first, b->second.size(0)).add_(product.mul_(alpha / static_cast<double>(rank)));
  }
  for (const auto& [name, tensor] : tensors) {
    const auto& own = name;
    if (!is_lora(own)) merged.emplace_back(own, changed.contains(own) ? changed.at(own) : tensor);
  }
  return merged;
}

}  // namespace heed::nn
