// A mask tensor: boolean (true may be seen), or numbers added to the scores where -inf hides.
#include <limits>

#include "ops/word.h"

namespace heed::ops {
namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

at::Tensor hide(const Part&, const Scene& scene, const at::Tensor& scores) {
  if (scene.mask.scalar_type() == at::kBool) return scores.masked_fill(~scene.mask, kHidden);
  return (scores + scene.mask).masked_fill(scene.mask == kHidden, kHidden);
}

/// The element of row i and column j stands at data[i * row + j * column].
template <class M>
struct Strided {
  const M* data;
  int64_t batch, head, row, column;

  explicit Strided(const at::Tensor& t)
      : data(t.data_ptr<M>()),
        batch(t.stride(0)),
        head(t.stride(1)),
        row(t.stride(2)),
        column(t.stride(3)) {}
  const M* at(int64_t b, int64_t h, int64_t i, int64_t j) const noexcept {
    return data + b * batch + h * head + i * row + j * column;
  }
};

template <class T>
class BooleanMask final : public kernels::Mask<T> {
 public:
  explicit BooleanMask(const at::Tensor& mask) : mask_(mask) {}

  kernels::Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                             int64_t columns) const noexcept override {
    bool any = false, all = true;
    for (int64_t i = 0; i < rows; ++i) {
      const bool* seen = mask_.at(batch, head, row + i, column);
      for (int64_t j = 0; j < columns; ++j) {
        any |= seen[j * mask_.column], all &= seen[j * mask_.column];
        if (any && !all) return kernels::Coverage::part;
      }
    }
    return any ? kernels::Coverage::all : kernels::Coverage::none;
  }

  void apply(const kernels::Tile<T>& scores) const noexcept override {
    for (int64_t i = 0; i < scores.rows; ++i) {
      const bool* seen = mask_.at(scores.batch, scores.head, scores.row + i, scores.column);
      T* row = scores.data + i * scores.stride;
      for (int64_t j = 0; j < scores.columns; ++j)
        row[j] = seen[j * mask_.column] ? row[j] : static_cast<T>(kHidden);
    }
  }

 private:
  Strided<bool> mask_;
};

template <class T>
class AddedMask final : public kernels::Mask<T> {
 public:
  explicit AddedMask(const at::Tensor& mask) : mask_(mask) {}

  // Never `all`: even where nothing is hidden the numbers are to be added.
  kernels::Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                             int64_t columns) const noexcept override {
    for (int64_t i = 0; i < rows; ++i) {
      const T* added = mask_.at(batch, head, row + i, column);
      for (int64_t j = 0; j < columns; ++j)
        if (added[j * mask_.column] != static_cast<T>(kHidden)) return kernels::Coverage::part;
    }
    return kernels::Coverage::none;
  }

  void apply(const kernels::Tile<T>& scores) const noexcept override {
    for (int64_t i = 0; i < scores.rows; ++i) {
      const T* added = mask_.at(scores.batch, scores.head, scores.row + i, scores.column);
      T* row = scores.data + i * scores.stride;
      for (int64_t j = 0; j < scores.columns; ++j) {
        const T a = added[j * mask_.column];
        row[j] = a == static_cast<T>(kHidden) ? a : row[j] + a;  // a NaN under -inf is hidden too
      }
    }
  }

 private:
  Strided<T> mask_;
};

template <class T>
std::unique_ptr<kernels::Mask<T>> make(const Part&, const Scene& scene) {
  if (scene.mask.scalar_type() == at::kBool) return std::make_unique<BooleanMask<T>>(scene.mask);
  return std::make_unique<AddedMask<T>>(scene.mask);
}

}  // namespace

Definition word_dense() {
  return {.word = {Word::Kind::mask, "dense", {}, "a mask tensor, boolean or added to the scores"},
          .change = hide,
          .mask = {make<float>, make<double>}};
}

}  // namespace heed::ops
