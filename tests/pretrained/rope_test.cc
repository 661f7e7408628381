// Rotary positions in every spelling of config.json.
#include "pretrained/rope.h"

#include <gmock/gmock.h>

#include "heed/core/error.h"

namespace heed::pretrained {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string rope_text(const std::string& json, const std::vector<RopeOf>& kinds = {{}}) {
  Config config(json, "config.json");
  std::string all;
  for (const auto& rope : read_ropes(config, kinds, 4096)) {
    Attention how;
    how.position = rope;
    all += (all.empty() ? "" : " | ") + Attention::parse(how.text()).text();
  }
  config.end();
  return all;
}

std::string complaint_of(const std::string& json) {
  try {
    return "accepted: " + rope_text(json);
  } catch (const ModelError& error) {
    return error.what();
  }
}

TEST(PretrainedRope, BothSpellings) {
  const auto plain = rope_text(R"({"rope_theta": 500000.0})");
  EXPECT_THAT(plain, HasSubstr("rope(base=5e+05)"));
  EXPECT_EQ(rope_text(R"({"rope_theta": 500000, "rope_scaling": null})"), plain);
  EXPECT_EQ(rope_text(R"({"rope_parameters": {"rope_theta": 500000, "rope_type": "default"}})"),
            plain);
  EXPECT_EQ(rope_text(R"({"rope_parameters": {"rope_type": "default"}, "rope_theta": 500000})"),
            plain);
  const auto linear =
      rope_text(R"({"rope_theta": 500000, "rope_scaling": {"type": "linear", "factor": 4}})");
  EXPECT_THAT(linear, AllOf(HasSubstr("scaling=1"), HasSubstr("factor=4")));
  EXPECT_EQ(rope_text(R"({"rope_parameters":
                {"rope_theta": 500000, "rope_type": "linear", "factor": 4.0}})"),
            linear);
  EXPECT_THAT(rope_text(R"({"rope_theta": 500000, "rope_scaling": {"rope_type": "llama3",
                "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
                "original_max_position_embeddings": 8192}})"),
              AllOf(HasSubstr("scaling=4"), HasSubstr("original=8192"), HasSubstr("beta_fast=4")));
  EXPECT_THAT(
      rope_text(R"({"rope_theta": 1e6, "rope_scaling": {"type": "yarn", "factor": 4}})"),
      AllOf(HasSubstr("scaling=5"), HasSubstr("original=4096"), HasSubstr("1.13862943611")));
}

TEST(PretrainedRope, OneAKindOfLayers) {
  const std::vector<RopeOf> kinds = {
      {.layers = "full_attention"},
      {.layers = "sliding_attention", .old_theta = "rope_local_base_freq", .stretched = false}};
  const auto expected = rope_text(R"({"rope_parameters": {
      "full_attention": {"rope_theta": 1000000, "rope_type": "linear", "factor": 8},
      "sliding_attention": {"rope_theta": 20000, "rope_type": "default"}}})",
                                  kinds);
  EXPECT_THAT(expected, AllOf(HasSubstr("base=1e+06"), HasSubstr("| "), HasSubstr("base=20000")));
  EXPECT_EQ(rope_text(R"({"rope_theta": 1000000, "rope_local_base_freq": 20000,
                          "rope_scaling": {"rope_type": "linear", "factor": 8}})",
                      kinds),
            expected);
}

TEST(PretrainedRope, WhatIsWrong) {
  EXPECT_THAT(complaint_of("{}"), AllOf(HasSubstr("rope_theta"), HasSubstr("no default")));
  EXPECT_THAT(complaint_of(R"({"rope_parameters": {"rope_type": "default"}})"),
              HasSubstr("rope_parameters.rope_theta"));
  EXPECT_THAT(complaint_of(R"({"rope_theta": 1e4, "rope_scaling": {"type": "longrope"}})"),
              AllOf(HasSubstr("'longrope'"), HasSubstr("llama3, yarn")));
  EXPECT_THAT(complaint_of(R"({"rope_theta": 1e4, "rope_scaling": {"type": "linear"}})"),
              HasSubstr("rope_scaling.factor"));
  EXPECT_THAT(complaint_of(R"({"rope_theta": 1e4,
                "rope_scaling": {"type": "linear", "factor": 2, "facter": 2}})"),
              AllOf(HasSubstr("rope_scaling.facter"), HasSubstr("did you mean 'factor'")));
  EXPECT_THAT(complaint_of(R"({"rope_theta": 0})"), HasSubstr("above 0"));
  EXPECT_THAT(complaint_of(R"({"rope_theta": 1e4, "partial_rotary_factor": 0.5})"),
              HasSubstr("partial_rotary_factor"));
}

}  // namespace
}  // namespace heed::pretrained
