// The moving average of a model's weights (Polyak & Juditsky 1992), which often is the better
// model.
#pragma once

#include <torch/nn/module.h>

#include "heed/formats/safetensors.h"

namespace heed {

class WeightAverage {
 public:
  /// decay 0: there is no average, the model's own weights stand for it.
  WeightAverage(torch::nn::Module& model, double decay);

  /// average = d average + (1 - d) weights after update number `updates` (from 1), with
  /// d = min(decay, (1 + updates) / (10 + updates)), so that the first weights are soon forgotten.
  void update(int64_t updates);

  /// Exchanges the model's weights with the average, while this lives.
  class Shown {
   public:
    explicit Shown(WeightAverage& average) : average_(average) { average_.exchange(); }
    ~Shown() { average_.exchange(); }
    Shown(const Shown&) = delete;
    Shown& operator=(const Shown&) = delete;

   private:
    WeightAverage& average_;
  };

  bool is_on() const { return decay_ > 0; }

  /// While the average is shown: the weights that training goes on with, as "weights/NAME".
  NamedTensors hidden() const;
  /// Takes the model's weights as the average and `hidden` as its weights. Throws ModelError for a
  /// missing tensor or another shape.
  void restore(const NamedTensors& hidden);

 private:
  void exchange() noexcept;
  double decay_;
  NamedTensors weights_;
  std::vector<at::Tensor> average_;
};

}  // namespace heed
