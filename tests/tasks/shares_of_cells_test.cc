// What several processes learn and measure of a batch and of a split is what one does, in every cell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>
#include <thread>

#include "files.h"
#include "heed/core/error.h"
#include "heed/tasks/supervised.h"
#include "tasks/small_cells.h"

namespace heed {
namespace {

/// Threads that stand for processes; gather alone is asked of them.
class Meeting {
 public:
  explicit Meeting(size_t count) : texts_(count) {}

  std::vector<std::string> gather(size_t rank, std::string text) {
    std::unique_lock lock(mutex_);
    const auto round = round_;
    texts_[rank] = std::move(text);
    if (++here_ == texts_.size()) {
      all_ = texts_, here_ = 0, ++round_;
      changed_.notify_all();
    }
    changed_.wait(lock, [&] { return round_ > round; });
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> texts_, all_;
  size_t here_ = 0;
  int64_t round_ = 0;
};

class Member : public Processes {
 public:
  Member(Meeting& meeting, int64_t rank, int64_t count)
      : meeting_(meeting), rank_(rank), count_(count) {}
  int64_t rank() const override { return rank_; }
  int64_t count() const override { return count_; }
  std::vector<std::string> gather(std::string text) override {
    return meeting_.gather(static_cast<size_t>(rank_), std::move(text));
  }

 private:
  Meeting& meeting_;
  int64_t rank_, count_;
};

class SharesOfCells : public testing::TestWithParam<std::string> {
 protected:
  static constexpr int64_t kCount = 3;

  std::unique_ptr<Task> task(const std::vector<std::string>& set = {}) {
    auto file = RecipeFile::parse(test::small_cell(GetParam(), folder_.path()), "recipe.toml");
    for (const auto& one : set) file.set(one);
    return make_task(Recipe::read(file));
  }
  /// Those that share their work; nothing where this cell's may not be shared.
  std::vector<std::unique_ptr<Task>> tasks(const std::vector<std::string>& set = {}) {
    std::vector<std::unique_ptr<Task>> all;
    for (int64_t rank = 0; rank < kCount; ++rank) {
      members_.push_back(std::make_unique<Member>(meeting_, rank, kCount));
      all.push_back(task(set));
      all.back()->share_with(*members_.back());
    }
    return all;
  }

  test::TemporaryFolder folder_;
  Meeting meeting_{kCount};
  std::vector<std::unique_ptr<Member>> members_;
};

/// The gradient of loss times count, added up.
struct Learned {
  double loss = 0, count = 0;
  std::map<std::string, at::Tensor> gradients = {};
  std::vector<int64_t> records = {};

  void add(Task& task) {
    task.model().eval();  // no dropout, which draws for a whole batch
    const auto batch = task.next();
    if (!batch.loss.defined()) return;
    const auto n = static_cast<double>(batch.count);
    loss += batch.loss.item<double>() * n, count += n;
    records.insert(records.end(), batch.records.begin(), batch.records.end());
    (batch.loss * n).backward();
    for (const auto& item : task.model().named_parameters()) {
      const auto& own = item.value().grad();
      if (!own.defined()) continue;
      auto& sum = gradients[item.key()];
      sum = sum.defined() ? sum + own : own.clone();
      item.value().mutable_grad() = at::Tensor();
    }
  }
};

TEST_P(SharesOfCells, LearnWhatTheBatchTeaches) {
  if (GetParam() == "embedding") {  // of which an example is told by the others
    EXPECT_THROW(tasks(), ModelError);
    return;
  }
  const auto one = task();
  const auto several = tasks();
  for (int64_t step = 0; step < one->batches() + 1; ++step) {  // one of the next epoch, too
    Learned whole, parts;
    whole.add(*one);
    for (const auto& part : several) parts.add(*part);
    EXPECT_EQ(parts.count, whole.count);
    EXPECT_THAT(parts.records, testing::UnorderedElementsAreArray(whole.records));
    if (GetParam() == "items") continue;  // draws other negatives for each process
    EXPECT_NEAR(parts.loss, whole.loss, 1e-5 * std::abs(whole.loss)) << "step " << step;
    ASSERT_EQ(parts.gradients.size(), whole.gradients.size());
    for (const auto& [name, gradient] : whole.gradients) {
      const double size = gradient.norm().item<double>();
      EXPECT_LE((parts.gradients.at(name) - gradient).norm().item<double>(), 1e-4 * size + 1e-5)
          << name;
    }
  }
}

TEST_P(SharesOfCells, MeasureWhatOneMeasures) {
  std::vector<std::string> valid{"data.holdout=0.3"};
  std::unique_ptr<Task> one;
  try {
    one = task(valid);
  } catch (const Error&) {  // a cell that parts its data by itself
    valid.clear();
    one = task();
  }
  one->model().eval();
  const auto wanted = one->validate();
  if (!wanted || GetParam() == "embedding") return;
  const auto several = tasks(valid);
  std::vector<std::optional<Metrics>> found(kCount);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < kCount; ++i)
    threads.emplace_back([&, i] {
      const at::NoGradGuard no_grad;
      several[i]->model().eval();
      found[i] = several[i]->validate();
    });
  for (auto& thread : threads) thread.join();
  for (const auto& own : found) {
    ASSERT_TRUE(own);
    ASSERT_EQ(own->size(), wanted->size());
    for (size_t i = 0; i < own->size(); ++i) {
      EXPECT_EQ((*own)[i].first, (*wanted)[i].first);
      EXPECT_NEAR((*own)[i].second, (*wanted)[i].second,
                  1e-6 * std::abs((*wanted)[i].second) + 1e-9)
          << (*own)[i].first;
      EXPECT_EQ((*own)[i].second, (*found[0])[i].second) << "the same bits in every process";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(OfEveryCell, SharesOfCells, testing::ValuesIn(test::small_cell_names()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace heed
