#include "heed/models/unet_encoder.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/conv.h>
#include <torch/nn/modules/normalization.h>

#include <numeric>

#include "heed/nn/attention_gate.h"
#include "models/encoder_check.h"
#include "models/encoder_parts.h"
#include "nn/probed.h"

namespace heed {
namespace {

constexpr int64_t kMostGroups = 8;
constexpr int64_t kLeastGateHidden = 4;  // fewer may all be cut by the gate's ReLU

torch::nn::Conv2d convolution(int64_t in, int64_t out) {
  torch::nn::Conv2d made(torch::nn::Conv2dOptions(in, out, 3).padding(1).bias(false));
  torch::nn::init::kaiming_normal_(made->weight, 0, torch::kFanIn, torch::kReLU);
  return made;
}

template <class Module>
Module& at_level(torch::nn::ModuleList& list, int64_t level) {
  return list->at<Module>(static_cast<size_t>(level));
}

}  // namespace

TwoConvolutions::TwoConvolutions(int64_t in, int64_t out, StemGate gate)
    : torch::nn::Module("TwoConvolutions") {
  torch::nn::Sequential both;
  for (const int64_t from : {in, out}) {
    both->push_back(convolution(from, out));
    both->push_back(
        torch::nn::GroupNorm(torch::nn::GroupNormOptions(std::gcd(kMostGroups, out), out)));
    both->push_back(torch::nn::ReLU(torch::nn::ReLUOptions(true)));
  }
  convolutions = register_module("convolutions", both);
  const int64_t reduction = std::min<int64_t>(16, std::max<int64_t>(out / kLeastGateHidden, 1));
  if (gate == StemGate::squeeze_excitation)
    squeeze = register_module(
        "gate", nn::SqueezeExcitation(nn::SqueezeExcitationOptions(out).reduction(reduction)));
  if (gate == StemGate::cbam)
    cbam = register_module("gate", nn::Cbam(nn::CbamOptions(out).reduction(reduction)));
}

at::Tensor TwoConvolutions::forward(const at::Tensor& x) {
  const auto y = convolutions->forward(x);
  return squeeze ? squeeze->forward(y) : cbam ? cbam->forward(y) : y;
}

UNetEncoderImpl::UNetEncoderImpl(const UNetEncoderOptions& given, const ImageShape& shape)
    : options(given), shape(shape) {
  check();
  make_levels();
  make_bottom();
}

void UNetEncoderImpl::check() const {
  models::check_fields(options);
  if (double(options.width) * double(int64_t{1} << options.levels) > kMostChannels)
    throw ModelError(text_of("encoder.levels: ", options.levels, " levels of encoder.width = ",
                             options.width, " end with ", options.bottom_width(),
                             " channels; expected at most ", int64_t(kMostChannels)));
  if (options.layers == 0 && options.dropout > 0)
    throw ModelError(
        "encoder.dropout: it is of the Transformer blocks at the bottom, and encoder.layers is 0; "
        "set that, or leave it out");
  if (shape.channels < 1)
    throw ModelError(text_of("images: expected at least 1 of channels, given ", shape.channels));
  const int64_t step = int64_t{1} << options.levels;
  const auto check_side = [&](const char* side, int64_t pixels) {
    if (pixels >= step && pixels % step == 0) return;
    throw ModelError(text_of("encoder.levels: ", options.levels, " halvings need a ", side,
                             " that ", step, " divides, and the images' is ", pixels,
                             "; set input.size or fewer levels"));
  };
  check_side("height", shape.height), check_side("width", shape.width);
}

void UNetEncoderImpl::make_levels() {
  const auto add = [&](const char* name) { return register_module(name, torch::nn::ModuleList()); };
  const auto M = [&](int64_t level) { return options.width << level; };
  down = add("down"), up = add("up"), join = add("join");
  if (options.skip == UNetSkip::attention_gate) skips = add("skips");
  for (int64_t i = 0; i <= options.levels; ++i)
    down->push_back(
        std::make_shared<TwoConvolutions>(i ? M(i - 1) : shape.channels, M(i), options.gate));
  // The way up from the level above its end, so that every module has its part.
  for (int64_t i = last_level(); i < options.levels; ++i) {
    up->push_back(
        torch::nn::ConvTranspose2d(torch::nn::ConvTranspose2dOptions(M(i + 1), M(i), 2).stride(2)));
    join->push_back(std::make_shared<TwoConvolutions>(2 * M(i), M(i), options.gate));
    if (skips) skips->push_back(nn::AttentionGate(nn::AttentionGateOptions(M(i), M(i + 1))));
  }
}

void UNetEncoderImpl::make_bottom() {
  bottom_ = options;
  bottom_.width = options.bottom_width();
  if (bottom_.layers == 0) return;
  models::check_blocks(bottom_, {.name = "images", .grid = true});
  const auto grid = bottom_grid();
  bottom_.attention.position = nn::on_grid(bottom_.attention.position, grid.columns, false);
  bottom_.local_attention.position =
      nn::on_grid(bottom_.local_attention.position, grid.columns, false);
  position = models::additive_position(*this, "position", bottom_.attention.position, bottom_.width,
                                       grid.tokens());
  blocks = BlockStack(*this, bottom_);
}

at::Tensor UNetEncoderImpl::bottom(const at::Tensor& maps) {
  if (!blocks.layers) return maps;
  auto x = maps.flatten(2).transpose(1, 2).contiguous();  // (B, r c, M_n)
  if (position) x = position->forward(x);
  x = blocks.forward(torch::dropout(x, options.dropout, is_training()));
  return x.transpose(1, 2).reshape(maps.sizes());
}

/// The image as a Probe has it: its pixels are what is read.
at::Tensor UNetEncoderImpl::read(const at::Tensor& image) const {
  if (!nn::Probe::active()) return image;
  const auto pixels = nn::embedded(image.flatten(2).transpose(1, 2).contiguous());  // (B, h w, C)
  return pixels.transpose(1, 2).reshape(image.sizes());
}

Tokens UNetEncoderImpl::forward(const Batch& batch) {
  const auto& image = models::taken(
      batch, "image", {{"B"}, {"C", shape.channels}, {"h", shape.height}, {"w", shape.width}},
      models::Dtype::floating);
  std::vector<at::Tensor> found;  // d_i (B, M_i, h / 2^i, w / 2^i)
  for (int64_t i = 0; i <= options.levels; ++i)
    found.push_back(at_level<TwoConvolutions>(down, i).forward(
        i ? torch::max_pool2d(found.back(), 2) : read(image)));
  auto x = bottom(found.back());
  for (int64_t i = options.levels - 1; i >= last_level(); --i) {
    const int64_t at = i - last_level();
    auto skip = found[static_cast<size_t>(i)];
    if (skips) skip = at_level<nn::AttentionGateImpl>(skips, at).forward(skip, x);
    const auto raised = at_level<torch::nn::ConvTranspose2dImpl>(up, at).forward(x);
    x = at_level<TwoConvolutions>(join, at).forward(torch::cat({skip, raised}, 1));
  }
  return {.states = x.flatten(2).transpose(1, 2).contiguous(),  // (B, L, M)
          .grid = grid(),
          .map_grid = bottom_grid()};
}

}  // namespace heed
