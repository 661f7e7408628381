#include "heed/models/image_stem.h"

#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/conv.h>

#include "core/text.h"
#include "heed/nn/cbam.h"
#include "heed/nn/squeeze_excitation.h"
#include "nn/linear.h"
#include "nn/shared_batch_norm.h"

namespace heed {
namespace {

constexpr int64_t kLeastHidden = 4;  // of a gate: fewer may all be cut by its ReLU

void check_patches(const StemOptions& options) {
  const auto& shape = options.shape();
  if (shape.channels < 1)
    throw ModelError(text_of("images: expected at least 1 of channels, given ", shape.channels));
  const auto check = [](const char* side, int64_t pixels, int64_t patch) {
    if (patch >= 1 && pixels >= 1 && pixels % patch == 0) return;
    throw ModelError(text_of("encoder.patch: expected a divisor of the images' ", side, " ", pixels,
                             ", given ", patch, "; choose another patch or resize the images"));
  };
  check("height", shape.height, options.patch_height());
  check("width", shape.width, options.patch_width());
}

/// Convolutions of stride 2 that a patch takes.
int64_t halvings(int64_t patch) {
  int64_t n = 0;
  while (int64_t{1} << n < patch) ++n;
  if (int64_t{1} << n != patch)
    throw ModelError(
        text_of("encoder.patch: stem = \"conv\" halves the image with each layer, so "
                "expected a power of two, given ",
                patch, "; choose one or take stem = \"patch\""));
  return n;
}

}  // namespace

PatchStemImpl::PatchStemImpl(const StemOptions& options) : options(options) { reset(); }

void PatchStemImpl::reset() {
  check_patches(options);
  const int64_t pixels = options.shape().channels * options.patch_height() * options.patch_width();
  linear = register_module("linear", nn::small_linear(pixels, options.width()));
}

at::Tensor PatchStemImpl::forward(const at::Tensor& images) {
  const auto& [C, height, width] = options.shape();
  const int64_t Ph = options.patch_height(), Pw = options.patch_width();
  const int64_t rows = height / Ph, columns = width / Pw;
  const auto patches = images.reshape({images.size(0), C, rows, Ph, columns, Pw})
                           .permute({0, 2, 4, 1, 3, 5})  // (B, r, c, C, Ph, Pw)
                           .reshape({images.size(0), rows * columns, C * Ph * Pw});
  return nn::affine(linear, patches);
}

ConvStemImpl::ConvStemImpl(const StemOptions& options) : options(options) { reset(); }

void ConvStemImpl::reset() {
  check_patches(options);
  const int64_t n = halvings(options.patch_height()), M = options.width();
  convolutions = torch::nn::Sequential();
  int64_t in = options.shape().channels;
  for (int64_t i = 0; i <= n; ++i) {
    const int64_t out = i ? M : std::max<int64_t>(M / 2, 8), stride = i ? 2 : 1;
    convolutions->push_back(torch::nn::Conv2d(
        torch::nn::Conv2dOptions(in, out, 3).stride(stride).padding(1).bias(false)));
    convolutions->push_back(nn::SharedBatchNorm2d(out));
    convolutions->push_back(torch::nn::ReLU(torch::nn::ReLUOptions(true)));
    const int64_t reduction = std::min<int64_t>(16, std::max<int64_t>(out / kLeastHidden, 1));
    if (options.gate() == StemGate::squeeze_excitation)
      convolutions->push_back(
          nn::SqueezeExcitation(nn::SqueezeExcitationOptions(out).reduction(reduction)));
    if (options.gate() == StemGate::cbam)
      convolutions->push_back(nn::Cbam(nn::CbamOptions(out).reduction(reduction)));
    in = out;
  }
  register_module("convolutions", convolutions);
  linear = register_module("linear", nn::xavier_linear(M, M));
}

at::Tensor ConvStemImpl::forward(const at::Tensor& images) {
  const auto maps = convolutions->forward(images);                          // (B, M, r, c)
  return nn::affine(linear, maps.flatten(2).transpose(1, 2).contiguous());  // (B, r c, M)
}

}  // namespace heed
