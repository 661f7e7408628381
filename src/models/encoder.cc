#include "heed/models/encoder.h"

#include "heed/core/error.h"

namespace heed {

const at::Tensor& Batch::at(const std::string& name) const {
  const auto found = tensors.find(name);
  if (found != tensors.end()) return found->second;
  std::string there;
  for (const auto& [other, tensor] : tensors) there += (there.empty() ? "" : ", ") + other;
  throw UsageError("batch: no tensor '" + name + "'; there " +
                   (there.empty() ? std::string("are none") : "are " + there));
}

}  // namespace heed
