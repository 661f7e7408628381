// Processes that have a part of each sequence (train.sequence_parallel) learn what one does, in every cell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files.h"
#include "heed/core/error.h"
#include "heed/tasks/supervised.h"
#include "ring_of_threads.h"
#include "tasks/small_cells.h"

namespace heed {
namespace {

/// A thread that stands for a process of one ring.
class RingMember : public Processes {
 public:
  RingMember(RingTable& table, int64_t rank, int64_t count) : seat_(table, rank, count) {}
  int64_t rank() const override { return seat_.rank(); }
  int64_t count() const override { return seat_.count(); }
  Ring* ring(int64_t) override { return &seat_; }

 private:
  RingSeat seat_;
};

/// loss times count of the next batch, and its gradients.
struct Taught {
  double loss = 0, count = 0;
  std::map<std::string, at::Tensor> gradients = {};

  explicit Taught(Task& task) {
    task.model().eval();  // no dropout, which each process draws for itself
    const auto batch = task.next();
    const auto n = static_cast<double>(batch.count);
    loss = batch.loss.item<double>() * n, count = n;
    (batch.loss * n).backward();
    for (const auto& item : task.model().named_parameters()) {
      if (item.value().grad().defined()) gradients[item.key()] = item.value().grad().clone();
      item.value().mutable_grad() = at::Tensor();
    }
  }
  Taught() = default;

  void add(const Taught& more) {
    loss += more.loss, count += more.count;
    for (const auto& [name, own] : more.gradients) {
      auto& sum = gradients[name];
      sum = sum.defined() ? sum + own : own;
    }
  }
};

/// Compares what is learned by one and by several that have a part each; make(parts) makes a task.
void expect_parts_teach(const std::function<std::unique_ptr<Task>(const std::string&)>& make,
                        int64_t count, bool draws_alike = true) {
  const auto one = make("1");
  RingTable table(count);
  std::vector<std::unique_ptr<RingMember>> members;
  std::vector<std::unique_ptr<Task>> tasks;
  for (int64_t rank = 0; rank < count; ++rank) {
    members.push_back(std::make_unique<RingMember>(table, rank, count));
    tasks.push_back(make(std::to_string(count)));
    tasks.back()->share_with(*members.back());
  }
  for (int64_t step = 0; step < 2; ++step) {
    const Taught whole(*one);
    Taught parts;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (auto& own : tasks)
      threads.emplace_back([&] {
        const Taught part(*own);
        const std::lock_guard lock(mutex);
        parts.add(part);
      });
    for (auto& thread : threads) thread.join();
    EXPECT_EQ(parts.count, whole.count);
    if (!draws_alike) continue;
    EXPECT_NEAR(parts.loss, whole.loss, 1e-5 * std::abs(whole.loss)) << "step " << step;
    ASSERT_EQ(parts.gradients.size(), whole.gradients.size());
    for (const auto& [name, gradient] : whole.gradients) {
      const double size = gradient.norm().item<double>();
      EXPECT_LE((parts.gradients.at(name) - gradient).norm().item<double>(), 1e-4 * size + 1e-5)
          << name << " of " << count << " processes";
    }
  }
}

class PartsOfCells : public testing::TestWithParam<std::string> {
 protected:
  std::unique_ptr<Task> task(const std::string& parts) {
    auto file = RecipeFile::parse(test::small_cell(GetParam(), folder_.path()), "recipe.toml");
    file.set("train.sequence_parallel=" + parts);
    return make_task(Recipe::read(file));
  }

  test::TemporaryFolder folder_;
};

TEST_P(PartsOfCells, LearnWhatOneLearns) {
  const auto make = [&](const std::string& parts) { return task(parts); };
  // One learns from the others of a batch, and two have no blocks.
  if (GetParam() == "embedding" || GetParam() == "recurrent_tags" || GetParam() == "stories") {
    RingTable table(2);
    RingMember member(table, 0, 2);
    EXPECT_THROW(make("2")->share_with(member), ModelError);
    return;
  }
  // Items draw other negatives in each process.
  for (const int64_t count : {2, 3}) expect_parts_teach(make, count, GetParam() != "items");
}

TEST(PartsOfImages, ThatAreDrawn) {
  const test::TemporaryFolder folder;
  test::small_cell("image", folder.path());
  for (const std::string column : {"", "label"})
    expect_parts_teach(
        [&](const std::string& parts) {
          auto file = RecipeFile::parse("data.train = '" + (folder.path() / "set").string() + R"('
input = { kind = 'image' }
encoder = { kind = 'none' }
[head]
kind = 'image'
levels = 2
decoder_layers = 1
width = 8
hidden = 8
decoder_attention = { position = 'learned(65)', num_heads = 2 }
[train]
batch = 8
optimizer = { kind = 'adamw' }
)",
                                        "recipe.toml");
          file.set("head.column='" + column + "'");
          file.set("train.sequence_parallel=" + parts);
          return make_task(Recipe::read(file));
        },
        3);
}

INSTANTIATE_TEST_SUITE_P(OfEveryCell, PartsOfCells, testing::ValuesIn(test::small_cell_names()),
                         [](const auto& name) { return name.param; });

}  // namespace
}  // namespace heed
