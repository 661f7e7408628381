// What is explained: one example of a trained model, and a number of its answer.
#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "heed/tasks/head.h"

namespace heed {

/// One example, to be asked again and again while a Probe (heed/nn/probe.h) looks at or changes what passes through the
/// model. Made by Predictor::ask, and lives no longer than that Predictor.
struct Question {
  Shown shown;
  Looked looked;                  ///< what the head answers, and what a decoder reads
  std::string head;               ///< kind of the head
  std::string aim, share;         ///< what Aimed::value and Aimed::share are
  std::optional<TokenGrid> grid;  ///< of the tokens on an image, in a clip or in a table of series
  data::TokenizerPtr tokenizer;   ///< of the text that the encoder reads; null: it reads none
  torch::nn::Module* model;       ///< what Predictor::module() is
  Batch batch;                    ///< of one example
  std::function<Aimed(const Batch&)> of;

  /// The batch so many times over.
  Batch copies(int64_t count) const;
  /// What copies of the example answer, (count): value and share. Gradients flow to what a Probe makes of a place.
  Aimed ask(int64_t count = 1) const { return of(copies(count)); }
};

}  // namespace heed
