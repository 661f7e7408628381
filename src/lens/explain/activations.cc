#include "lens/explain/activations.h"

#include "heed/core/error.h"
#include "heed/nn/recording.h"

namespace heed::lens {
namespace {

class Keeping : public nn::Probe {
 public:
  explicit Keeping(Activations& kept) : kept_(kept) {}
  at::Tensor entering(torch::nn::Module&, const at::Tensor& x, const AttendInputs&) override {
    kept_.blocks.push_back({x.detach(), {}});
    return x;
  }
  at::Tensor leaving(torch::nn::Module&, const at::Tensor& x) override {
    kept_.blocks.back().after = x.detach();
    return x;
  }
  at::Tensor attended(const nn::AttentionCall& call, const at::Tensor& heads) override {
    kept_.calls.push_back({call, heads.detach()});
    return heads;
  }

 private:
  Activations& kept_;
};

/// Vectors and heads with gradient history, from the tokens' vectors on.
class Following : public nn::Probe {
 public:
  at::Tensor embedded(const at::Tensor& x) override { return x.detach().requires_grad_(true); }
  at::Tensor attended(const nn::AttentionCall&, const at::Tensor& given) override {
    // A model whose tokens show no vectors has no gradients yet.
    const auto own = given.requires_grad() ? given : given.detach().requires_grad_(true);
    heads.push_back(own);
    return own;
  }
  std::vector<at::Tensor> heads;
};

}  // namespace

Activations Activations::of(const Question& example) {
  const at::NoGradGuard no_grad;
  Activations kept;
  {
    const nn::MapPaths paths(*example.model);
    Keeping keeping(kept);
    example.ask();
  }
  if (kept.calls.empty()) throw UsageError("explain: this model has no attention");
  return kept;
}

std::pair<at::Tensor, std::vector<at::Tensor>> heads_with_gradient(const Question& example) {
  const at::AutoGradMode gradients(true);
  Following following;
  auto value = example.ask().value.sum();
  return {value, std::move(following.heads)};
}

}  // namespace heed::lens
