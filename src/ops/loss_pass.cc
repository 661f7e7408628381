// A chunk's logits become losses and their own gradient in place, from which the gradients of
// hidden, weight and bias are taken at once.
#include "ops/loss_pass.h"

#include "kernels/cross_entropy.h"
#include "ops/product.h"

namespace heed::ops {
namespace {

constexpr int64_t kChunkBytes = int64_t{16} << 20;        // of logits
constexpr int64_t kLeastRows = 64;                        // fewer make the products slow
constexpr int64_t kPieceRows = 128, kPieceClasses = 512;  // of a task
constexpr int64_t kCappedRows = 8;                        // of a task

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

int64_t pieces(int64_t count, int64_t size) { return (count + size - 1) / size; }

at::Tensor piece(const at::Tensor& t, int64_t i, int64_t size, int64_t dim = 0) {
  return t.narrow(dim, i * size, std::min(size, t.size(dim) - i * size));
}

/// One pass over the rows.
class LossPass {
 public:
  LossPass(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
           const at::Tensor& labels, const CrossEntropyOptions& options, const LossGradients& grads)
      : hidden_(hidden), weight_(weight), bias_(bias), grads_(grads) {
    kept_ = kept_rows(labels, options.ignore);
    smoothing_ = options.label_smoothing, softcap_ = options.softcap;
    const int64_t V = weight.size(0), row = V * static_cast<int64_t>(hidden.element_size());
    rows_ = std::max(kLeastRows, kChunkBytes / row);
  }

  LossSums run() {
    const int64_t n = kept_.labels.size(0);
    if (n > 0) logits_ = at::empty({std::min(n, rows_), weight_.size(0)}, hidden_.options());
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
  template <class T>
  void chunk(int64_t first, int64_t count) {
    const auto index = kept_.index.defined() ? kept_.index.narrow(0, first, count) : at::Tensor();
    const auto x =
        index.defined() ? hidden_.index_select(0, index) : hidden_.narrow(0, first, count);
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

  void project(const at::Tensor& x, const at::Tensor& logits) const {
    in_tasks(pieces(weight_.size(0), kPieceClasses), [&](int64_t task) {
      const auto weight = piece(weight_, task, kPieceClasses).t();
      auto to = piece(logits, task, kPieceClasses, 1);
      if (bias_.defined())
        at::addmm_out(to, piece(bias_, task, kPieceClasses), x, weight);
      else
        at::mm_out(to, x, weight);
    });
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
  void send_back(const at::Tensor& x, const at::Tensor& slope, const at::Tensor& to) const {
    const int64_t of_x = to.defined() ? pieces(x.size(0), kPieceRows) : 0;
    const int64_t of_weight = grads_.weight.defined() ? pieces(weight_.size(0), kPieceClasses) : 0;
    in_tasks(of_x + of_weight, [&](int64_t task) {
      if (task < of_x) {
        auto rows = piece(to, task, kPieceRows);
        at::mm_out(rows, piece(slope, task, kPieceRows), weight_);
      } else {
        piece(grads_.weight, task - of_x, kPieceClasses)
            .addmm_(piece(slope, task - of_x, kPieceClasses, 1).t(), x);
      }
    });
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
  at::Tensor bias_sums_;  // (V), in float64 whatever the bias is
  Kept kept_;
  const LossGradients& grads_;
  LossSums sums_;
  double smoothing_ = 0, softcap_ = 0;
  int64_t rows_ = 0;
};

}  // namespace

LossSums pass_over_rows(const at::Tensor& hidden, const at::Tensor& weight, const at::Tensor& bias,
                        const at::Tensor& labels, const CrossEntropyOptions& options,
                        const LossGradients& grads) {
  return LossPass(hidden, weight, bias, labels, options, grads).run();
}

}  // namespace heed::ops
