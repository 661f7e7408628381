// Hides the padding: batch b has lengths[b] real keys.
#include <limits>

#include "ops/word.h"

namespace heed::ops {
namespace {

at::Tensor hide(const Part&, const Scene& scene, const at::Tensor& scores) {
  const auto hidden = key_positions(scene, scores) >= scene.lengths.view({-1, 1, 1, 1});
  return scores.masked_fill(hidden, -std::numeric_limits<double>::infinity());
}

template <class T>
class LengthsMask final : public kernels::Mask<T> {
 public:
  explicit LengthsMask(const at::Tensor& lengths)
      : lengths_(lengths.data_ptr<int64_t>()), stride_(lengths.stride(0)) {}

  kernels::Coverage coverage(int64_t batch, int64_t, int64_t, int64_t, int64_t column,
                             int64_t columns) const noexcept override {
    const int64_t length = lengths_[batch * stride_];
    if (column >= length) return kernels::Coverage::none;
    return column + columns <= length ? kernels::Coverage::all : kernels::Coverage::part;
  }

  void apply(const kernels::Tile<T>& scores) const noexcept override {
    const int64_t seen =
        std::clamp<int64_t>(lengths_[scores.batch * stride_] - scores.column, 0, scores.columns);
    for (int64_t i = 0; i < scores.rows; ++i) {
      T* row = scores.data + i * scores.stride;
      std::fill(row + seen, row + scores.columns, -std::numeric_limits<T>::infinity());
    }
  }

 private:
  const int64_t* lengths_;
  int64_t stride_;
};

template <class T>
std::unique_ptr<kernels::Mask<T>> make(const Part&, const Scene& scene) {
  return std::make_unique<LengthsMask<T>>(scene.lengths);
}

}  // namespace

Definition word_lengths() {
  return {.word = {Word::Kind::mask, "lengths", {}, "hides the keys after each sequence's length"},
          .change = hide,
          .mask = {make<float>, make<double>}};
}

}  // namespace heed::ops
