#include "train/optimizer.h"

#include <torch/optim/adam.h>
#include <torch/optim/adamw.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <type_traits>

#include "heed/core/error.h"
#include "kernels/adam.h"
#include "ops/torch_version.h"

namespace heed {
namespace {

using torch::optim::Optimizer;

template <class LibTorchOptions>
std::unique_ptr<LibTorchOptions> group_options(const OptimizerOptions& options, double decay) {
  auto group = std::make_unique<LibTorchOptions>(options.lr);
  group->betas({options.beta1, options.beta2}).eps(options.eps).weight_decay(decay);
  return group;
}

/// Parameters with one weight decay and one rate.
struct Group {
  bool decaying;
  double rate;
  std::vector<at::Tensor> parameters = {};
};

std::vector<Group> groups_of(const NamedTensors& parameters,
                             const ModelOptimizer::RateOf& rate_of) {
  std::vector<Group> groups;
  for (const auto& [name, parameter] : parameters) {
    const Group own{decays(name, parameter), rate_of ? rate_of(name) : 1};
    auto group = std::find_if(groups.begin(), groups.end(), [&](const Group& other) {
      return other.decaying == own.decaying && other.rate == own.rate;
    });
    if (group == groups.end()) group = groups.insert(group, own);
    group->parameters.push_back(parameter);
  }
  return groups;
}

template <class LibTorchOptimizer, class LibTorchOptions>
std::unique_ptr<Optimizer> make(const std::vector<Group>& groups, const OptimizerOptions& options,
                                double decay) {
  std::vector<torch::optim::OptimizerParamGroup> own;
  for (const auto& group : groups)
    own.emplace_back(group.parameters,
                     group_options<LibTorchOptions>(options, group.decaying ? decay : 0));
  return std::make_unique<LibTorchOptimizer>(std::move(own), LibTorchOptions(options.lr));
}

/// Whether kernels::adam_step can take it.
bool is_plain(const at::Tensor& t) {
  return t.is_cpu() && t.layout() == at::kStrided && t.is_contiguous() &&
         (t.scalar_type() == at::kFloat || t.scalar_type() == at::kDouble);
}

template <class T, class State, class LibTorchOptions>
void update(const at::Tensor& parameter, const at::Tensor& gradient, State& state,
            const LibTorchOptions& options, double decay) {
  const auto [beta1, beta2] = options.betas();
  const auto t = static_cast<double>(state.step());
  kernels::adam_step(kernels::AdamStep<T>{.count = parameter.numel(),
                                          .gradient = gradient.data_ptr<T>(),
                                          .parameter = parameter.data_ptr<T>(),
                                          .mean = state.exp_avg().template data_ptr<T>(),
                                          .square = state.exp_avg_sq().template data_ptr<T>(),
                                          .beta1 = beta1,
                                          .beta2 = beta2,
                                          .epsilon = options.eps(),
                                          .keep = 1 - options.lr() * decay,
                                          .rate = options.lr() / (1 - std::pow(beta1, t)),
                                          .root = std::sqrt(1 - std::pow(beta2, t))});
  parameter.unsafeGetTensorImpl()->bump_version();
}

/// What the optimizer's own step does, in one pass over each parameter instead of a dozen; Adam has no decay here.
template <class State, class LibTorchOptions>
void step_by_kernel(Optimizer& optimizer) {
  const at::NoGradGuard no_grad;
  for (auto& group : optimizer.param_groups()) {
    const auto& options = static_cast<const LibTorchOptions&>(group.options());
    const double decay =
        std::is_same_v<LibTorchOptions, torch::optim::AdamWOptions> ? options.weight_decay() : 0;
    for (const auto& parameter : group.params()) {
      if (!parameter.grad().defined()) continue;
      auto& slot = optimizer.state()[ops::optimizer_key(optimizer.state(), parameter)];
      if (!slot) {
        auto state = std::make_unique<State>();
        state->exp_avg(at::zeros_like(parameter)).exp_avg_sq(at::zeros_like(parameter));
        slot = std::move(state);
      }
      auto& state = static_cast<State&>(*slot);
      state.step(state.step() + 1);
      const auto gradient = parameter.grad().contiguous();
      parameter.scalar_type() == at::kDouble
          ? update<double>(parameter, gradient, state, options, decay)
          : update<float>(parameter, gradient, state, options, decay);
    }
  }
}

/// A rank for each parameter: the largest first, each to whom has least so far.
std::vector<int64_t> parted(const NamedTensors& parameters, int64_t count) {
  std::vector<size_t> order(parameters.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return parameters[a].second.numel() > parameters[b].second.numel();
  });
  std::vector<int64_t> owners(parameters.size(), 0), sizes(static_cast<size_t>(count), 0);
  for (const size_t i : order) {
    const auto least = std::min_element(sizes.begin(), sizes.end());
    owners[i] = least - sizes.begin();
    *least += parameters[i].second.numel();
  }
  return owners;
}

constexpr const char* kStateKinds[] = {"mean", "square", "updates"};

std::string state_name(const std::string& parameter, const char* what) {
  return "optimizer/" + parameter + "." + what;
}

template <class State>
void collect(const Optimizer& optimizer, const NamedTensors& parameters, NamedTensors& to) {
  for (const auto& [name, parameter] : parameters) {
    const auto found = optimizer.state().find(ops::optimizer_key(optimizer.state(), parameter));
    if (found == optimizer.state().end()) continue;
    const auto& state = static_cast<const State&>(*found->second);
    to.emplace_back(state_name(name, "mean"), state.exp_avg());
    to.emplace_back(state_name(name, "square"), state.exp_avg_sq());
    to.emplace_back(state_name(name, "updates"), at::scalar_tensor(state.step(), at::kLong));
  }
}

/// The three tensors of a parameter's state, checked; nothing where it has none.
std::optional<std::array<at::Tensor, 3>> parts_of(const std::map<std::string, at::Tensor>& state,
                                                  const std::string& name,
                                                  const at::Tensor& parameter) {
  std::array<at::Tensor, 3> parts;
  size_t found = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto at = state.find(state_name(name, kStateKinds[i]));
    if (at == state.end()) continue;
    ++found, parts[i] = at->second;
    const bool is_count = i == 2;
    const bool fits = is_count ? parts[i].dim() == 0 && parts[i].scalar_type() == at::kLong
                               : parts[i].sizes() == parameter.sizes() &&
                                     parts[i].scalar_type() == parameter.scalar_type();
    if (!fits) throw ModelError("the checkpoint's " + at->first + " does not fit its parameter");
  }
  if (found == 0) return std::nullopt;
  if (found < parts.size()) {
    throw ModelError("the checkpoint lacks a part of " + state_name(name, "*") +
                     ": expected mean, square and updates");
  }
  return parts;
}

