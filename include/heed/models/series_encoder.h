// Time series to tokens: patches of every channel, or whole channels.
#pragma once

#include <torch/nn/modules/linear.h>
#include <torch/nn/pimpl.h>

#include <array>

#include "heed/core/fields.h"
#include "heed/models/block_stack.h"
#include "heed/models/encoder.h"
#include "heed/nn/positions.h"
#include "heed/nn/remade.h"

namespace heed {

enum class SeriesTokens { patches, variates };
constexpr std::array<const char*, 2> words(SeriesTokens) { return {"patches", "variates"}; }

/// The [encoder] table of a recipe for series.
struct SeriesEncoderOptions : BlockStackOptions {
  SeriesTokens tokens = SeriesTokens::patches;
  int64_t patch = 16;
  int64_t stride = 8;
  bool normalize = true;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("tokens", tokens,
      "patches: stretches of each channel by itself; variates: a token a channel");
    if (tokens == SeriesTokens::patches) {
      v("patch", patch, "steps of a token", between(1, kMostLength));
      v("stride", stride, "steps from one token to the next", between(1, 65536));
    }
    v("normalize", normalize, "whether each window has mean 0 and deviation 1 in every channel");
    BlockStackOptions::fields(v);
  }
};

/// What an input of series gives.
struct SeriesShape {
  int64_t channels = 0;   ///< C
  int64_t past = 0;       ///< T: steps of the look-back window
  int64_t known = 0;      ///< K: series that are known ahead, as the hour of the day
  int64_t future = 0;     ///< H: steps for which they are; 0 where K is
  bool observed = false;  ///< whether some values are missing
};

/// Batch: past (B, C, T) floating and, as the shape says, past_known (B, K, T), future_known
/// (B, K, H) floating, observed (B, C, T) bool, false where a value is missing; what stands there
/// has no influence. With `normalize` each channel of a window becomes (x - mean) / std, over what
/// is observed, std = sqrt(variance + 1e-5) (Kim et al. 2022, RevIN); extra has mean and std
/// (B, C) float64, without gradient. Missing values are 0 then, and a token is given which are
/// observed beside them.
///
/// patches (Nie et al. 2023, PatchTST): every channel by itself, with the same weights. Its series
/// goes on by `stride` steps of its last value and is cut into L = floor((T - patch) / stride) + 2
/// stretches, each a linear layer to M channels; then the additive position, dropout, and blocks
/// in which the L tokens of a channel see each other (maps have a batch of B C). What is known
/// ahead is in a stretch of all K series, which a linear layer adds; the series then is T + H steps
/// long, of which those of the future count as missing. -> states (B, C L, M), grid of C rows and L
/// columns: token c L + l is stretch l of channel c.
///
/// variates (Liu et al. 2024, iTransformer): a channel's window is one token, by a linear layer of
/// T to M; each of the K known series is one more, by a linear layer of T + H to M. -> states
/// (B, C + K, M), grid of C + K rows and 1 column. Without a position their order means nothing.
///
/// Parameters: value.* (linear), [known.*], [position.*], layers.I.*, [norm.*]. Throws ModelError
/// that names the field where options do not fit each other or the shape.
class SeriesEncoderImpl : public nn::Remade<SeriesEncoderImpl, Encoder> {
 public:
  SeriesEncoderImpl(const SeriesEncoderOptions& options, const SeriesShape& shape);
  Tokens forward(const Batch& batch) override;
  int64_t width() const override { return options.width; }
  std::shared_ptr<SeriesEncoderImpl> remade() const {
    return std::make_shared<SeriesEncoderImpl>(options, shape);
  }

  /// Where tokens lie: rows are channels, columns their patches.
  TokenGrid grid() const;

  SeriesEncoderOptions options;
  SeriesShape shape;
  torch::nn::Linear value{nullptr};
  torch::nn::Linear known{nullptr};  ///< null without known series
  nn::AdditivePosition position{nullptr};
  BlockStack blocks;

 private:
  bool patches() const { return options.tokens == SeriesTokens::patches; }
  void check() const;
  at::Tensor known_of(const Batch& batch, int64_t B) const;
  at::Tensor of_patches(const at::Tensor& values, const at::Tensor& known_values);
  at::Tensor of_variates(const at::Tensor& values, const at::Tensor& known_values);
};
TORCH_MODULE(SeriesEncoder);

}  // namespace heed
