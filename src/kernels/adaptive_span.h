// A span that each head learns (Sukhbaatar et al. 2019).
#pragma once

#include <utility>
#include <vector>

#include "kernels/attend.h"
#include "kernels/collected.h"

namespace heed::kernels {

/// m(x) = clamp((ramp + z - x) / ramp, 0, 1) of the distance x = |i + offset - j| multiplies the
/// exponentials: it is log m on the score, and what is ramp + z or more away is hidden, so that
/// work falls with the span. As a mask it hides, as a modifier it adds log m. The derivative where
/// m reaches 1 is that from below.
struct Ramp {
  double length;
  int64_t offset;

  double at(double span, int64_t row, int64_t column) const noexcept {
    const double m = unclamped(span, row, column);
    return m < 0 ? 0 : m > 1 ? 1 : m;
  }
  double unclamped(double span, int64_t row, int64_t column) const noexcept {
    const auto x =
        static_cast<double>(row + offset > column ? row + offset - column : column - row - offset);
    return (length + span - x) / length;
  }
};

template <class T>
class SpanMask final : public Mask<T> {
 public:
  /// spans: a number per head.
  SpanMask(Ramp ramp, std::vector<double> spans) : ramp_(ramp), spans_(std::move(spans)) {}
  Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) const noexcept override;
  Span span(int64_t batch, int64_t head, int64_t row, int64_t rows,
            Span within) const noexcept override;
  void apply(const Tile<T>& scores) const noexcept override;

 private:
  int64_t reach(int64_t head) const noexcept;  ///< the largest distance that is seen

  Ramp ramp_;
  std::vector<double> spans_;
};

template <class T>
class SpanRamp final : public Modifier<T> {
 public:
  /// spans (B, H) and their gradients (null: not wanted); strides in batch and head. end_backward
  /// adds into them what is summed in double.
  SpanRamp(Ramp ramp, View<const T> spans, View<T> gradient, const Sizes& sizes)
      : ramp_(ramp), spans_(spans), gradient_(gradient), sizes_(sizes) {}
  void forward(const Tile<T>& scores) const noexcept override;
  void backward(const Tile<T>& scores, const Tile<T>& gradient) const noexcept override;
  bool looks_back() const noexcept override { return false; }
  bool shares_key() const noexcept override { return gradient_.data; }
  void begin_backward(int64_t) override {
    if (gradient_.data) sums_.begin(gradient_, sizes_.B, sizes_.H, 1, 1);
  }
  void end_backward() override { sums_.end(); }

 private:
  Ramp ramp_;
  View<const T> spans_;
  View<T> gradient_;
  Sizes sizes_;
  Collected<T, double> sums_;
};

}  // namespace heed::kernels
