#include "heed/core/nearest.h"

#include <gtest/gtest.h>

namespace heed {
namespace {

const std::vector<std::string> kNames = {"causal",    "window",    "key_lengths",
                                         "attn_mask", "num_heads", "num_kv_heads"};

TEST(NearestName, FindsTheMisspelt) {
  EXPECT_EQ(nearest_name("causl", kNames), "causal");
  EXPECT_EQ(nearest_name("casual", kNames), "causal");  // neighbours swapped
  EXPECT_EQ(nearest_name("windows", kNames), "window");
  EXPECT_EQ(nearest_name("key_lenghts", kNames), "key_lengths");
  EXPECT_EQ(nearest_name("num_heads", kNames), "num_heads");
  EXPECT_EQ(nearest_name("num_kvheads", kNames), "num_kv_heads");
}

TEST(NearestName, IsSilentWhereNothingIsNear) {
  EXPECT_EQ(nearest_name("temperature", kNames), "");
  EXPECT_EQ(nearest_name("", kNames), "");
  EXPECT_EQ(nearest_name("x", kNames), "");
  EXPECT_EQ(nearest_name("causal", {}), "");
}

TEST(NearestName, PrefersTheFirstOfEquallyNear) {
  EXPECT_EQ(nearest_name("bat", {"cat", "hat"}), "cat");
  EXPECT_EQ(nearest_name("hat", {"cat", "hat"}), "hat");
}

TEST(Suggestion, AsksOrLists) {
  EXPECT_EQ(suggestion("causl", kNames), ", did you mean 'causal'?");
  EXPECT_EQ(suggestion("temperature", {"a", "b"}), "; known: a, b");
}

}  // namespace
}  // namespace heed
