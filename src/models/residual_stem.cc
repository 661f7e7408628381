#include "heed/models/residual_stem.h"

#include "core/text.h"
#include "nn/linear.h"
#include "nn/shared_batch_norm.h"

namespace heed {
namespace {

torch::nn::Conv2d convolution3(int64_t in, int64_t out, int64_t stride) {
  return torch::nn::Conv2d(
      torch::nn::Conv2dOptions(in, out, 3).stride(stride).padding(1).bias(false));
}

class ResidualStage : public torch::nn::Cloneable<ResidualStage> {
 public:
  ResidualStage(int64_t in, int64_t out, bool pair) : in_(in), out_(out), pair_(pair) { reset(); }
  void reset() override {
    halve_ = register_module("halve", convolution3(in_, out_, 2));
    halve_norm_ = register_module("halve_norm", nn::SharedBatchNorm2d(out_));
    if (!pair_) return;
    first_ = register_module("first", convolution3(out_, out_, 1));
    first_norm_ = register_module("first_norm", nn::SharedBatchNorm2d(out_));
    second_ = register_module("second", convolution3(out_, out_, 1));
    second_norm_ = register_module("second_norm", nn::SharedBatchNorm2d(out_));
  }
  at::Tensor forward(const at::Tensor& images) {
    const auto x = halve_norm_->forward(halve_->forward(images)).relu_();
    if (!pair_) return x;
    const auto inner = first_norm_->forward(first_->forward(x)).relu_();
    return (second_norm_->forward(second_->forward(inner)) + x).relu_();
  }

 private:
  int64_t in_, out_;
  bool pair_;
  torch::nn::Conv2d halve_{nullptr}, first_{nullptr}, second_{nullptr};
  nn::SharedBatchNorm2d halve_norm_{nullptr}, first_norm_{nullptr}, second_norm_{nullptr};
};

/// Stages that a patch takes.
int64_t stages_of(const StemOptions& options) {
  int64_t n = 0;
  while (int64_t{1} << n < options.patch_height()) ++n;
  const auto& shape = options.shape();
  const int64_t patch = options.patch_height();
  if (n < 1 || int64_t{1} << n != patch || options.patch_width() != patch)
    throw ModelError(text_of(
        "encoder.patch: stem = \"residual\" halves the image with each stage, so expected a "
        "power of two from 2, given ",
        patch, "; choose one or take stem = \"patch\""));
  if (shape.height % patch != 0 || shape.width % patch != 0)
    throw ModelError(text_of("encoder.patch: expected a divisor of the images' height ",
                             shape.height, " and width ", shape.width, ", given ", patch,
                             "; choose another patch or resize the images"));
  return n;
}

}  // namespace

ResidualStemImpl::ResidualStemImpl(const StemOptions& options) : options(options) { reset(); }

void ResidualStemImpl::reset() {
  const int64_t n = stages_of(options), M = options.width();
  stages = torch::nn::ModuleList();
  int64_t in = options.shape().channels;
  for (int64_t i = 1; i <= n; ++i) {
    const int64_t out = i == n ? M : std::max<int64_t>(M >> (n - i), 8);
    stages->push_back(std::make_shared<ResidualStage>(in, out, i > 1));
    in = out;
  }
  register_module("stages", stages);
  linear = register_module("linear", nn::xavier_linear(M, M));
}

at::Tensor ResidualStemImpl::forward(const at::Tensor& images) {
  auto x = images;
  for (const auto& stage : *stages)
    x = std::dynamic_pointer_cast<ResidualStage>(stage)->forward(x);     // (B, M, r, c)
  return nn::affine(linear, x.flatten(2).transpose(1, 2).contiguous());  // (B, r c, M)
}

}  // namespace heed
