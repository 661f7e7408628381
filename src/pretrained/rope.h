// Rotary positions as config.json says them, in both spellings.
//
//   new   rope_parameters = {rope_theta, rope_type, ...}, or one such object a kind of layers
//   old   rope_theta, and rope_scaling = {type or rope_type, factor, ...} where they are stretched
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "heed/ops/attention.h"
#include "pretrained/config.h"

namespace heed::pretrained {

/// What rope is of a kind of layers.
struct RopeOf {
  std::string layers = {};               ///< "full_attention"; empty: of all layers
  std::string old_theta = "rope_theta";  ///< its key in the old spelling
  bool stretched = true;                 ///< whether rope_scaling of the old spelling is its
};

/// One a kind, all keys of both spellings counted as used. `max_positions`: of the config, which
/// yarn and llama3 start from where they do not say what they were trained for. A theta that is
/// nowhere is an error, because models differ in it.
std::vector<OpSpec> read_ropes(Config& config, const std::vector<RopeOf>& kinds,
                               int64_t max_positions);

}  // namespace heed::pretrained
