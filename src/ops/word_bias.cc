// A tensor added to the scores, with gradient: prior knowledge, or a table that is learned.
#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor add(const Part&, const Scene& scene, const at::Tensor& scores) {
  return scores + scene.bias;
}

template <class T>
class Bias final : public kernels::Modifier<T> {
 public:
  explicit Bias(const Scene& scene)
      : bias_(scene.bias.data_ptr<T>()),
        grad_(scene.grad_bias.defined() ? scene.grad_bias.data_ptr<T>() : nullptr),
        strides_(scene.bias.strides().vec()),
        grad_strides_(grad_ ? scene.grad_bias.strides().vec() : std::vector<int64_t>(4)) {}

  void forward(const kernels::Tile<T>& scores) const noexcept override {
    for (int64_t i = 0; i < scores.rows; ++i) {
      const T* bias = bias_ + place(strides_, scores, i);
      T* row = scores.data + i * scores.stride;
      for (int64_t j = 0; j < scores.columns; ++j) row[j] += bias[j * strides_[3]];
    }
  }

  void backward(const kernels::Tile<T>&, const kernels::Tile<T>& gradient) const noexcept override {
    if (!grad_) return;
    for (int64_t i = 0; i < gradient.rows; ++i) {
      T* grad = grad_ + place(grad_strides_, gradient, i);
      const T* row = gradient.data + i * gradient.stride;
      for (int64_t j = 0; j < gradient.columns; ++j) grad[j * grad_strides_[3]] += row[j];
    }
  }

  bool shares_batch() const noexcept override { return grad_ && grad_strides_[0] == 0; }
  bool shares_head() const noexcept override { return grad_ && grad_strides_[1] == 0; }

 private:
  static int64_t place(const std::vector<int64_t>& s, const kernels::Tile<T>& tile,
                       int64_t i) noexcept {
    return tile.batch * s[0] + tile.head * s[1] + (tile.row + i) * s[2] + tile.column * s[3];
  }

  const T* bias_;
  T* grad_;
  std::vector<int64_t> strides_, grad_strides_;
};

template <class T>
std::unique_ptr<kernels::Modifier<T>> make(const Part&, const Scene& scene) {
  return std::make_unique<Bias<T>>(scene);
}

}  // namespace

Definition word_bias() {
  return {.word = {Word::Kind::modifier, "bias", {}, "a tensor added to the scores, with gradient"},
          .change = add,
          .modifier = {make<float>, make<double>}};
}

}  // namespace heed::ops
