// Maps in a file, and files that hold none.
#include "heed/lens/map_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "files.h"
#include "heed/core/error.h"
#include "heed/formats/safetensors.h"
#include "heed/ops/parameters.h"

namespace heed::lens {
namespace {

using testing::HasSubstr;

constexpr int64_t kQueries = 5, kKeys = 7, kWidth = 8;

/// A map with whatever the attention learns.
Map recorded_map(const std::string& text) {
  torch::manual_seed(3);
  const auto how = Attention::parse(text);
  const auto q = torch::randn({1, 2, kQueries, kWidth}), k = torch::randn({1, 2, kKeys, kWidth});
  AttendInputs inputs;
  for (const auto& parameter : parameters_of(how, 2, 2, kWidth))
    inputs.parameters[parameter.name] = torch::randn(parameter.shape);
  return Map("encoder.0." + text, q, k, std::get<1>(attend_with_row_stats(q, k, k, how, inputs)),
             how, inputs);
}

MapFile file_of(std::vector<Map> maps) {
  MapFile file{.model = "models/m", .seen = {}};
  file.seen.shown.text = "ein hund";
  file.seen.shown.tokens = {{"<s>", -1, -1, true}, {"ein", 0, 3, false}};
  file.seen.shown.image = data::Image{{1, 2, 3}, {0, 1, 2, 3, 4, 5}};
  file.seen.grid = TokenGrid{2, 3, true};
  Looked looked;
  looked.prediction = {.text = "a dog", .json = R"({"text": "a dog"})"};
  looked.read = {{"<s>", -1, -1, true}};
  file.seen.heads = {looked};
  file.seen.maps = std::move(maps);
  return file;
}

class MapFiles : public testing::Test {
 protected:
  std::string write(const std::string& bytes) {
    const auto path = (folder_ / "maps.safetensors").string();
    test::write_bytes(path, bytes);
    return path;
  }
  std::string refusal(const std::string& bytes) {
    try {
      read_map_file(write(bytes));
    } catch (const ModelError& error) {
      return error.what();
    }
    return "none";
  }
  test::TemporaryFolder folder_;
};

TEST_F(MapFiles, HaveTheSameWeightsForAnyAttention) {
  std::vector<Map> maps;
  for (const char* text :
       {"scaled_dot", "additive", "scaled_dot; causal; softcap(5)", "cosine; entmax15",
        "scaled_dot; relative(4)", "scaled_dot; window(2,0); sparsemax"})
    maps.push_back(recorded_map(text));
  const auto path = write(to_bytes(file_of(maps)));
  EXPECT_TRUE(is_map_file(path));
  const auto read = read_map_file(path);
  EXPECT_EQ(read.model, "models/m");
  ASSERT_EQ(read.seen.maps.size(), maps.size());
  for (size_t i = 0; i < maps.size(); ++i) {
    EXPECT_EQ(read.seen.maps[i].name(), maps[i].name());
    EXPECT_TRUE(read.seen.maps[i].dense().equal(maps[i].dense())) << maps[i].name();
  }
}

TEST_F(MapFiles, HaveTheExampleAndItsAnswers) {
  const auto read = read_map_file(write(to_bytes(file_of({recorded_map("scaled_dot")})))).seen;
  EXPECT_EQ(read.shown.text, "ein hund");
  ASSERT_EQ(read.shown.tokens.size(), 2u);
  EXPECT_TRUE(read.shown.tokens[0].special);
  EXPECT_EQ(read.shown.tokens[1].end, 3);
  EXPECT_EQ(read.shown.image->values, (std::vector<uint8_t>{0, 1, 2, 3, 4, 5}));
  EXPECT_TRUE(read.grid->class_token);
  EXPECT_EQ(read.heads[0].prediction.text, "a dog");
  EXPECT_EQ(read.heads[0].read[0].text, "<s>");
}

TEST_F(MapFiles, RefuseWhatIsMissingOrWrong) {
  const auto file = parse_safetensors(to_bytes(file_of({recorded_map("scaled_dot")})), "good");
  const auto without = [&](const std::string& name) {
    auto tensors = file.tensors;
    std::erase_if(tensors, [&](const auto& tensor) { return tensor.first == name; });
    return safetensors_bytes(tensors, file.metadata);
  };
  EXPECT_THAT(refusal(without("maps.0.q")), HasSubstr("the tensor maps.0.q is missing"));
  auto more = file.tensors;
  more.emplace_back("maps.1.q", torch::zeros({1}));
  EXPECT_THAT(refusal(safetensors_bytes(more, file.metadata)),
              HasSubstr("maps.1.q belongs to no map"));
  auto other = file.tensors;
  for (auto& [name, tensor] : other)
    if (name == "maps.0.row_stats") tensor = tensor.narrow(3, 0, 1);
  EXPECT_THAT(refusal(safetensors_bytes(other, file.metadata)), HasSubstr("row_stats"));
  auto metadata = file.metadata;
  metadata["maps"] = "{\"model\": 3}";
  EXPECT_THAT(refusal(safetensors_bytes(file.tensors, metadata)), HasSubstr("the key 'maps'"));
  metadata["format"] = "pt";
  EXPECT_THAT(refusal(safetensors_bytes(file.tensors, metadata)), HasSubstr("it holds no maps"));
}

}  // namespace
}  // namespace heed::lens
