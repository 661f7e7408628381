// A chunk's logits become losses and their own gradient in place, from which the gradients of
// hidden, weight and bias are taken at once.
#include "ops/loss_pass.h"

#include "kernels/cross_entropy.h"
#include "kernels/packed_product.h"
#include "ops/packed_product.h"
#include "ops/product.h"

namespace heed::ops {
namespace {

constexpr int64_t kChunkBytes = int64_t{8} << 20;   // of logits
constexpr int64_t kPackedBytes = int64_t{1} << 20;  // of weight
constexpr int64_t kCappedRows = 8;                  // of a task

/// The rows that count: where none is ignored `index` is undefined, and their labels are all.
struct Kept {
  at::Tensor index, labels;  // (n), (n) contiguous
};

Kept kept_rows(const at::Tensor& labels, int64_t ignore) {
  const auto counts = labels != ignore;
  if (counts.all().item<bool>()) return {{}, labels.contiguous()};
  const auto index = counts.nonzero().squeeze(1);
  return {index, labels.index_select(0, index)};
}

int64_t pieces(int64_t count, int64_t size) { return kernels::divide_up(count, size); }

at::Tensor piece(const at::Tensor& t, int64_t i, int64_t size) {
  return t.narrow(0, i * size, std::min(size, t.size(0) - i * size));
}

/// One pass over the rows.
class LossPass {
 public:
  LossPass(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
           const at::Tensor& labels, const CrossEntropyOptions& options, const LossGradients& grads)
      : hidden_(hidden), weight_(weight), grads_(grads) {
    if (bias.defined()) bias_ = bias.contiguous();
    kept_ = kept_rows(labels, options.ignore);
    smoothing_ = options.label_smoothing, softcap_ = options.softcap;
    const int64_t V = weight.size(0), M = std::max<int64_t>(weight.size(1), 1);
    const auto size = static_cast<int64_t>(hidden.element_size());
    rows_ = whole(kChunkBytes / (V * size), kernels::kRowsTogether);
    classes_ = std::min(whole(kPackedBytes / (M * size), kernels::kPackedRows), V);
  }

  LossSums run() {
    const int64_t n = kept_.labels.size(0);
    if (n > 0)
      logits_ =
          at::empty({std::min(n, rows_), weight_.size(0)}, hidden_.options().requires_grad(false));
    if (grads_.bias.defined()) bias_sums_ = at::zeros({weight_.size(0)}, at::kDouble);
    for (int64_t first = 0; first < n; first += rows_) {
      const int64_t count = std::min(rows_, n - first);
      hidden_.scalar_type() == at::kDouble ? chunk<double>(first, count)
                                           : chunk<float>(first, count);
    }
    if (grads_.bias.defined()) grads_.bias.copy_(bias_sums_);
    return sums_;
  }

 private:
  /// At least one unit, and no part of one.
  static int64_t whole(int64_t count, int64_t unit) {
    return std::max<int64_t>(count / unit, 1) * unit;
  }

  template <class T>
  void chunk(int64_t first, int64_t count) {
    const auto index = kept_.index.defined() ? kept_.index.narrow(0, first, count) : at::Tensor();
    const auto x = index.defined() ? hidden_.index_select(0, index)
                                   : hidden_.narrow(0, first, count).contiguous();
    const auto logits = logits_.narrow(0, 0, count);
    project(x, logits);
    const auto slopes = cap(logits);
    take_losses<T>(logits, first, count);
    if (slopes.defined()) logits.mul_(slopes);
    if (grads_.bias.defined())
      kernels::add_rows<T>(count, logits.size(1), logits.template data_ptr<T>(),
                           bias_sums_.template data_ptr<double>());
    if (!grads_.hidden.defined() && !grads_.weight.defined()) return;
    const bool scatters = grads_.hidden.defined() && index.defined();
    auto to = grads_.hidden;
    if (to.defined()) to = scatters ? at::empty_like(x) : to.narrow(0, first, count);
    send_back(x, logits, to);
    if (scatters) grads_.hidden.index_copy_(0, index, to);
  }

  void project(const at::Tensor& x, const at::Tensor& logits) {
    for_classes([&](int64_t first, const at::Tensor& weight) {
      const int64_t count = weight.size(0);
      products_.multiply(x, weight.t(), logits.narrow(1, first, count), false,
                         bias_.defined() ? bias_.narrow(0, first, count) : bias_);
    });
  }

  /// visit(first, weight) for the classes that are packed together.
  template <class Visit>
  void for_classes(const Visit& visit) const {
    for (int64_t i = 0; i < pieces(weight_.size(0), classes_); ++i)
      visit(i * classes_, piece(weight_, i, classes_));
  }

  /// Logits x to c tanh(x / c); where a gradient is wanted, the slope of that: (n, V).
  at::Tensor cap(const at::Tensor& logits) const {
    if (softcap_ == 0) return {};
    const auto slopes = grads_.any() ? at::empty_like(logits) : at::Tensor();
    in_tasks(pieces(logits.size(0), kCappedRows), [&](int64_t task) {
      const auto x = piece(logits, task, kCappedRows).div_(softcap_).tanh_();
      if (slopes.defined()) piece(slopes, task, kCappedRows).copy_(1 - x.square());
      x.mul_(softcap_);
    });
    return slopes;
  }

  /// The gradient of x goes `to`, that of weight is added.
  void send_back(const at::Tensor& x, const at::Tensor& slope, const at::Tensor& to) {
    if (to.defined())
      for_classes([&](int64_t first, const at::Tensor& weight) {
        products_.multiply(slope.narrow(1, first, weight.size(0)), weight, to, first > 0);
      });
    if (grads_.weight.defined()) products_.multiply(slope.t(), x, grads_.weight, true);
  }

  template <class T>
  void take_losses(const at::Tensor& logits, int64_t first, int64_t count) {
    const auto size = static_cast<size_t>(count);
    std::vector<double> loss(size), nll(size);
    std::vector<uint8_t> right(size);
    kernels::cross_entropy_rows<T>({.rows = count,
                                    .V = logits.size(1),
                                    .logits = logits.data_ptr<T>(),
                                    .labels = kept_.labels.data_ptr<int64_t>() + first,
                                    .smoothing = smoothing_,
                                    .loss = loss.data(),
                                    .nll = nll.data(),
                                    .right = right.data()},
                                   grads_.any());
    for (size_t i = 0; i < size; ++i)
      sums_.loss += loss[i], sums_.nll += nll[i], sums_.right += right[i];
    sums_.count += count;
  }

  at::Tensor hidden_, weight_, bias_, logits_;
  PackedProducts products_;
  at::Tensor bias_sums_;  // (V), in float64 whatever the bias is
  Kept kept_;
  const LossGradients& grads_;
  LossSums sums_;
  double smoothing_ = 0, softcap_ = 0;
  int64_t rows_ = 0, classes_ = 0;  // of a chunk; of what is packed together
};

}  // namespace

LossSums pass_over_rows(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
                        const at::Tensor& labels, const CrossEntropyOptions& options,
                        const LossGradients& grads) {
  return LossPass(hidden, weight, bias, labels, options, grads).run();
}

}  // namespace heed::ops
