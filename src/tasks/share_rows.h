// The rows of a batch that are a process' share.
#pragma once

#include "heed/data/share.h"
#include "heed/models/encoder.h"

namespace heed {

/// Of a batch whose tensors all have a row an example.
inline Batch rows_of(const data::Share& share, Batch batch) {
  if (share.count == 1) return batch;
  const auto own = [&](const at::Tensor& all) {
    return share.index < all.size(0)
               ? all.slice(0, share.index, all.size(0), share.count).contiguous()
               : all.slice(0, 0, 0);
  };
  for (auto& [name, tensor] : batch.tensors) tensor = own(tensor);
  batch.records = own(batch.records);
  return batch;
}

}  // namespace heed
