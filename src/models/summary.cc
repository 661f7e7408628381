#include "heed/models/summary.h"

#include <ATen/record_function.h>
#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <new>
#include <numeric>
#include <typeinfo>
#include <unordered_map>

#include "heed/nn/recording.h"
#include "nn/int8_weights.h"

namespace heed {
namespace {

/// "torch::nn::LinearImpl". Module::name() ends the process where this finds no memory.
std::string type_name(const torch::nn::Module& module) {
  int failure = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(typeid(module).name(), nullptr, nullptr, &failure), std::free);
  if (failure == -1) throw std::bad_alloc();
  return name ? name.get() : typeid(module).name();
}

/// Follows the operators of this thread: which parameter goes in, what comes out.
class Watcher {
 public:
  explicit Watcher(torch::nn::Module& model) : paths_(model) {
    for (const auto& item : model.named_modules("", /*include_self=*/false))
      add_module(item.key(), *item.value());
    add_module("", model);
  }

  void watch(const std::function<void()>& forward) {
    active_ = this;
    const auto handle = at::addThreadLocalCallback(at::RecordFunctionCallback(&begin, &end)
                                                       .needsInputs(true)
                                                       .needsOutputs(true)
                                                       .scopes({at::RecordScope::FUNCTION}));
    struct Restore {
      at::CallbackHandle handle;
      ~Restore() { at::removeCallback(handle), active_ = nullptr; }
    } restore{handle};
    forward();
    if (failure_) std::rethrow_exception(failure_);
  }

  Summary summary() && {
    Summary result;
    for (auto& row : rows_) {
      if (row.parameters == 0 && row.output.empty()) continue;
      result.parameters += row.parameters, result.operations += row.operations;
      result.rows.push_back(std::move(row));
    }
    return result;
  }

 private:
  void add_module(const std::string& path, const torch::nn::Module& module) {
    SummaryRow row;
    row.path = path;
    row.kind = kind_of(module);
    for (const auto& p : module.parameters(/*recurse=*/false))
      if (owner_.emplace(p.storage().unsafeGetStorageImpl(), rows_.size()).second) {
        row.parameters += p.numel();
        if (nn::int8_scales(p).rows.defined()) row.kind += " int8";
      }
    if (const auto* source = dynamic_cast<const nn::MapSource*>(&module))
      attention_.emplace(source->map_name(), rows_.size());
    rows_.push_back(std::move(row));
  }

  /// "Linear" of "torch::nn::LinearImpl".
  static std::string kind_of(const torch::nn::Module& module) {
    std::string name = type_name(module);
    name = name.substr(name.rfind(':') + 1);
    const std::string suffix = "Impl";
    if (name.size() > suffix.size() && name.ends_with(suffix)) name.resize(name.size() - 4);
    return name;
  }

  /// The rows whose parameters an operator was given: its inputs are valid only when it begins.
  struct Use : at::ObserverContext {
    std::vector<std::pair<size_t, std::vector<int64_t>>> parameters;  ///< row, shape
  };

  // LibTorch only logs what these throw, and then calls end() with the context null.
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& call) {
    try {
      return used_by(call);
    } catch (...) {
      active_->failure_ = std::current_exception();
      return nullptr;
    }
  }
  static void end(const at::RecordFunction& call, at::ObserverContext* context) {
    try {
      if (context) made_by(call, static_cast<Use&>(*context));
    } catch (...) {
      active_->failure_ = std::current_exception();
    }
  }

  static std::unique_ptr<Use> used_by(const at::RecordFunction& call) {
    active_->attention(call);
    auto use = std::make_unique<Use>();
    const auto note = [&](const at::Tensor& t) {
      const auto row = active_->row_of(t);
      if (row) use->parameters.emplace_back(*row, t.sizes().vec());
    };
    for (const auto& input : call.inputs()) {
      if (input.isTensor()) note(input.toTensor());
      if (!input.isTensorList()) continue;
      for (const at::Tensor& t : input.toTensorVector()) note(t);
    }
    return use;
  }

  static void made_by(const at::RecordFunction& call, const Use& use) {
    if (call.outputs().empty() || !call.outputs()[0].isTensor()) return;
    const at::Tensor out = call.outputs()[0].toTensor();
    if (!out.defined() || active_->row_of(out)) return;  // a view of a parameter
    for (const auto& [row, shape] : use.parameters)
      active_->layer(active_->rows_[row], call.name(), shape, out);
  }

  std::optional<size_t> row_of(const at::Tensor& t) const {
    if (!t.defined() || !t.has_storage()) return {};
    const auto found = owner_.find(t.storage().unsafeGetStorageImpl());
    return found == owner_.end() ? std::nullopt : std::optional(found->second);
  }

  void attention(const at::RecordFunction& call) {
    const auto found = attention_.find(call.name());
    if (found == attention_.end()) return;
    const auto q = call.inputs()[0].toTensor(), v = call.inputs()[2].toTensor();
    auto& row = rows_[found->second];
    row.output = {q.size(0), q.size(1), q.size(2), v.size(3)};
    row.operations += 2 * q.size(0) * q.size(1) * q.size(2) * v.size(2) * (q.size(3) + v.size(3));
  }

  /// Of the operators that one calls itself each ends before it does, so the outermost sets the
  /// shape; products are counted where they are done.
  void layer(SummaryRow& row, const std::string& op, const std::vector<int64_t>& parameter,
             const at::Tensor& out) {
    if (attends(row)) return;
    row.output = out.sizes().vec();
    if (parameter.size() < 2) return;             // a bias
    if (op == "aten::mm" || op == "aten::addmm")  // a weight (in, out)
      row.operations += 2 * out.numel() * parameter[0];
    if (op == "heed::linear")  // a weight (out, in)
      row.operations += 2 * out.numel() * parameter[1];
    if (op == "aten::convolution")  // a weight (out, in / groups, kernel ...)
      row.operations += std::accumulate(parameter.begin() + 1, parameter.end(), 2 * out.numel(),
                                        std::multiplies<int64_t>());
  }

  bool attends(const SummaryRow& row) const {
    const auto index = static_cast<size_t>(&row - rows_.data());
    return std::any_of(attention_.begin(), attention_.end(),
                       [&](const auto& entry) { return entry.second == index; });
  }

  static thread_local Watcher* active_;
  nn::MapPaths paths_;
  std::exception_ptr failure_;
  std::vector<SummaryRow> rows_;
  std::unordered_map<const void*, size_t> owner_;      // a parameter's storage -> row
  std::unordered_map<std::string, size_t> attention_;  // a map's name -> row
};

thread_local Watcher* Watcher::active_ = nullptr;

/// Evaluation mode for a while.
class Evaluating {
 public:
  explicit Evaluating(torch::nn::Module& model)
      : self_(model), self_training_(model.is_training()) {
    for (const auto& module : model.modules(/*include_self=*/false))
      was_.emplace_back(module, module->is_training());
    model.eval();
  }
  ~Evaluating() {
    self_.train(self_training_);
    for (const auto& [module, training] : was_) module->train(training);  // parents come first
  }

 private:
  torch::nn::Module& self_;
  bool self_training_;
  std::vector<std::pair<std::shared_ptr<torch::nn::Module>, bool>> was_;
};

}  // namespace

Summary summarize(torch::nn::Module& model, const std::function<void()>& forward) {
  torch::NoGradGuard no_gradient;
  Evaluating evaluating(model);
  Watcher watcher(model);
  watcher.watch(forward);
  return std::move(watcher).summary();
}

}  // namespace heed