template <class State>
size_t take_over(Optimizer& optimizer, const NamedTensors& parameters,
                 const std::map<std::string, at::Tensor>& tensors) {
  size_t used = 0;
  for (const auto& [name, parameter] : parameters) {
    const auto parts = parts_of(tensors, name, parameter);
    if (!parts) continue;
    auto state = std::make_unique<State>();
    state->exp_avg(parts->at(0).clone()).exp_avg_sq(parts->at(1).clone());
    state->step(parts->at(2).template item<int64_t>());
    optimizer.state()[ops::optimizer_key(optimizer.state(), parameter)] = std::move(state);
    used += parts->size();
  }
  return used;
}

}  // namespace

bool decays(const std::string& name, const at::Tensor& parameter) {
  return parameter.dim() >= 2 && (name == "weight" || name.ends_with(".weight"));
}

ModelOptimizer::ModelOptimizer(torch::nn::Module& model, const OptimizerOptions& options,
                               const RateOf& rate_of, Processes* owners)
    : owners_(owners && owners->are_several() ? owners : nullptr), options_(options) {
  using namespace torch::optim;
  for (const auto& item : model.named_parameters()) {
    if (item.value().requires_grad()) parameters_.emplace_back(item.key(), item.value());
  }
  owner_of_ = parted(parameters_, owners_ ? owners_->count() : 1);
  const auto groups = groups_of(own_parameters(), rate_of);
  for (const auto& group : groups) rates_.push_back(group.rate);
  optimizer_ = options.kind == OptimizerKind::adam
                   ? make<Adam, AdamOptions>(groups, options, 0)
                   : make<AdamW, AdamWOptions>(groups, options, options.weight_decay);
}

void ModelOptimizer::step(double factor) {
  for (size_t i = 0; i < rates_.size(); ++i)
    optimizer_->param_groups()[i].options().set_lr(options_.lr * factor * rates_[i]);
  if (!std::all_of(parameters_.begin(), parameters_.end(), [](const auto& own) {
        return is_plain(own.second) &&
               (!own.second.grad().defined() || own.second.grad().layout() == at::kStrided);
      }))
    optimizer_->step();
  else if (options_.kind == OptimizerKind::adam)
    step_by_kernel<torch::optim::AdamParamState, torch::optim::AdamOptions>(*optimizer_);
  else
    step_by_kernel<torch::optim::AdamWParamState, torch::optim::AdamWOptions>(*optimizer_);
  std::vector<bool> updated;
  for (auto& [name, parameter] : parameters_) {
    updated.push_back(parameter.grad().defined());
    parameter.mutable_grad() = at::Tensor();
  }
  if (owners_) send_updates(updated);
}

