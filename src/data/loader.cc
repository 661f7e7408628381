#include "heed/data/loader.h"

#include <torch/torch.h>

#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "data/permutation.h"
#include "heed/core/error.h"

namespace heed::data {
namespace {

using Order = std::shared_ptr<const std::vector<uint32_t>>;  // of an epoch; null: as stored

/// Records [first, first + count) of an epoch's order.
struct Job {
  int64_t epoch = 0, first = 0, count = 0;
  Order order;
};

/// A batch, or why there is none.
struct Result {
  Batch batch;
  std::exception_ptr error;
};

}  // namespace

// Workers take jobs in order under the mutex, make batches without it, and leave each in the slot
// of its number. The consumer empties slots in order, so the number of workers changes nothing but
// the speed.
class Loader::Impl {
 public:
  Impl(Images dataset, const LoaderOptions& options)
      : dataset_(std::move(dataset)),
        options_(options),
        transform_(dataset_->shape(), options.augment, options.normalize) {
    if (options.batch < 1)
      throw UsageError("loader.batch: expected at least 1, given " + std::to_string(options.batch));
    if (options.workers < 1)
      throw UsageError("loader.workers: expected at least 1, given " +
                       std::to_string(options.workers));
    if (size() == 0) throw DataError("loader: the dataset has no records; expected at least 1");
    slots_.resize(static_cast<size_t>(options.workers) + 1);
  }
  ~Impl() { stop(); }

  std::optional<Batch> next() {
    if (cursor_.position == size()) {
      cursor_ = {cursor_.epoch + 1, 0};
      return std::nullopt;
    }
    if (workers_.empty()) start();
    std::unique_lock lock(mutex_);
    auto& slot = slots_[static_cast<size_t>(taken_) % slots_.size()];
    ready_.wait(lock, [&] { return slot.has_value(); });
    if (slot->error) std::rethrow_exception(slot->error);
    Batch batch = std::move(slot->batch);
    slot.reset();
    ++taken_;
    lock.unlock();
    free_.notify_one();
    cursor_.position += batch.labels.size(0);
    return batch;
  }

  const Cursor& cursor() const { return cursor_; }

  void seek(const Cursor& cursor) {
    if (cursor.epoch < 0 || cursor.epoch > UINT32_MAX || cursor.position < 0 ||
        cursor.position > size())
      throw UsageError("loader: no position " + std::to_string(cursor.position) + " of epoch " +
                       std::to_string(cursor.epoch) + "; expected a position in 0 .. " +
                       std::to_string(size()) + " (does the cursor belong to other data?)");
    stop();
    cursor_ = cursor;
  }

  int64_t size() const { return dataset_->size(); }
  int64_t batches() const { return (size() + options_.batch - 1) / options_.batch; }
  const ImageDataset& dataset() const { return *dataset_; }

 private:
  void start() {
    planned_ = cursor_;
    order_ = shuffled(planned_.epoch);
    given_ = taken_ = 0;
    for (auto& slot : slots_) slot.reset();
    for (int64_t i = 0; i < options_.workers; ++i)
      workers_.emplace_back([this](const std::stop_token& stopped) { work(stopped); });
  }

  void stop() {
    for (auto& worker : workers_) worker.request_stop();
    workers_.clear();  // joins
  }

  void work(const std::stop_token& stopped) {
    std::unique_lock lock(mutex_);
    const auto room = [&] { return given_ - taken_ < static_cast<int64_t>(slots_.size()); };
    while (free_.wait(lock, stopped, room) && !stopped.stop_requested()) {
      auto& slot = slots_[static_cast<size_t>(given_++) % slots_.size()];
      Result result;
      try {
        const Job job = take_job();
        lock.unlock();
        result.batch = make_batch(job);
      } catch (...) {
        result.error = std::current_exception();
      }
      if (!lock.owns_lock()) lock.lock();
      slot = std::move(result);
      ready_.notify_one();
    }
  }

  /// The next batch that no worker has; called under the mutex.
  Job take_job() {
    if (planned_.position == size()) {
      planned_ = {planned_.epoch + 1, 0};
      order_ = shuffled(planned_.epoch);
    }
    const int64_t count = std::min(options_.batch, size() - planned_.position);
    const Job job{planned_.epoch, planned_.position, count, order_};
    planned_.position += count;
    return job;
  }

  Order shuffled(int64_t epoch) const {
    if (!options_.shuffle) return nullptr;
    const Random random(options_.seed ^ kOrderKey, static_cast<uint32_t>(epoch));
    return std::make_shared<const std::vector<uint32_t>>(permutation(size(), random));
  }

  Batch make_batch(const Job& job) const {
    const ImageShape shape = dataset_->shape();
    Batch batch{torch::empty({job.count, shape.channels, shape.height, shape.width}, torch::kFloat),
                torch::empty({job.count}, torch::kLong), torch::empty({job.count}, torch::kLong)};
    float* out = batch.images.data_ptr<float>();
    for (int64_t i = 0; i < job.count; ++i, out += shape.values()) {
      const int64_t at = job.first + i;
      const int64_t record = job.order ? (*job.order)[static_cast<size_t>(at)] : at;
      const Random random(options_.seed, static_cast<uint32_t>(job.epoch),
                          static_cast<uint32_t>(record));
      transform_(dataset_->image(record), random, out);
      batch.labels.data_ptr<int64_t>()[i] = dataset_->label(record);
      batch.indices.data_ptr<int64_t>()[i] = record;
    }
    return batch;
  }

  const Images dataset_;
  const LoaderOptions options_;
  const Transform transform_;
  Cursor cursor_;  // the consumer's

  std::mutex mutex_;                          // guards all below
  std::condition_variable_any free_;          // a slot was emptied
  std::condition_variable_any ready_;         // a slot was filled
  std::vector<std::optional<Result>> slots_;  // batch n lies in slot n % size
  int64_t given_ = 0, taken_ = 0;             // batches given to workers, taken by the consumer
  Cursor planned_;                            // where the next job begins
  Order order_;                               // of planned_.epoch
  std::vector<std::jthread> workers_;
};

Loader::Loader(Images dataset, const LoaderOptions& options)
    : impl_(std::make_unique<Impl>(std::move(dataset), options)) {}
Loader::~Loader() = default;
Loader::Loader(Loader&&) noexcept = default;
Loader& Loader::operator=(Loader&&) noexcept = default;

std::optional<Batch> Loader::next() { return impl_->next(); }
Cursor Loader::cursor() const { return impl_->cursor(); }
void Loader::seek(const Cursor& cursor) { impl_->seek(cursor); }
int64_t Loader::batches() const { return impl_->batches(); }
const ImageDataset& Loader::dataset() const { return impl_->dataset(); }

}  // namespace heed::data
