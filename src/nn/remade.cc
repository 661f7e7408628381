#include "heed/nn/remade.h"

#include "heed/core/error.h"

namespace heed::nn {
namespace {

/// The values of `from` beside those of `to`, by name.
template <class Values, class Visit>
void for_each_pair(const char* kind, const Values& from, const Values& to, const Visit& visit) {
  const auto refuse = [&](const std::string& name, const char* who) {
    throw UsageError("copy_values: expected modules of one structure, but the " + std::string(who) +
                     " lacks the " + kind + " '" + name + "'");
  };
  for (const auto& item : to)
    if (!from.contains(item.key())) refuse(item.key(), "original");
  for (const auto& item : from) {
    const auto* found = to.find(item.key());
    if (!found) refuse(item.key(), "copy");
    visit(item.value(), *found);
  }
}

}  // namespace

void copy_values(const torch::nn::Module& from, torch::nn::Module& to,
                 const c10::optional<torch::Device>& device) {
  const torch::NoGradGuard no_gradient;
  const auto copy = [&](const at::Tensor& value, at::Tensor place) {
    auto own = value.detach().clone();
    place.set_data(device.has_value() ? own.to(*device) : own);
  };
  for_each_pair("parameter", from.named_parameters(), to.named_parameters(),
                [&](const at::Tensor& value, at::Tensor place) {
                  copy(value, place);
                  place.requires_grad_(value.requires_grad());
                });
  for_each_pair("buffer", from.named_buffers(), to.named_buffers(), copy);
  to.train(from.is_training());
  // Parents come first, so each part ends as its own original is.
  for_each_pair(
      "module", from.named_modules("", false), to.named_modules("", false),
      [](const auto& original, const auto& part) { part->train(original->is_training()); });
}

}  // namespace heed::nn
