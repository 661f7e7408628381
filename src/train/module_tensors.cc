// Between a module's parameters and buffers and tensors by name.
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "formats/safetensors_header.h"
#include "heed/core/error.h"
#include "heed/train/model_folder.h"

namespace heed {
namespace {

[[noreturn]] void does_not_fit(const std::filesystem::path& file, const std::string& name,
                               const std::string& expected, const std::string& found) {
  throw ModelError(file.string() + ": tensor " + in_quotes(name) + ": expected " + expected +
                   ", found " + found +
                   "; the recipe and the tensors do not belong together, or the file is damaged");
}

std::string text_of(const at::Tensor& tensor) {
  std::string text = std::string(at::toString(tensor.scalar_type())) + " (";
  for (int64_t i = 0; i < tensor.dim(); ++i) {
    text += (i ? ", " : "") + std::to_string(tensor.size(i));
  }
  return text + ")";
}

void check(const std::filesystem::path& file, const std::string& name, const at::Tensor& own,
           const at::Tensor& given, bool parameter) {
  if (own.sizes() != given.sizes() || own.scalar_type() != given.scalar_type()) {
    does_not_fit(file, name, text_of(own), text_of(given));
  }
  // A sum of numbers is one, unless it is too large; then they are counted.
  if (!given.is_floating_point() || std::isfinite(given.sum().item<double>())) return;
  const int64_t nans = at::isnan(given).sum().item<int64_t>();
  if (nans > 0) does_not_fit(file, name, "numbers", std::to_string(nans) + " NaN");
  // A buffer may hold infinity: a mask that is added to scores.
  const int64_t infinite = parameter ? at::isinf(given).sum().item<int64_t>() : 0;
  if (infinite > 0)
    does_not_fit(file, name, "finite weights", std::to_string(infinite) + " infinite");
}

}  // namespace

NamedTensors named_tensors(const torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& item : module.named_parameters())
    tensors.emplace_back(item.key(), item.value().detach());
  for (const auto& item : module.named_buffers())
    tensors.emplace_back(item.key(), item.value().detach());
  return tensors;
}

namespace {

/// The tensors by name, which are those of the module. Throws as load_into.
std::unordered_map<std::string, at::Tensor> checked(const torch::nn::Module& module,
                                                    const NamedTensors& tensors,
                                                    const std::filesystem::path& file) {
  std::unordered_map<std::string, at::Tensor> given;
  for (const auto& [name, tensor] : tensors) {
    if (!given.emplace(name, tensor).second)
      does_not_fit(file, name, "one tensor of that name", "two");
  }
  const size_t parameters = module.named_parameters().size();
  const NamedTensors own = named_tensors(module);
  for (size_t i = 0; i < own.size(); ++i) {
    const auto& [name, tensor] = own[i];
    const auto found = given.find(name);
    if (found == given.end()) does_not_fit(file, name, text_of(tensor), "no such tensor");
    check(file, name, tensor, found->second, i < parameters);
  }
  if (given.size() > own.size()) {
    for (const auto& [name, tensor] : own) given.erase(name);
    for (const auto& [name, tensor] : tensors) {  // the first in the file's order
      if (given.contains(name)) does_not_fit(file, name, "no such tensor", text_of(tensor));
    }
  }
  return given;
}

}  // namespace

void load_into(torch::nn::Module& module, const NamedTensors& tensors,
               const std::filesystem::path& file) {
  const auto given = checked(module, tensors, file);
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : named_tensors(module)) at::Tensor(tensor).copy_(given.at(name));
}

void take_into(torch::nn::Module& module, const NamedTensors& tensors,
               const std::filesystem::path& file) {
  const auto given = checked(module, tensors, file);
  for (auto& item : module.named_parameters()) item.value().set_data(given.at(item.key()));
  for (auto& item : module.named_buffers()) item.value().set_data(given.at(item.key()));
}

}  // namespace heed
