#include "heed/ops/parameters.h"

#include "ops/op_definition.h"

namespace heed {

std::vector<ParameterSpec> parameters_of(const Attention& how, int64_t num_heads,
                                         int64_t num_kv_heads, int64_t width, int64_t value_width) {
  const kernels::Sizes sizes{
      .H = num_heads, .G = num_kv_heads, .D = width, .E = value_width ? value_width : width};
  std::vector<ParameterSpec> all;
  for (const auto* op : ops::acting_ops(how)) {
    const auto& defined = ops::definition(op->name);
    if (defined.own)
      for (const auto& learned : defined.own->learns(*op, width)) {
        auto shape = learned.shape;
        shape.insert(shape.begin(), num_heads);
        all.push_back({op->name + "." + learned.name, shape, learned.mean, learned.std});
      }
    for (const auto& learned : defined.learned) {
      if (!learned.present(*op)) continue;
      const double deviation = learned.std ? learned.std(sizes) : 0;
      all.push_back(
          {op->name + "." + learned.name, learned.shape(*op, sizes), learned.mean(*op), deviation});
    }
  }
  return all;
}

}  // namespace heed
