// What reads: a batch of named tensors to tokens.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "heed/models/image_stem.h"

namespace heed {

/// B records as tensors by name. An input says which it gives and an encoder or head which it
/// takes: `tokens` (B, L) int64 with `lengths` (B), `image` (B, C, h, w), `past` (B, C, T), ...
struct Batch {
  std::map<std::string, at::Tensor> tensors;
  at::Tensor records;  ///< (B) int64: the numbers of the records in their split

  bool has(const std::string& name) const { return tensors.contains(name); }
  /// Throws UsageError that names what is missing and what is there.
  const at::Tensor& at(const std::string& name) const;
  int64_t size() const { return records.size(0); }
};

/// Where tokens stand among the frames of a recording: token i, not counting a class token before all, begins at frame i per_token.
struct TokenFrames {
  int64_t per_token = 1;
  bool class_token = false;
};

/// What an encoder makes of B records: a vector per token.
struct Tokens {
  at::Tensor states;                       ///< (B, L, M)
  at::Tensor lengths = {};                 ///< (B) int64: tokens that are real; undefined: all L
  std::optional<TokenGrid> grid = {};      ///< where tokens lie on an image or in a table of series
  std::optional<TokenFrames> frames = {};  ///< where tokens lie in a recording
  /// What a head may need beside them, by name: `mean` and `std` of a series, ...
  std::map<std::string, at::Tensor> extra = {};
  std::optional<TokenGrid> map_grid = {};  ///< where the maps' tokens lie, if not on `grid`
};

/// An encoder is a LibTorch module whose attentions leave their maps in a Recording.
class Encoder : public torch::nn::Module {
 public:
  /// Throws UsageError for tensors that are missing or of another shape or dtype.
  virtual Tokens forward(const Batch& batch) = 0;
  virtual int64_t width() const = 0;  ///< M
  /// The most tokens of a record that it takes; 0: any number.
  virtual int64_t max_positions() const { return 0; }
  /// Where its tokens stand among the frames of a recording; none: it reads no recordings.
  virtual std::optional<TokenFrames> frames() const { return std::nullopt; }
  /// Where its tokens lie on an image, as Tokens::grid says; nothing: on none, or one that depends on the batch.
  virtual std::optional<TokenGrid> image_grid() const { return std::nullopt; }
};
using EncoderPtr = std::shared_ptr<Encoder>;

}  // namespace heed
