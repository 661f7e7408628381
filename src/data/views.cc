#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "data/open.h"
#include "data/permutation.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

class Subset : public ImageDataset {
 public:
  Subset(Images all, std::vector<int64_t> indices)
      : all_(std::move(all)), indices_(std::move(indices)) {
    for (const int64_t index : indices_) check_index(index, all_->size());
  }

  int64_t size() const override { return static_cast<int64_t>(indices_.size()); }
  ImageShape shape() const override { return all_->shape(); }
  const std::vector<std::string>& classes() const override { return all_->classes(); }
  Image image(int64_t index) const override { return all_->image(in_all(index)); }
  Image source(int64_t index) const override { return all_->source(in_all(index)); }
  ImageShape source_shape(int64_t index) const override {
    return all_->source_shape(in_all(index));
  }
  int64_t label(int64_t index) const override { return all_->label(in_all(index)); }
  std::string name(int64_t index) const override { return all_->name(in_all(index)); }

 private:
  int64_t in_all(int64_t index) const {
    check_index(index, size());
    return indices_[static_cast<size_t>(index)];
  }

  Images all_;
  std::vector<int64_t> indices_;
};

}  // namespace

Images subset(Images dataset, std::vector<int64_t> indices) {
  return std::make_shared<Subset>(std::move(dataset), std::move(indices));
}

std::pair<std::vector<int64_t>, std::vector<int64_t>> hold_out_numbers(int64_t size,
                                                                       double fraction,
                                                                       uint64_t seed) {
  if (!(fraction > 0 && fraction < 1))
    throw UsageError("hold_out: the fraction must be between 0 and 1, given " +
                     std::to_string(fraction));
  if (size < 2)
    throw DataError("hold_out: a dataset of " + std::to_string(size) +
                    " records cannot be split; expected at least 2");
  const auto held = std::clamp<int64_t>(
      static_cast<int64_t>(std::llround(fraction * static_cast<double>(size))), 1, size - 1);
  const auto order = permutation(size, Random(seed ^ kHoldOutKey));
  std::vector<int64_t> in(order.begin(), order.begin() + held),
      rest(order.begin() + held, order.end());
  std::sort(in.begin(), in.end());
  std::sort(rest.begin(), rest.end());
  return {std::move(rest), std::move(in)};
}

std::pair<Images, Images> hold_out(Images dataset, double fraction, uint64_t seed) {
  auto [rest, in] = hold_out_numbers(dataset->size(), fraction, seed);
  return {subset(dataset, std::move(rest)), subset(dataset, std::move(in))};
}

}  // namespace heed::data
