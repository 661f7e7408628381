// Images to a vector a pixel: convolutions down and up again.
#pragma once

#include <torch/nn/module.h>
#include <torch/nn/modules/container/modulelist.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/pimpl.h>

#include <array>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/models/image_stem.h"
#include "heed/nn/cbam.h"
#include "heed/nn/positions.h"
#include "heed/nn/remade.h"
#include "heed/nn/squeeze_excitation.h"

namespace heed {

/// How what a level found on the way down reaches the way up.
enum class UNetSkip { concat, attention_gate };
constexpr std::array<const char*, 2> words(UNetSkip) { return {"concat", "attention_gate"}; }

/// Where the way up ends.
enum class UNetGrid { full, half };
constexpr std::array<const char*, 2> words(UNetGrid) { return {"full", "half"}; }

constexpr int64_t kMostUNetLevels = 12;

/// The [encoder] table of a recipe for a U-Net. `width` are the channels of the first level, `layers`
/// Transformer blocks at the bottom.
struct UNetEncoderOptions : BlockStackOptions {
  UNetEncoderOptions() {
    width = 16, layers = 0, dropout = 0;
    attention = Attention::parse("learned_2d; num_heads=4");
  }

  int64_t levels = 3;
  UNetSkip skip = UNetSkip::concat;
  StemGate gate = StemGate::none;
  UNetGrid grid = UNetGrid::full;

  /// Channels at the bottom.
  int64_t bottom_width() const { return width << levels; }

  template <class Visitor>
  void fields(Visitor&& v) {
    v("levels", levels,
      "halvings on the way down, each with twice the channels; two to that power divides the "
      "images' height and width",
      between(1, kMostUNetLevels));
    v("skip", skip,
      "what goes from a level's way down to its way up: concat: all of it; attention_gate: each "
      "pixel weighed by what the level below makes of it");
    v("gate", gate, "what weighs the channels of each level; cbam: pixels, too");
    v("grid", grid, "where the way up ends: full: a vector a pixel; half: one for 2 x 2 pixels");
    BlockStackOptions::fields(v);
  }
};

/// Two times convolution 3 x 3 over zeros around the map, group normalisation (Wu & He 2018), ReLU;
/// then the gate: (B, in, h, w) -> (B, out, h, w). Groups: the greatest common divisor of 8 and `out`.
/// Weights of convolutions from a normal of deviation sqrt(2 / (9 in)) (He et al. 2015), no biases.
/// Parameters: convolutions.*, [gate.*]. Cost: 18 B h w (in + out) out operations.
class TwoConvolutions : public torch::nn::Module {
 public:
  TwoConvolutions(int64_t in, int64_t out, StemGate gate);
  at::Tensor forward(const at::Tensor& x);

  torch::nn::Sequential convolutions{nullptr};
  nn::SqueezeExcitation squeeze{nullptr};  ///< of the two gates, the one in use
  nn::Cbam cbam{nullptr};
};

/// Batch: image (B, C, h, w) floating. -> states (B, L, M) with their grid, (h, w) or (h / 2, w / 2).
/// U-Net (Ronneberger et al. 2015) with borders kept and normalisation: with n `levels` and M_i =
/// 2^i width,
///
///   d_0 = f_0(image),  d_i = f_i(maximum of 2 x 2 of d_(i-1)),  f_i: TwoConvolutions to M_i
///   u_n = blocks(d_n + position)       Transformer blocks over the bottom's h w / 4^n tokens, or none
///   u_i = g_i([skip_i(d_i); up_i(u_(i+1))]),  up_i: a linear layer a pixel to 2 x 2, of M_i channels
///
/// and states u_0, or u_1 with grid = half (M = 2 width). skip_i is d_i itself, or with attention_gate
/// (Oktay et al. 2018) what nn::AttentionGate makes of it with u_(i+1) as its signal. Maps of the
/// blocks lie on the bottom's grid (Tokens::map_grid).
///
/// Group normalisation computes the same in training and evaluation, for any batch; its statistics are
/// those of the whole map, so what a pixel becomes depends a little on all others.
///
/// Parameters: down.I.*, up.I.*, join.I.*, [skips.I.*], [position.*], layers.I.*, [norm.*]. Throws
/// ModelError that names the field where options do not fit each other or the images.
class UNetEncoderImpl : public nn::Remade<UNetEncoderImpl, Encoder> {
 public:
  UNetEncoderImpl(const UNetEncoderOptions& options, const ImageShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width << last_level(); }
  int64_t max_positions() const override { return grid().tokens(); }
  std::optional<TokenGrid> image_grid() const override { return grid(); }
  std::shared_ptr<UNetEncoderImpl> remade() const {
    return std::make_shared<UNetEncoderImpl>(options, shape);
  }

  TokenGrid grid() const { return grid_of(last_level()); }
  TokenGrid bottom_grid() const { return grid_of(options.levels); }

  UNetEncoderOptions options;
  ImageShape shape;
  torch::nn::ModuleList down{nullptr}, up{nullptr}, join{nullptr};
  torch::nn::ModuleList skips{nullptr};  ///< null with concat
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;

 private:
  int64_t last_level() const { return options.grid == UNetGrid::half ? 1 : 0; }
  TokenGrid grid_of(int64_t level) const {
    return {.rows = shape.height >> level, .columns = shape.width >> level};
  }
  void check() const;
  void make_levels();
  void make_bottom();
  at::Tensor bottom(const at::Tensor& maps);
  at::Tensor read(const at::Tensor& image) const;

  BlockStackOptions bottom_;  ///< of the blocks
};
TORCH_MODULE(UNetEncoder);

}  // namespace heed
