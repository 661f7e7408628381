#include "heed/ops/parameters.h"

#include "ops/word.h"

namespace heed {

std::vector<ParameterSpec> parameters_of(const Attention& how, int64_t num_heads,
                                         int64_t num_kv_heads, int64_t width, int64_t value_width) {
  const kernels::Sizes sizes{
      .H = num_heads, .G = num_kv_heads, .D = width, .E = value_width ? value_width : width};
  std::vector<ParameterSpec> all;
  for (const auto* part : ops::acting_parts(how)) {
    const auto& word = ops::definition(part->name);
    if (word.own)
      for (const auto& learned : word.own->learns(*part, width)) {
        auto shape = learned.shape;
        shape.insert(shape.begin(), heads);
        all.push_back({part->name + "." + learned.name, shape, learned.mean, learned.std});
      }
    for (const auto& learned : word.learned) {
      if (!learned.present(*part)) continue;
      const double deviation = learned.std ? learned.std(sizes) : 0;
      all.push_back({part->name + "." + learned.name, learned.shape(*part, sizes),
                     learned.mean(*part), deviation});
    }
  }
  return all;
}

}  // namespace heed