bool ModelOptimizer::is_own(size_t parameter) const {
  return !owners_ || owner_of_[parameter] == owners_->rank();
}

NamedTensors ModelOptimizer::own_parameters() const {
  NamedTensors own;
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (is_own(i)) own.push_back(parameters_[i]);
  return own;
}

/// What each owner updated, as one line of numbers, to all others.
void ModelOptimizer::send_updates(const std::vector<bool>& updated) {
  const at::NoGradGuard no_grad;
  std::vector<std::vector<at::Tensor>> parts(static_cast<size_t>(owners_->count()));
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (updated[i]) parts[static_cast<size_t>(owner_of_[i])].push_back(parameters_[i].second);
  std::vector<std::pair<at::Tensor, std::function<void()>>> sent;
  for (size_t rank = 0; rank < parts.size(); ++rank) {
    std::vector<at::Tensor> flat;
    for (const auto& part : parts[rank]) flat.push_back(part.reshape({-1}));
    auto line = flat.empty() ? at::empty({0}) : at::cat(flat);
    sent.emplace_back(line, owners_->start_from(static_cast<int64_t>(rank), line));
  }
  for (size_t rank = 0; rank < parts.size(); ++rank) {
    sent[rank].second();
    int64_t at = 0;
    for (auto& part : parts[rank]) {
      if (static_cast<int64_t>(rank) != owners_->rank())
        part.copy_(sent[rank].first.narrow(0, at, part.numel()).view(part.sizes()));
      at += part.numel();
    }
  }
}

std::vector<at::Tensor> ModelOptimizer::gradients() const {
  std::vector<at::Tensor> gradients;
  for (const auto& [name, parameter] : parameters_) {
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  }
  return gradients;
}

double ModelOptimizer::gradient_norm(double clip) {
  const at::NoGradGuard no_grad;
  const auto all = gradients();
  if (all.empty()) return 0;
  const double norm = at::stack(at::_foreach_norm(all)).norm().item<double>();
  if (clip > 0 && norm > clip) at::_foreach_mul_(all, clip / norm);
  return norm;
}

void ModelOptimizer::scale_gradients(double factor) {
  const at::NoGradGuard no_grad;
  const auto all = gradients();
  if (!all.empty()) at::_foreach_mul_(all, factor);
}

NamedTensors ModelOptimizer::own_state() const {
  NamedTensors state;
  if (options_.kind == OptimizerKind::adam) {
    collect<torch::optim::AdamParamState>(*optimizer_, own_parameters(), state);
  } else {
    collect<torch::optim::AdamWParamState>(*optimizer_, own_parameters(), state);
  }
  return state;
}

/// Tensor by tensor, so that nobody but the first process has more than its own and one at any moment.
NamedTensors ModelOptimizer::state() const {
  const auto own = own_state();
  if (!owners_) return own;
  const std::map<std::string, at::Tensor> mine(own.begin(), own.end());
  const auto updates_of = [&](const std::string& name) {
    return mine.find(state_name(name, "updates"));
  };
  std::vector<double> updates;
  for (const auto& [name, parameter] : parameters_)
    updates.push_back(updates_of(name) == mine.end()
                          ? 0
                          : static_cast<double>(updates_of(name)->second.item<int64_t>()));
  owners_->sum(updates);
  NamedTensors all;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    if (updates[i] == 0) continue;
    const auto& [name, parameter] = parameters_[i];
    for (const char* kind : {"mean", "square"}) {
      const auto full = state_name(name, kind);
      const auto values =
          is_own(i) ? mine.at(full).contiguous() : at::empty_like(parameter).detach();
      owners_->start_from(owner_of_[i], values)();
      if (owners_->is_first()) all.emplace_back(full, values);
    }
    if (owners_->is_first())
      all.emplace_back(state_name(name, "updates"),
                       at::scalar_tensor(static_cast<int64_t>(updates[i]), at::kLong));
  }
  return all;
}

void ModelOptimizer::restore(const NamedTensors& state) {
  std::map<std::string, at::Tensor> tensors(state.begin(), state.end());
  for (size_t i = 0; i < parameters_.size(); ++i)
    for (const char* kind : kStateKinds)
      if (!is_own(i)) tensors.erase(state_name(parameters_[i].first, kind));
  const auto own = own_parameters();
  const size_t used = options_.kind == OptimizerKind::adam
                          ? take_over<torch::optim::AdamParamState>(*optimizer_, own, tensors)
                          : take_over<torch::optim::AdamWParamState>(*optimizer_, own, tensors);
  if (used == tensors.size()) return;
  for (const auto& [name, parameter] : parameters_)
    for (const char* kind : kStateKinds) tensors.erase(state_name(name, kind));
  throw ModelError("the optimizer state '" + tensors.begin()->first +
                   "' belongs to no parameter of the model");
}

}  // namespace heed
