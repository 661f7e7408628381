// Modules that put attention together with something else are reached from recipes, by the keys that
// docs/mechanisms.md names.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "files.h"
#include "heed/tasks/encoder_part.h"

namespace heed::test {
namespace {

/// What inputs of every kind say of themselves.
const Sizes kSizes = {
    {"image", {3, 16, 8}},    {"documents", {30}}, {"vocabulary", {30}},
    {"segments", {1}},        {"unknown", {1}},    {"words", {30}},
    {"items", {20}},          {"history", {10}},   {"series", {2, 32, 1, 8, 1, 0}},
    {"numbers", {3}},         {"categories", {2}}, {"audio", {8, 20}},
    {"video", {4, 3, 32, 32}}};

struct EncoderOnly {
  Chosen<EncoderPart> encoder;

  template <class Visitor>
  void fields(Visitor&& v) {
    v("encoder", encoder, "");
  }
};

/// The encoder of a recipe that says this much; of joint over a text and an image.
EncoderPtr encoder_of(const std::vector<std::string>& assignments) {
  auto file = RecipeFile::parse("", "recipe");
  for (const auto& assignment : assignments) file.set(assignment);
  EncoderOnly recipe;
  Sizes sizes = kSizes;
  if (assignments.front() == "encoder.kind=joint") {
    recipe.encoder.choose("joint");
    recipe.encoder->follow({{"text", "text"}, {"image", "image"}});
    for (const char* input : {"text.", "image."})
      for (const auto& [name, values] : kSizes) sizes[input + name] = values;
  }
  FieldReader reader(file);
  reader.read(recipe);
  reader.leave();
  return recipe.encoder->make(sizes);
}

bool has_module(const Encoder& encoder, const std::string& type) {
  for (const auto& module : encoder.modules())
    if (module->name() == "heed::nn::" + type + "Impl") return true;
  return false;
}

struct Reached {
  const char* type;
  std::vector<std::string> assignments;
};

const Reached kReached[] = {
    {"HierarchicalAttention", {"encoder.kind=document"}},
    {"CrossModalAttention", {"encoder.kind=joint", "encoder.join=cross"}},
    {"AttentionGate", {"encoder.kind=image", "encoder.skip=attention_gate"}},
    {"SqueezeExcitation",
     {"encoder.kind=image", "encoder.stem=conv", "encoder.gate=squeeze_excitation"}},
    {"Cbam", {"encoder.kind=image", "encoder.stem=conv", "encoder.gate=cbam"}},
    {"LinearAttention", {"encoder.kind=text", "encoder.attention_type=linear"}},
};

TEST(Mechanisms, ARecipeReachesEachModule) {
  for (const auto& [type, assignments] : kReached) {
    EXPECT_TRUE(has_module(*encoder_of(assignments), type)) << type;
    // The last of several keys is what makes the difference.
    auto without = assignments;
    without.pop_back();
    if (without.empty()) continue;
    EXPECT_FALSE(has_module(*encoder_of(without), type)) << type;
  }
}

TEST(Mechanisms, TheDocumentNamesTheirKeys) {
  const auto text = read_bytes(std::filesystem::path(HEED_SOURCE_DIR) / "docs/mechanisms.md");
  for (const auto& [type, assignments] : kReached) {
    std::string keys;
    for (const auto& assignment : assignments) {
      const size_t equals = assignment.find('=');
      keys += (keys.empty() ? "`" : ", `") + assignment.substr(0, equals) + " = " +
              assignment.substr(equals + 1) + "`";
    }
    EXPECT_THAT(text, testing::HasSubstr("| `" + std::string(type) + "` | " + keys + " |"));
  }
}

TEST(Mechanisms, EveryEncoderWithBlocksTakesLinearAttention) {
  std::vector<std::string> without;
  for (const auto& [kind, make] : registry<EncoderPart>()) {
    if (kind == "joint") continue;  // below
    std::vector<std::string> wanted = {"encoder.kind=" + kind, "encoder.attention_type=linear"};
    if (kind == "unet") wanted.emplace_back("encoder.layers=1");  // it has none unless told
    try {
      EXPECT_TRUE(has_module(*encoder_of(wanted), "LinearAttention")) << kind;
    } catch (const ModelError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr("attention_type")) << kind;
      without.push_back(kind);
    }
  }
  EXPECT_THAT(without, testing::ElementsAre("none", "query_reduction", "recurrent"));
  EXPECT_TRUE(has_module(*encoder_of({"encoder.kind=joint", "encoder.attention_type=linear"}),
                         "LinearAttention"));
}

}  // namespace
}  // namespace heed::test
