// A table of tensors used in both directions.
#include "pretrained/tensor_table.h"

#include <gmock/gmock.h>

#include "heed/core/error.h"

namespace heed::pretrained {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TensorTable small_table() {
  TensorTable table;
  table.stacked("qkv", {{"q", 4}, {"k", 2, false}, {"v", 2}}, 3);
  table.add({.ours = "turned", .theirs = {{"t", {3, 5}}}, .transpose = true});
  table.add({.ours = "norm", .theirs = {{"n", {3}}}, .add = 1});
  table.add({.ours = "flat", .theirs = {{"conv", {2, 3, 2}}}, .shape = {2, 6}});
  table.part("gate", "wi", {0, 2}, 5, 3, false);
  table.part("up", "wi", {2, 5}, 5, 3, false);
  table.add("one", "shared", {2});
  table.add("other", "shared", {2});
  table.same("copy", "shared");
  table.unused("buffer");
  table.unused("old.*");
  return table;
}

NamedTensors small_theirs() {
  NamedTensors all;
  const auto add = [&](const char* name, std::vector<int64_t> shape) {
    all.emplace_back(name, at::randn(shape));
  };
  add("q.weight", {4, 3}), add("k.weight", {2, 3}), add("v.weight", {2, 3});
  add("q.bias", {4}), add("v.bias", {2});
  add("t", {3, 5}), add("n", {3}), add("conv", {2, 3, 2}), add("wi.weight", {5, 3});
  add("shared", {2});
  return all;
}

at::Tensor find(const NamedTensors& tensors, const std::string& name) {
  for (const auto& [own, tensor] : tensors)
    if (own == name) return tensor;
  throw std::runtime_error(name);
}

TEST(TensorTable, ThereAndBack) {
  const auto theirs = small_theirs();
  const auto table = small_table();
  const auto ours = table.ours(theirs, "folder");
  EXPECT_TRUE(at::equal(find(ours, "qkv.weight").narrow(0, 4, 2), find(theirs, "k.weight")));
  EXPECT_TRUE(at::equal(find(ours, "qkv.bias").narrow(0, 4, 2), at::zeros({2})));
  EXPECT_TRUE(at::equal(find(ours, "turned"), find(theirs, "t").t()));
  EXPECT_TRUE(at::equal(find(ours, "norm"), find(theirs, "n") + 1));
  EXPECT_TRUE(at::equal(find(ours, "up.weight"), find(theirs, "wi.weight").narrow(0, 2, 3)));
  EXPECT_TRUE(at::equal(find(ours, "other"), find(theirs, "shared")));
  const auto back = table.theirs(ours);
  ASSERT_EQ(back.size(), theirs.size());
  for (const auto& [name, tensor] : theirs)
    EXPECT_LE((find(back, name) - tensor).abs().max().item<double>(), 2e-7) << name;
}

TEST(TensorTable, WhatDoesNotFit) {
  const auto table = small_table();
  const auto says = [&](const auto& change, bool back = false) -> std::string {
    auto tensors = back ? table.ours(small_theirs(), "folder") : small_theirs();
    change(tensors);
    try {
      back ? table.theirs(tensors) : table.ours(tensors, "folder");
    } catch (const ModelError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(says([](auto&) {}), "");
  EXPECT_EQ(says([](auto& all) { all.emplace_back("copy", find(all, "shared").clone()); }), "");
  EXPECT_THAT(says([](auto& all) { all.emplace_back("copy", at::ones({2})); }),
              AllOf(HasSubstr("'copy'"), HasSubstr("'shared'")));
  EXPECT_EQ(says([](auto& all) { all.emplace_back("buffer", at::ones({7})); }), "");
  EXPECT_EQ(says([](auto& all) { all.emplace_back("old.bias", at::ones({7})); }), "");
  EXPECT_THAT(says([](auto& all) { all.emplace_back("old", at::ones({7})); }),
              AllOf(HasSubstr("folder"), HasSubstr("'old' (7)")));
  EXPECT_THAT(says([](auto& all) { all.front().first = "q.weigth"; }),
              AllOf(HasSubstr("'q.weight'"), HasSubstr("(4, 3)"), HasSubstr("'q.weigth'")));
  EXPECT_THAT(says([](auto& all) { all.back().second = at::ones({2, 1}); }), HasSubstr("(2, 1)"));
  EXPECT_THAT(says([](auto& all) { all.back().first = "q.weight"; }), HasSubstr("stands twice"));
  EXPECT_THAT(says([](auto& all) { find(all, "qkv.bias").fill_(1); }, true), HasSubstr("zeros"));
  EXPECT_THAT(says(
                  [](auto& all) {
                    for (auto& [name, tensor] : all)
                      if (name == "other") tensor = tensor + 1;
                  },
                  true),
              AllOf(HasSubstr("'other'"), HasSubstr("'shared'")));
  EXPECT_THAT(says([](auto& all) { all.emplace_back("more", at::ones({1})); }, true),
              HasSubstr("'more'"));
}

}  // namespace
}  // namespace heed::pretrained
