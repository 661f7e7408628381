#include "heed/models/recurrent_stack.h"

#include "heed/ops/dropout.h"
#include "models/recurrent_cell.h"
#include "nn/model_memory.h"

namespace heed {
namespace {

struct BothWaysImpl : torch::nn::Module {
  BothWaysImpl(RecurrentCell cell, int64_t width, int64_t known)
      : forward(register_module("forward", models::Cell(cell, width, known, 0))),
        backward(register_module("backward", models::Cell(cell, width, known, 0))) {}
  models::Cell forward, backward;
};
TORCH_MODULE(BothWays);

}  // namespace

RecurrentStack::RecurrentStack(torch::nn::Module& owner, const std::string& name, int64_t count,
                               RecurrentCell cell, int64_t width, int64_t input_width) {
  layers = owner.register_module(name, torch::nn::ModuleList());
  for (int64_t i = 0; i < count; ++i) {
    layers->push_back(BothWays(cell, width / 2, i == 0 ? input_width : width));
    if (i == 1) nn::check_repeated(*layers->children()[1], count - 1);
  }
}

ReadBothWays RecurrentStack::forward(at::Tensor x, const at::Tensor& lengths, double dropout) {
  ReadBothWays found;
  for (size_t i = 0; i < layers->size(); ++i) {
    auto& layer = *layers[i]->as<BothWaysImpl>();
    if (i > 0) x = heed::dropout(x, dropout, /*training=*/true);
    found = models::read_both_ways(*layer.forward, *layer.backward, x, lengths);
    x = found.all;
  }
  return found;
}

}  // namespace heed
