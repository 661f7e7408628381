// While a Recording lives, the attention modules that run on its thread leave their maps in it.
#pragma once

#include <torch/nn/module.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "heed/ops/map.h"

namespace heed {

namespace nn {

class MapSource;

/// While one lives, this thread knows the attentions under `root` by their paths there, as they are
/// when it is made: "encoder.layers.0.attention"; one that stands in two places by the first. They
/// nest: of those that know an attention the innermost names it. Destroyed in the reverse order of
/// their construction, on the thread that made them.
class MapPaths {
 public:
  explicit MapPaths(const torch::nn::Module& root);
  ~MapPaths();
  MapPaths(const MapPaths&) = delete;
  MapPaths& operator=(const MapPaths&) = delete;

  /// The path, or "attention" where none is known and for a root itself.
  static const std::string& of(const MapSource& source) noexcept;

 private:
  const MapPaths* outer_;
  std::unordered_map<const MapSource*, std::string> paths_;
};

}  // namespace nn

/// The maps of what runs under `root`, each named by its attention's path there (nn::MapPaths):
///
///     struct Net : torch::nn::Module { ... };
///     Net net;
///     heed::Recording seen(net);  // a holder is dereferenced: seen(*layer)
///     net.forward(x);
///     seen.map(0).name();
///
/// What runs beside `root` is recorded too. Recordings nest: the innermost one gets the maps.
/// Without one, modules keep nothing and compute nothing more. Destroyed in the reverse order of
/// their construction, on the thread that made them.
class Recording {
 public:
  explicit Recording(const torch::nn::Module& root);
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
  nn::MapPaths paths_;
  Recording* outer_;
  std::vector<Map> maps_;
};

namespace nn {

/// What an attention module is beside a torch::nn::Module: a place where maps come from.
class MapSource {
 public:
  virtual ~MapSource() = default;

  /// What its maps are called at this time: MapPaths::of().
  const std::string& map_name() const noexcept { return MapPaths::of(*this); }

 protected:
  /// heed::attend of what in `how` is the operator's; positions of q and k, gate and merge are the
  /// module's, which does them itself. While a Recording lives the map goes there, without gradient
  /// history; while a Probe (heed/nn/probe.h) lives it sees the call. LibTorch's profiler shows the
  /// call under map_name().
  at::Tensor attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                    const Attention& how, const AttendInputs& inputs) const;

 private:
  at::Tensor attended(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                      const Attention& how, const AttendInputs& inputs) const;
};

}  // namespace nn
}  // namespace heed
