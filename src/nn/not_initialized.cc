#include "nn/not_initialized.h"

namespace heed::nn {

thread_local bool NotInitialized::active_ = false;

torch::nn::Linear unfilled_linear(int64_t in, int64_t out, bool bias) {
  if (!NotInitialized::active())
    return torch::nn::Linear(torch::nn::LinearOptions(in, out).bias(bias));
  torch::nn::Linear linear(torch::nn::LinearOptions(1, 1).bias(bias));
  linear->options = torch::nn::LinearOptions(in, out).bias(bias);
  linear->weight.set_data(torch::empty({out, in}));
  if (bias) linear->bias.set_data(torch::empty({out}));
  return linear;
}

}  // namespace heed::nn
