#include "tasks/heads/masked_module.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/text.h"
#include "heed/core/error.h"
#include "nn/activation.h"
#include "nn/linear.h"

namespace heed {
namespace {

constexpr int64_t kGuessedTogether = 64;

at::Tensor encoder_embedding(const Encoder& encoder, int64_t vocabulary) {
  for (const auto& item : encoder.named_parameters())
    if (item.key() == "embedding" && item.value().dim() == 2 && item.value().size(0) == vocabulary)
      return item.value();
  throw ModelError("head.tied: the encoder has no embeddings of the " + std::to_string(vocabulary) +
                   " tokens; set head.tied = false");
}

/// The row as often as there are places, at each of which it hides one token.
Batch hidden_at(const Batch& batch, int64_t row, const std::vector<int64_t>& places, int64_t mask) {
  Batch copies{{}, at::zeros({std::ssize(places)}, at::kLong)};
  for (const auto& [name, tensor] : batch.tensors) {
    auto sizes = tensor.sizes().vec();
    sizes[0] = std::ssize(places);
    copies.tensors[name] = tensor.slice(0, row, row + 1).expand(sizes).clone();
  }
  for (int64_t i = 0; i < std::ssize(places); ++i) {
    const auto place = places[static_cast<size_t>(i)];
    copies.tensors["tokens"][i][place] = mask;
    if (batch.has("features")) copies.tensors["features"][i][place].fill_(-1);
  }
  return copies;
}

}  // namespace

bool MaskedModuleOptions::has_bias(const char* part) const {
  return std::find(biases.begin(), biases.end(), part) != biases.end();
}

void MaskedModuleOptions::check() const {
  for (const auto& part : biases) check_word("biases", part, {"transform", "norm", "output"});
}

MaskedModule::MaskedModule(const Encoder& encoder, int64_t vocabulary,
                           const MaskedModuleOptions& options)
    : activation_(options.activation) {
  const auto width = encoder.width();
  if (options.tied) {
    output = encoder_embedding(encoder, vocabulary);
  } else {
    output = register_parameter("output", at::empty({vocabulary, width}));
    nn::truncated_normal(output.detach());
  }
  const auto inner = output.size(1);
  transform =
      register_module("transform", nn::xavier_linear(width, inner, options.has_bias("transform")));
  norm = register_module(
      "norm",
      nn::RowNorm(nn::RowNormOptions(inner).eps(options.norm_eps).bias(options.has_bias("norm"))));
  if (options.has_bias("output")) bias = register_parameter("bias", at::zeros({vocabulary}));
}

at::Tensor MaskedModule::transformed(const at::Tensor& states) {
  return norm->forward(nn::activate(activation_, transform, states));
}

at::Tensor MaskedModule::logits(const at::Tensor& states) {
  return nn::affine(transformed(states), output, bias);
}

CrossEntropy MaskedModule::loss(const at::Tensor& states, const at::Tensor& labels,
                                double label_smoothing) {
  const auto places = labels.reshape(-1).ge(0).nonzero().squeeze(1);                  // (N)
  const auto chosen = states.reshape({-1, states.size(-1)}).index_select(0, places);  // (N, M)
  return linear_cross_entropy(transformed(chosen), output, bias,
                              labels.reshape(-1).index_select(0, places),
                              {.label_smoothing = label_smoothing});
}

std::vector<Guess> guess_tokens(Encoder& encoder, MaskedModule& module, const Batch& batch,
                                int64_t row, const nn::MaskingVocabulary& vocabulary) {
  const auto tokens = batch.at("tokens")[row].contiguous();
  const auto length = batch.at("lengths")[row].item<int64_t>();
  const auto* ids = tokens.data_ptr<int64_t>();
  std::vector<int64_t> places;
  for (int64_t i = 0; i < length; ++i)
    if (std::find(vocabulary.special.begin(), vocabulary.special.end(), ids[i]) ==
        vocabulary.special.end())
      places.push_back(i);
  std::vector<Guess> guesses;
  for (int64_t first = 0; first < std::ssize(places); first += kGuessedTogether) {
    const auto end = std::min(std::ssize(places), first + kGuessedTogether);
    const std::vector<int64_t> some(places.begin() + first, places.begin() + end);
    const auto states = encoder.forward(hidden_at(batch, row, some, vocabulary.mask)).states;
    const auto at_place = states.index({at::arange(std::ssize(some)), at::tensor(some, at::kLong)});
    const auto found = module.logits(at_place).to(at::kDouble).log_softmax(1);  // (N, V)
    const auto [best, numbers] = found.max(1);
    for (int64_t i = 0; i < std::ssize(some); ++i) {
      const auto token = ids[some[static_cast<size_t>(i)]];
      guesses.push_back({token, numbers[i].item<int64_t>(), found[i][token].item<double>(),
                         std::exp(best[i].item<double>())});
    }
  }
  return guesses;
}

Prediction guessed(const std::vector<Guess>& guesses, const data::Tokenizer& tokenizer) {
  double sum = 0;
  auto rows = nlohmann::ordered_json::array();
  for (const auto& guess : guesses) {
    sum += guess.log_probability;
    rows.push_back({{"piece", tokenizer.piece(guess.token)},
                    {"log_probability", guess.log_probability},
                    {"best", tokenizer.piece(guess.best)},
                    {"best_probability", guess.best_probability}});
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", sum);
  const nlohmann::ordered_json json = {{"log_probability", sum}, {"tokens", rows}};
  return {text, json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

}  // namespace heed
