#include "heed/data/loader.h"

#include <torch/torch.h>

#include <numeric>

#include "data/permutation.h"
#include "data/prefetch.h"
#include "heed/core/error.h"

namespace heed::data {

class Loader::Impl {
 public:
  Impl(Images dataset, const LoaderOptions& options)
      : dataset_(std::move(dataset)),
        options_(options),
        transform_(dataset_->shape(), options.augment, options.normalize),
        prefetch_(
            dataset_->size(), batches(checked(options), dataset_->size()), options.workers,
            [this](int64_t epoch, int64_t first) { return plan(epoch, first); },
            [this](const std::vector<int64_t>& records, int64_t epoch) {
              return make_batch(records, epoch);
            }) {
    if (dataset_->size() == 0)
      throw DataError("loader: the dataset has no records; expected at least 1");
  }

  Prefetch<Batch>& prefetch() { return prefetch_; }
  const ImageDataset& dataset() const { return *dataset_; }

 private:
  /// Throws UsageError that names the option.
  static const LoaderOptions& checked(const LoaderOptions& options) {
    const auto at_least_one = [](const char* name, int64_t given) {
      if (given < 1)
        throw UsageError(std::string("loader.") + name + ": expected at least 1, given " +
                         std::to_string(given));
    };
    at_least_one("batch", options.batch), at_least_one("workers", options.workers);
    return options;
  }

  static int64_t batches(const LoaderOptions& options, int64_t size) {
    return (size + options.batch - 1) / options.batch;
  }

  Plan plan(int64_t epoch, int64_t first) const {
    std::vector<int64_t> order(static_cast<size_t>(dataset_->size()));
    std::iota(order.begin(), order.end(), int64_t{0});
    if (options_.shuffle) {
      const auto drawn = permutation(
          dataset_->size(), Random(options_.seed ^ kOrderKey, static_cast<uint32_t>(epoch)));
      order.assign(drawn.begin(), drawn.end());
    }
    order.erase(order.begin(), order.begin() + first);
    return cut(order, options_.batch);
  }

  Batch make_batch(const std::vector<int64_t>& records, int64_t epoch) const {
    const ImageShape shape = dataset_->shape();
    const auto count = std::ssize(records);
    Batch batch{torch::empty({count, shape.channels, shape.height, shape.width}, torch::kFloat),
                torch::empty({count}, torch::kLong), torch::tensor(records, torch::kLong)};
    float* out = batch.images.data_ptr<float>();
    auto* label = batch.labels.data_ptr<int64_t>();
    for (const int64_t record : records) {
      const Random random(options_.seed, static_cast<uint32_t>(epoch),
                          static_cast<uint32_t>(record));
      transform_(dataset_->image(record), random, out);
      *label++ = dataset_->label(record);
      out += shape.values();
    }
    return batch;
  }

  const Images dataset_;
  const LoaderOptions options_;
  const Transform transform_;
  Prefetch<Batch> prefetch_;
};

Loader::Loader(Images dataset, const LoaderOptions& options)
    : impl_(std::make_unique<Impl>(std::move(dataset), options)) {}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

std::optional<Batch> Loader::next() { return impl_->prefetch().next(); }
Cursor Loader::cursor() const { return impl_->prefetch().cursor(); }
void Loader::seek(const Cursor& cursor) { impl_->prefetch().seek(cursor); }
int64_t Loader::batches() const { return impl_->prefetch().batches(); }
const ImageDataset& Loader::dataset() const { return impl_->dataset(); }

}  // namespace heed::data
