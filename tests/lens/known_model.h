// A model of sequences whose attention weights are given, for tests of what is shown of it.
#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <map>
#include <memory>
#include <string>

#include "heed/models/sequence_model.h"
#include "heed/nn/recording.h"

namespace heed::lens {

/// An attention that has the weights (H, Lq, Lk), all positive: with keys e_1 .. e_Lk and queries
/// log w the softmax of the scores is w.
class KnownAttention : public torch::nn::Module, public nn::MapSource {
 public:
  void run(const at::Tensor& weights) {
    const int64_t heads = weights.size(0), keys = weights.size(2);
    const auto q = (weights.log() * std::sqrt(double(keys))).unsqueeze(0).contiguous();
    const auto k = torch::eye(keys).expand({1, heads, keys, keys}).contiguous();
    attend(q, k, k, Attention::parse("num_heads=" + std::to_string(heads)), {});
  }
};

/// Two encoder layers, and two of the decoder with self and cross attention, of two heads; or a
/// decoder alone; or a recurrent decoder that attends to its source a step at a time.
class KnownModel : public SequenceModel {
 public:
  enum class Kind { both, decoder, recurrent };
  explicit KnownModel(Kind kind) : kind_(kind) {
    for (const std::string layer : {"0", "1"}) {
      if (kind == Kind::both) place("encoder." + layer + ".attention");
      if (kind != Kind::recurrent) place("decoder." + layer + ".attention");
      if (kind == Kind::both) place("decoder." + layer + ".cross");
    }
    if (kind == Kind::recurrent) place("attention");
  }

  /// Rows of positive weights with sum 1, (2, rows, columns), the same for the same arguments.
  static at::Tensor weights(int64_t rows, int64_t columns, int seed) {
    torch::manual_seed(seed);
    return torch::randn({2, rows, columns}).mul(3).softmax(-1).clamp_min(1e-20);
  }

  /// What the second cross attention (the first of a recurrent model) has instead, where defined.
  at::Tensor cross;

  at::Tensor cross_weights(int64_t rows, int64_t columns, int layer) const {
    return cross.defined() && (layer == 1 || kind_ == Kind::recurrent)
               ? cross
               : weights(rows, columns, 20 + layer);
  }

  at::Tensor hidden(const SourceBatch& source, const at::Tensor& target) override {
    const int64_t rows = target.size(1), columns = source.defined() ? source.tokens.size(1) : 0;
    for (int layer = 0; kind_ == Kind::both && layer < 2; ++layer) {
      call(weights(columns, columns, layer), "encoder." + std::to_string(layer) + ".attention");
    }
    for (int64_t row = 0; kind_ == Kind::recurrent && row < rows; ++row) {
      call(cross_weights(rows, columns, 0).slice(1, row, row + 1), "attention");
    }
    for (int layer = 0; kind_ != Kind::recurrent && layer < 2; ++layer) {
      const std::string path = "decoder." + std::to_string(layer);
      call(weights(rows, rows, 10 + layer), path + ".attention");
      if (kind_ == Kind::both) call(cross_weights(rows, columns, layer), path + ".cross");
    }
    return torch::zeros({1, rows, 1});
  }

  at::Tensor output_weight() const override { return torch::zeros({1, 1}); }
  std::unique_ptr<DecoderState> start(const SourceBatch&, int64_t) override { return nullptr; }
  at::Tensor step(const at::Tensor&, DecoderState&) override { return {}; }
  bool has_encoder() const override { return kind_ != Kind::decoder; }
  int64_t vocabulary() const override { return 1; }

 private:
  /// An attention with that path.
  void place(const std::string& path) {
    torch::nn::Module* at = this;
    size_t begin = 0;
    for (size_t dot; (dot = path.find('.', begin)) != path.npos; begin = dot + 1) {
      const auto name = path.substr(begin, dot - begin);
      const auto found = at->named_children().contains(name);
      at = found ? at->named_children()[name].get()
                 : at->register_module(name, std::make_shared<torch::nn::Module>()).get();
    }
    attentions_[path] = at->register_module(path.substr(begin), std::make_shared<KnownAttention>());
  }
  void call(const at::Tensor& weights, const std::string& path) {
    attentions_.at(path)->run(weights);
  }

  Kind kind_;
  std::map<std::string, std::shared_ptr<KnownAttention>> attentions_;
};

}  // namespace heed::lens
