#include "lens/explain/chain.h"

#include <algorithm>

#include "core/text.h"
#include "heed/core/error.h"
#include "lens/explain/methods.h"

namespace heed::lens {
namespace {

[[noreturn]] void refuse_blocks(const std::string& what) {
  throw UsageError(text_of("--method: this one follows attention through Transformer blocks, and ",
                           what,
                           "; input_gradient, integrated_gradients and shapley take any model"));
}

/// Sees the blocks of a pass, while the tokens' vectors need gradients.
class Passing : public nn::Probe {
 public:
  explicit Passing(std::vector<at::Tensor> vectors) : vectors_(std::move(vectors)) {}

  at::Tensor embedded(const at::Tensor&) override { return vectors_.at(next_++); }
  at::Tensor entering(torch::nn::Module& block, const at::Tensor& x,
                      const AttendInputs& inputs) override {
    blocks.push_back({&block, inputs, x, {}, {}, {}});
    inside_ = true;
    return x;
  }
  at::Tensor leaving(torch::nn::Module&, const at::Tensor& x) override {
    blocks.back().after = x;
    inside_ = false;
    return x;
  }
  at::Tensor attended(const nn::AttentionCall& call, const at::Tensor& heads) override {
    const size_t number = calls_++;
    if (!inside_) return heads;
    auto& block = blocks.back();
    (block.self ? block.cross : block.self) = Look{call, number, heads, {}};
    return heads;
  }

  std::vector<PassedBlock> blocks;

 private:
  std::vector<at::Tensor> vectors_;
  size_t next_ = 0, calls_ = 0;
  bool inside_ = false;
};

/// Parts blocks where one does not read what the last one gave.
std::vector<Chain> chains_of(std::vector<PassedBlock> blocks) {
  std::vector<Chain> chains;
  for (auto& block : blocks) {
    const bool follows = !chains.empty() && chains.back().blocks.back().after.is_same(block.before);
    if (!follows) chains.emplace_back();
    chains.back().blocks.push_back(std::move(block));
  }
  return chains;
}

Passed sorted(std::vector<Chain> chains) {
  if (chains.empty()) refuse_blocks("this model has none");
  for (const auto& chain : chains)
    for (const auto& block : chain.blocks)
      if (!block.self)
        refuse_blocks("this model's attention is linear, which has no weights of single tokens");
  Passed passed;
  passed.own = std::move(chains.back());
  chains.pop_back();
  const auto crosses = [](const PassedBlock& block) { return block.cross.has_value(); };
  const bool looks_across =
      std::any_of(passed.own.blocks.begin(), passed.own.blocks.end(), crosses);
  if (chains.size() == 1 && looks_across) passed.source = std::move(chains.front()), chains.clear();
  if (!chains.empty())
    refuse_blocks(text_of("this model has ", chains.size() + 1,
                          " stacks of them, which do not read one another in a row"));
  return passed;
}

/// |d value / d state| of each token, as shares.
at::Tensor shares_of(const at::Tensor& gradient) {
  const auto norms = gradient.to(at::kDouble).norm(2, {-1});  // (B, L)
  const double sum = norms.sum().item<double>();
  if (!(sum > 0))
    throw UsageError(
        "explain: the answer does not depend on what the last block gave; there is nothing to "
        "follow");
  return norms / sum;
}

}  // namespace

Passed pass(const Reader& reader, bool gradients) {
  const at::AutoGradMode with_gradients(true);
  const auto vectors = reader.between({1.0});
  std::vector<Map> maps;
  std::vector<PassedBlock> blocks;
  at::Tensor value;
  {
    Recording recording(*reader.question().model);
    Passing passing(vectors);
    value = reader.question().ask().value.sum();
    maps = recording.maps(), blocks = std::move(passing.blocks);
  }
  auto passed = sorted(chains_of(std::move(blocks)));
  passed.maps = std::move(maps);
  std::vector<at::Tensor> wanted = {passed.own.blocks.back().after};
  std::vector<Look*> looks;
  const auto add = [&](Chain& chain) {
    for (auto& block : chain.blocks)
      for (auto* look : {&block.self, &block.cross})
        if (*look) looks.push_back(&**look), wanted.push_back((*look)->heads);
  };
  if (gradients) {
    add(passed.own);
    if (passed.source) add(*passed.source);
  }
  const auto found = gradients_of(value, wanted);
  passed.own.reading = shares_of(found.front());
  for (size_t i = 0; i < looks.size(); ++i) looks[i]->heads_grad = found[i + 1].detach();
  return passed;
}

at::Tensor of_tokens(const Reader& reader, const at::Tensor& own, const at::Tensor& source) {
  const int64_t n = reader.size();
  const auto flat = [&](const at::Tensor& x, int64_t count) {
    if (x.numel() == count) return x.flatten();
    if (x.numel() == count + x.size(0)) return x.narrow(1, 1, x.size(1) - 1).flatten();
    throw UsageError(text_of("explain: the model's blocks read ", x.numel(),
                             " tokens, and its input has ", count,
                             "; this method cannot say which is which"));
  };
  if (!source.defined()) return flat(own, n).contiguous();
  return at::cat({flat(source, n - own.numel()), own.flatten()});
}

}  // namespace heed::lens
