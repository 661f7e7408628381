// Which weights of a model that training begins with learn, and how fast.
#pragma once

#include <functional>

#include "heed/tasks/recipe.h"

namespace heed {

class Tuning {
 public:
  /// `takes`: whether a weight, by its name, is the other model's. Gives adapters to the module of
  /// that model, and takes the gradient from what is to stay. Throws ModelError where nothing is left
  /// to learn.
  Tuning(torch::nn::Module& model, const ModelTable& table,
         std::function<bool(const std::string&)> takes);

  /// layer_decay^(n + 1 - depth): of n blocks the i-th, from 0, has depth i + 1, the embeddings and
  /// what else comes before the first 0, what comes after the last and a new head n + 1 (Clark et al.
  /// 2020). A decoder's blocks are counted behind those of its encoder.
  double rate_factor(const std::string& parameter) const;
  int64_t learning() const { return learning_; }  ///< numbers that learn

 private:
  int64_t depth(const std::string& parameter) const;

  std::function<bool(const std::string&)> takes_;
  double decay_ = 1;
  int64_t encoder_blocks_ = 0, blocks_ = 0, learning_ = 0;
};

}  // namespace heed
