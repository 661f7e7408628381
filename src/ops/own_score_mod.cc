// Words that a program registered: the stage that hands tiles of scores to its modifier.
#include "ops/own_score_mod.h"

#include "heed/core/error.h"

namespace heed::ops {
namespace {

/// Where a block begins in the call, and the position of the call's first query.
struct BlockPlace {
  int64_t row, column, offset;
};

template <class T>
ScoreTile<T> shown(const kernels::Tile<T>& t, const BlockPlace& of) {
  const int64_t row = of.row + t.row, column = of.column + t.column;
  return {t.data, t.stride, t.batch, t.head, row, t.rows, column, t.columns, of.offset};
}

/// The stage. Gradients of what is learned are collected by (chunk of keys, batch, head), each of
/// which is one task's, and added in that order.
template <class T>
class OwnScoreMod final : public kernels::Modifier<T> {
 public:
  OwnScoreMod(const OpSpec& op, const Operands& operands)
      : op_(op),
        sizes_(operands.context.sizes),
        place_{operands.context.row, operands.context.column, operands.context.offset} {
    own_ = definition(op.name).own;
    for (const auto& learned : own_->learns(op, sizes_.D)) {
      const auto& operand = *operands.find(parameter_name(op, learned));
      parameters_.emplace_back(operand.value.detach());
      grads_.push_back(operand.grad);
    }
  }

  void forward(const kernels::Tile<T>& scores) const noexcept override {
    std::array<const T*, kMost> parameters;
    own_->forward(shown(scores, place_), inputs(scores.head, parameters));
  }

  void backward(const kernels::Tile<T>& scores,
                const kernels::Tile<T>& gradient) const noexcept override {
    std::array<const T*, kMost> parameters;
    std::array<T*, kMost> to;
    const int64_t slot = (gradient.chunk * sizes_.B + gradient.batch) * sizes_.H + gradient.head;
    for (size_t i = 0; i < grads_.size(); ++i)
      to[i] = collected_[i].defined() ? OfHeads<T>(collected_[i]).at(slot) : nullptr;
    own_->backward(shown(scores, place_), shown(gradient, place_),
                   inputs(gradient.head, parameters), {to.data(), grads_.size()});
  }

  bool looks_before() const noexcept override { return true; }

  void begin_backward(int64_t chunks) override {
    for (const auto& grad : grads_) {
      auto& slots = collected_.emplace_back();
      if (!grad.defined()) continue;
      std::vector<int64_t> shape = {chunks * sizes_.B * sizes_.H};
      shape.insert(shape.end(), grad.sizes().begin() + 1, grad.sizes().end());
      slots = at::zeros(shape, grad.options());
    }
  }

  void end_backward() override {
    for (size_t i = 0; i < grads_.size(); ++i) {
      if (!grads_[i].defined()) continue;
      const int64_t count = grads_[i].numel();  // H ...
      const T* from = collected_[i].template data_ptr<T>();
      T* to = grads_[i].template data_ptr<T>();
      for (int64_t x = 0; x < count; ++x) {
        double sum = 0;
        for (int64_t s = 0; s < collected_[i].numel(); s += count) sum += from[s + x];
        to[x] = static_cast<T>(sum);
      }
    }
  }

 private:
  ScoreModInputs<T> inputs(int64_t head, std::array<const T*, kMost>& parameters) const noexcept {
    for (size_t i = 0; i < parameters_.size(); ++i)
      parameters[i] = OfHeads<const T>(parameters_[i]).at(head);
    return {op_, {parameters.data(), parameters_.size()}};
  }

  const OpSpec op_;
  const kernels::Sizes sizes_;
  const BlockPlace place_;
  std::shared_ptr<const ScoreMod> own_;
  std::vector<at::Tensor> parameters_, grads_, collected_;
};

template <class T>
std::unique_ptr<kernels::Modifier<T>> make_own(const OpSpec& op, const Operands& operands) {
  return std::make_unique<OwnScoreMod<T>>(op, operands);
}

void prepare_own(const OpSpec& op, Operands& operands) {
  for (const auto& learned : definition(op.name).own->learns(op, operands.context.sizes.D)) {
    const auto name = parameter_name(op, learned);
    operands.add(name, operands.context.parameters.at(name).contiguous());
  }
}

bool is_name(const std::string& name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name[0] >= 'a' && std::all_of(name.begin(), name.end(), fits);
}

void check_learns(const OpSpec& op, const Attention&) {
  const auto learned = definition(op.name).own->learns(op, 1);
  if (learned.size() > kMost)
    throw UsageError("attention: " + op.name + ": expected at most " + std::to_string(kMost) +
                     " learned tensors, given " + std::to_string(learned.size()));
}

}  // namespace
}  // namespace heed::ops

namespace heed {

void register_score_mod(std::string name, std::shared_ptr<const ScoreMod> modifier,
                        std::vector<OpKind::Argument> arguments, std::string help) {
  if (!modifier) throw UsageError("register_score_mod: '" + name + "': expected a modifier");
  if (!ops::is_name(name))
    throw UsageError(
        "register_score_mod: expected a name of small letters, digits and '_', given '" + name +
        "'");
  ops::add_definition(
      {.kind = {OpKind::Role::modifier, std::move(name), std::move(arguments), std::move(help)},
       .check = ops::check_learns,
       .change = ops::change_own,
       .prepare = ops::prepare_own,
       .modifier = {ops::make_own<float>, ops::make_own<double>},
       .own = std::move(modifier)});
}

}  // namespace heed
