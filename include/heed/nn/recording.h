// While a Recording lives, the attention modules that run on its thread leave their maps in it.
#pragma once

#include <torch/nn/module.h>

#include <string>
#include <vector>

#include "heed/ops/map.h"

namespace heed {

/// Recordings nest: the innermost one gets the maps. Without one, modules keep nothing and compute
/// nothing more. Destroyed in the reverse order of their construction, on the thread that made
/// them.
class Recording {
 public:
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  size_t size() const { return maps_.size(); }
  /// In the order of the calls; throws UsageError past the end.
  const Map& map(size_t i) const;
  const std::vector<Map>& maps() const { return maps_; }

  static Recording* active() noexcept;  ///< the innermost of this thread, or null
  void add(Map map) { maps_.push_back(std::move(map)); }

 private:
  Recording* outer_;
  std::vector<Map> maps_;
};

namespace nn {

/// What an attention module is beside a torch::nn::Module: a place where maps come from.
class MapSource {
 public:
  virtual ~MapSource() = default;

  const std::string& map_name() const { return map_name_; }
  void map_name(std::string name) { map_name_ = std::move(name); }

 protected:
  /// heed::attend; while a Recording lives the map goes there, without gradient history. LibTorch's
  /// profiler shows the call under map_name().
  at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const Attention& how, const AttendInputs& inputs) const;

 private:
  std::string map_name_ = "attention";
};

/// Names the maps of every attention under `root` by its path there: "encoder.layers.0.attention".
/// Models call it on themselves.
void name_maps(torch::nn::Module& root);

}  // namespace nn
}  // namespace heed
