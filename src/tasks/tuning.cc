#include "tasks/tuning.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "heed/core/error.h"

namespace heed {
namespace {

constexpr int64_t kAbove = int64_t{1} << 30;  // the depth of what comes after the last block

/// What stands before a block's number in names, by whether it is a decoder's.
constexpr std::array<std::pair<const char*, bool>, 3> kStacks{
    {{".layers.", false}, {"head.encoder.", false}, {"head.decoder.", true}}};

struct Block {
  int64_t number;  ///< -1: in none
  bool of_decoder;
};

Block block_of(const std::string& name) {
  for (const auto& [stack, of_decoder] : kStacks) {
    const auto at = name.find(stack);
    if (at != std::string::npos)
      return {std::stoll(name.substr(at + std::strlen(stack))), of_decoder};
  }
  return {-1, false};
}

/// Whether it comes after the last block.
bool is_last(const std::string& name) {
  for (const char* part : {"encoder.norm.", "head.encoder_norm.", "head.decoder_norm."})
    if (name.starts_with(part)) return true;
  return name == "head.output" || name == "head.output_bias";
}

}  // namespace

Tuning::Tuning(torch::nn::Module& model, const ModelTable& table,
               std::function<bool(const std::string&)> takes)
    : takes_(std::move(takes)), decay_(table.layer_decay) {
  for (const auto& item : model.named_parameters()) {
    const auto [number, of_decoder] = block_of(item.key());
    if (!of_decoder) encoder_blocks_ = std::max(encoder_blocks_, number + 1);
  }
  for (const auto& item : model.named_parameters())
    if (const auto own = depth(item.key()); own < kAbove) blocks_ = std::max(blocks_, own);
  const bool adapters = table.lora.rank > 0;
  for (auto& item : model.named_parameters()) {
    const bool stays = adapters || table.frozen == Frozen::encoder ||
                       (table.frozen == Frozen::layers && depth(item.key()) <= table.frozen_layers);
    if (stays && takes_(item.key())) item.value().set_requires_grad(false);
  }
  if (adapters) nn::add_lora(model, table.lora, takes_);
  for (const auto& item : model.named_parameters())
    if (item.value().requires_grad()) learning_ += item.value().numel();
  if (learning_ == 0)
    throw ModelError(
        "model.frozen: no weight is left to learn; freeze less, or give model.lora.rank");
}

int64_t Tuning::depth(const std::string& name) const {
  if (!takes_(name)) return kAbove;
  const auto [number, of_decoder] = block_of(name);
  if (number >= 0) return 1 + number + (of_decoder ? encoder_blocks_ : 0);
  return is_last(name) ? kAbove : 0;
}

double Tuning::rate_factor(const std::string& parameter) const {
  return std::pow(decay_,
                  static_cast<double>(blocks_ + 1 - std::min(depth(parameter), blocks_ + 1)));
}

}  // namespace heed
