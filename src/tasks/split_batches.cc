#include "tasks/split_batches.h"

#include <algorithm>
#include <numeric>

#include "data/permutation.h"

namespace heed {
namespace {

// Apart from the keys of data/permutation.h: the order of the batches of an epoch.
constexpr uint64_t kBatchOrderKey = 0x62617463686573;

template <class Numbers>
std::vector<int64_t> as_numbers(const Numbers& numbers) {
  return {numbers.begin(), numbers.end()};
}

}  // namespace

SplitBatches::SplitBatches(SplitPtr split, const BatchOptions& options, int64_t workers)
    : split_(std::move(split)), options_(options) {
  if (options.batch < 1)
    throw UsageError("batch: expected at least 1, given " + std::to_string(options.batch));
  if (workers < 1)
    throw UsageError("workers: expected at least 1, given " + std::to_string(workers));
  if (split_->size() == 0) throw DataError("the data has no examples; expected at least 1");
  by_length_ = !options.mixed && split_->length(0) > 0;
  const int64_t batches = (split_->size() + options.batch - 1) / options.batch;
  prefetch_ = std::make_unique<data::Prefetch<Batch>>(
      split_->size(), batches, workers,
      [this](int64_t epoch, int64_t first) { return plan(epoch, first); },
      [this](const std::vector<int64_t>& examples, int64_t epoch) {
        const auto own = share_.of(examples);
        if (own.empty()) return Batch{{}, at::empty({0}, at::kLong)};
        return split_->batch(own, {options_.seed, epoch, options_.training});
      });
}

std::vector<int64_t> SplitBatches::order(int64_t epoch) const {
  if (options_.training) {
    return as_numbers(data::permutation(
        split_->size(), Random(options_.seed ^ data::kOrderKey, static_cast<uint32_t>(epoch))));
  }
  std::vector<int64_t> order(static_cast<size_t>(split_->size()));
  std::iota(order.begin(), order.end(), int64_t{0});
  return order;
}

data::Plan SplitBatches::plan(int64_t epoch, int64_t first) const {
  auto order = this->order(epoch);
  if (!by_length_) {
    order.erase(order.begin(), order.begin() + first);
    return data::cut(order, options_.batch);
  }
  auto plan = plan_by_length(std::move(order), epoch);
  int64_t position = 0;
  auto next = plan.begin();
  while (position < first) position += std::ssize(*next++);
  if (position != first)
    throw UsageError("loader: position " + std::to_string(first) +
                     " lies within a batch; was the batch size changed?");
  plan.erase(plan.begin(), next);
  return plan;
}

data::Plan SplitBatches::plan_by_length(std::vector<int64_t> order, int64_t epoch) const {
  const auto size = std::ssize(order);
  const int64_t window = kSortedBatches * options_.batch;
  for (int64_t first = 0; first < size; first += window) {
    std::stable_sort(order.begin() + first, order.begin() + std::min(size, first + window),
                     [&](int64_t a, int64_t b) { return split_->length(a) < split_->length(b); });
  }
  auto plan = data::cut(order, options_.batch);
  if (!options_.training) return plan;
  const auto shuffled = data::permutation(
      std::ssize(plan), Random(options_.seed ^ kBatchOrderKey, static_cast<uint32_t>(epoch)));
  data::Plan result;
  for (const uint32_t i : shuffled) result.push_back(std::move(plan[i]));
  return result;
}

}  // namespace heed
