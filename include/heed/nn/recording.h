// While a Recording lives, the attention modules that run on its thread leave their maps in it.
#pragma once

#include <vector>

#include "heed/ops/map.h"

namespace heed {

/// Recordings nest: the innermost one gets the maps. Without one, modules keep nothing and compute nothing more.
class Recording {
 public:
  Recording();
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  size_t size() const { return maps_.size(); }
  const Map& map(size_t i) const;  ///< in the order of the calls; throws UsageError past the end
  const std::vector<Map>& maps() const { return maps_; }

  static Recording* active() noexcept;       ///< the innermost of this thread, or null
  void add(Map map) { maps_.push_back(std::move(map)); }

 private:
  Recording* outer_;
  std::vector<Map> maps_;
};

}  // namespace heed
