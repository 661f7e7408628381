// Masks of which one is enough: a query sees a key where any of them allows it.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "kernels/attend.h"

namespace heed::kernels {

/// For masks that hide and do nothing else (no numbers added). At least one mask.
template <class T>
class AnyMask final : public Mask<T> {
 public:
  explicit AnyMask(std::vector<std::unique_ptr<Mask<T>>> masks) : masks_(std::move(masks)) {}
  Coverage coverage(int64_t batch, int64_t head, int64_t row, int64_t rows, int64_t column,
                    int64_t columns) const noexcept override;
  Span span(int64_t batch, int64_t head, int64_t row, int64_t rows,
            Span within) const noexcept override;
  void apply(const Tile<T>& scores) const noexcept override;

 private:
  std::vector<std::unique_ptr<Mask<T>>> masks_;
};

}  // namespace heed::kernels
