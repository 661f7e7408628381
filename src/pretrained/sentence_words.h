// What sentence-transformers and Heed call the same.
#pragma once

#include <string>
#include <utility>

namespace heed::pretrained {

/// Poolings: pooling_mode, head.pool.kind.
inline constexpr std::pair<const char*, const char*> kPoolingModes[] = {
    {"cls", "first"},
    {"max", "max"},
    {"mean", "mean"},
    {"mean_sqrt_len_tokens", "mean_sqrt"},
    {"weightedmean", "weighted_mean"},
    {"lasttoken", "last"}};

/// Of a dense layer: activation_function, head.activation.
inline constexpr std::pair<const char*, const char*> kDenseActivations[] = {
    {"torch.nn.modules.linear.Identity", "none"},
    {"torch.nn.modules.activation.Tanh", "tanh"},
    {"torch.nn.modules.activation.ReLU", "relu"},
    {"torch.nn.modules.activation.GELU", "gelu"},
    {"torch.nn.modules.activation.SiLU", "silu"}};

/// The key of a mode in 1_Pooling/config.json, which is true for one: pooling_mode_mean_tokens.
inline std::string pooling_key(const std::string& mode) {
  const bool has_end = mode.ends_with("_tokens") || mode == "lasttoken";
  return "pooling_mode_" + mode + (has_end ? "" : mode == "cls" ? "_token" : "_tokens");
}

}  // namespace heed::pretrained
