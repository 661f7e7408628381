// Tiny models with the weights that other software wrote, and what it makes of them: options and
// tensors are mapped by hand. Reads ../shared/data/golden.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "heed/formats/safetensors.h"
#include "heed/nn/recording.h"
#include "shared_data.h"

namespace heed::golden {

constexpr double kNearLogits = 1e-4, kNearMaps = 1e-5;

struct Golden {
  std::map<std::string, at::Tensor> weights, expected;

  explicit Golden(const std::string& name) {
    const auto folder = test::shared_data() / "golden" / name;
    for (auto& [key, tensor] : read_safetensors(folder / "model.safetensors").tensors)
      weights[key] = tensor;
    for (auto& [key, tensor] : read_safetensors(folder / "expected.safetensors").tensors)
      expected[key] = tensor;
  }
};

inline bool is_there() { return std::filesystem::exists(test::shared_data() / "golden"); }
#define SKIP_WITHOUT_GOLDEN \
  if (!golden::is_there()) GTEST_SKIP() << "needs " << test::shared_data() / "golden"

/// Gives a module's parameters values, each once.
class Filler {
 public:
  Filler(torch::nn::Module& module, const Golden& golden)
      : parameters_(module.named_parameters()), golden_(golden) {}

  const at::Tensor& theirs(const std::string& name) const { return golden_.weights.at(name); }

  void set(const std::string& name, const at::Tensor& value) {
    const torch::NoGradGuard no_gradient;
    auto* parameter = parameters_.find(name);
    ASSERT_TRUE(parameter) << name;
    ASSERT_EQ(parameter->sizes(), value.sizes()) << name;
    parameter->copy_(value);
    EXPECT_TRUE(set_.insert(name).second) << name;
  }
  void set(const std::string& name, const std::string& other) { set(name, theirs(other)); }
  /// weight and, where they have one, bias.
  void layer(const std::string& name, const std::string& other) {
    set(name + ".weight", other + ".weight");
    if (golden_.weights.contains(other + ".bias")) set(name + ".bias", other + ".bias");
  }
  void qkv(const std::string& name, const std::string& q, const std::string& k,
           const std::string& v) {
    for (const std::string part : {".weight", ".bias"})
      if (golden_.weights.contains(q + part))
        set(name + part, torch::cat({theirs(q + part), theirs(k + part), theirs(v + part)}));
  }
  void expect_all_set() const {
    for (const auto& p : parameters_) EXPECT_TRUE(set_.contains(p.key())) << p.key();
  }

 private:
  torch::OrderedDict<std::string, at::Tensor> parameters_;
  const Golden& golden_;
  std::set<std::string> set_;
};

/// Of the rows of batch b that are real.
inline void expect_maps(const Recording& seen, const Golden& golden, const std::string& kind,
                        const std::vector<size_t>& which, const at::Tensor& lengths = {}) {
  for (size_t layer = 0; layer < which.size(); ++layer) {
    const auto& expected = golden.expected.at(kind + "." + std::to_string(layer));
    for (int64_t b = 0; b < expected.size(0); ++b) {
      const int64_t n = lengths.defined() ? lengths[b].item<int64_t>() : expected.size(2);
      const auto off = (seen.map(which[layer]).dense(b) - expected[b]).abs().narrow(1, 0, n);
      EXPECT_LE(off.max().item<double>(), kNearMaps) << kind << " " << layer << " of " << b;
    }
  }
}

inline void expect_near(const at::Tensor& given, const at::Tensor& expected) {
  ASSERT_EQ(given.sizes(), expected.sizes());
  EXPECT_LE((given - expected).abs().max().item<double>(), kNearLogits);
}

inline at::Tensor lengths_in(const Golden& golden) {
  return golden.expected.at("attention_mask").sum(1);
}

}  // namespace heed::golden
