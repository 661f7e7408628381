// What heads over series have in common: numbers for the rows behind a window.
#pragma once

#include <torch/nn/modules/dropout.h>
#include <torch/nn/modules/linear.h>

#include "heed/models/encoder.h"
#include "tasks/inputs/series_split.h"

namespace heed {

/// The tokens of a channel, side by side, to H x Q numbers by one linear layer for all channels
/// (Nie et al. 2023, PatchTST; of one token Liu et al. 2024, iTransformer), as quantiles that do not
/// cross, on the scale that the encoder took from the window (RevIN; Kim et al. 2022).
class SeriesOutput : public torch::nn::Module {
 public:
  /// Throws ModelError where the encoder is not of series.
  SeriesOutput(const EncoderPtr& encoder, int64_t horizon, int64_t quantiles, double dropout,
               const std::string& who);
  /// -> (B, C, H, Q) on the scale of the batch
  at::Tensor forward(const Tokens& tokens);

  torch::nn::Dropout dropout{nullptr};
  torch::nn::Linear linear{nullptr};

 private:
  int64_t channels_, horizon_, quantiles_;
};

/// Of each channel the last value that the window has: (B, C, T) -> (B, C, 1); 0 where none was
/// observed.
at::Tensor last_values(const Batch& batch);
/// The value a period ago, or several periods where that is not known yet: -> (B, C, H). Where it is
/// missing the last one.
at::Tensor seasonal_values(const Batch& batch, int64_t period, int64_t horizon);

}  // namespace heed
