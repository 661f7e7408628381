// What looks into a model while it runs, and may change what it sees there.
#pragma once

#include <torch/nn/module.h>

#include <string>

#include "heed/ops/attend.h"

namespace heed::nn {

class MapSource;

/// One call of an attention: what its module gave the operator. What a probe changes here is what the call computes with.
struct AttentionCall {
  std::string
      name;      ///< the module's path, as a Recording's maps have it: "encoder.layers.0.attention"
  at::Tensor q;  ///< (B, H, Lq, D), after positions
  at::Tensor k;  ///< (B, G, Lk, D), after positions
  at::Tensor v;  ///< (B, G, Lk, E)
  Attention how;
  AttendInputs inputs;
  const MapSource* module;  ///< whose call it is
};

/// While one lives, the places of the models that run on its thread show it what passes through them, with gradient
/// history, and go on with what it gives back; by default with the same. One that changes a place gives the shape and
/// dtype that it was given. Probes nest: the innermost one is asked. Texts are not packed while one lives, so that rows
/// are the batch's. Without one, models compute nothing more.
///
/// Places stand in encoders, decoders and attentions; the steps of a decoder that writes have none but attentions.
/// Destroyed in the reverse order of their construction, on the thread that made them.
class Probe {
 public:
  Probe();
  virtual ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// The vectors of what is read, one a token, before positions are added: words, items, patches of an image or a series,
  /// frames of a sound, columns of a table; (B, L, M), or (B C, L, M) of series with C channels. In the order of the calls:
  /// an encoder's come before those of the decoder that reads it.
  virtual at::Tensor embedded(const at::Tensor& x) { return x; }
  /// The residual stream before a Transformer block and behind it: (B, L, M). `block` may be called by itself.
  virtual at::Tensor entering(torch::nn::Module& /*block*/, const at::Tensor& x,
                              const AttendInputs& /*inputs*/) {
    return x;
  }
  virtual at::Tensor leaving(torch::nn::Module& /*block*/, const at::Tensor& x) { return x; }
  virtual void attending(AttentionCall& /*call*/) {}
  /// What each head read: (B, H, Lq, E), before heads are merged.
  virtual at::Tensor attended(const AttentionCall& /*call*/, const at::Tensor& heads) {
    return heads;
  }

  static Probe* active() noexcept;  ///< the innermost of this thread, or null

 private:
  Probe* outer_;
};

}  // namespace heed::nn
