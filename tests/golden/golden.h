// Folders of tiny models with what transformers makes of them (../shared/data/golden).
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <string>

#include "heed/models/sequence_model.h"
#include "heed/nn/recording.h"
#include "heed/pretrained/pretrained.h"
#include "shared_data.h"
#include "tasks/cell.h"

namespace heed::test {

inline std::filesystem::path golden_folder(const std::string& name) {
  return shared_data() / "golden" / name;
}

/// A folder as a cell, and what is expected of it. Where the recipe wants a tokenizer, a list of
/// made-up pieces stands for it: what is compared begins with numbers.
class Golden {
 public:
  explicit Golden(const std::string& name);

  const at::Tensor& at(const std::string& name) const;
  bool has(const std::string& name) const { return expected_.contains(name); }
  Cell& cell() { return *cell_; }
  const ModelFiles& files() const { return files_; }
  /// tokens and lengths (and segments, where they are told apart) of input_ids.
  Batch text_batch() const;
  SequenceModelPtr sequence_model() const;

  /// Compares what is expected under `name`, (B, L, ...), with ours where rows are no padding.
  void expect(const std::string& name, const at::Tensor& ours, double tolerance = 1e-4) const;
  /// Compares the maps in the order of their calls with `names`.0, `names`.1, ...
  void expect_maps(const std::vector<Map>& maps, const std::string& names) const;

 private:
  std::map<std::string, at::Tensor> expected_;
  ModelFiles files_;
  std::unique_ptr<Cell> cell_;
};

/// For tests of what lies beside the checkout.
#define HEED_NEEDS_GOLDEN(name)                                  \
  if (!std::filesystem::exists(heed::test::golden_folder(name))) \
  GTEST_SKIP() << heed::test::golden_folder(name)                \
               << " is not there: golden models by "             \
                  "transformers, see tests/golden"

}  // namespace heed::test
