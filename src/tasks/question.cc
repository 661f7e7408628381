#include "heed/tasks/question.h"

namespace heed {

Batch Question::copies(int64_t count) const {
  Batch all;
  for (const auto& [name, tensor] : batch.tensors) {
    std::vector<int64_t> times(static_cast<size_t>(tensor.dim()), 1);
    if (!times.empty()) times[0] = count;
    all.tensors.emplace(name, tensor.repeat(times));
  }
  all.records = batch.records.repeat({count});
  return all;
}

}  // namespace heed
