// Cells that are trained in a folder of the test's own.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "files.h"
#include "heed/core/error.h"
#include "heed/tasks/supervised.h"
#include "heed/train/train.h"

namespace heed::test {

class CellRuns : public testing::Test {
 protected:
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  static double metric(const Metrics& metrics, const std::string& name) {
    for (const auto& [known, value] : metrics)
      if (known == name) return value;
    throw UsageError("no metric " + name);
  }

  TrainResult run(Recipe recipe, const std::string& name, bool resume = false) const {
    const auto options = recipe.train;
    const auto task = make_task(std::move(recipe));
    return train(*task, {.options = options, .folder = folder_ / name, .resume = resume});
  }

  /// A run of `steps` steps that goes on from its checkpoint of step `from` ends with the bits of
  /// one that was not stopped.
  void expect_resume(const std::function<Recipe()>& recipe, int64_t from, int64_t steps) const {
    namespace fs = std::filesystem;
    const auto last = [](int64_t step) {
      const auto digits = std::to_string(step);
      return "last-" + std::string(8 - digits.size(), '0') + digits;
    };
    run(recipe(), "whole");
    fs::copy(folder_ / "whole", folder_ / "part", fs::copy_options::recursive);
    ASSERT_TRUE(fs::exists(folder_ / "part" / last(from)));
    for (const auto& entry : fs::directory_iterator(folder_ / "part")) {
      const auto name = entry.path().filename().string();
      if (name.starts_with("last-") && name > last(from)) fs::remove_all(entry.path());
    }
    fs::remove_all(folder_ / "part/best");
    EXPECT_EQ(run(recipe(), "part", true).steps, steps);
    for (const auto& file :
         {std::string("best/model.safetensors"), last(steps) + "/state.safetensors"}) {
      const auto whole = read_bytes(folder_ / "whole" / file);
      EXPECT_FALSE(whole.empty()) << file;
      EXPECT_EQ(whole, read_bytes(folder_ / "part" / file)) << file;
    }
  }

  TemporaryFolder folder_;
};

}  // namespace heed::test
